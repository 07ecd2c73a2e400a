/* gelu: y = x Phi(x), Phi the standard normal distribution function (Hendrycks and Gimpel 2016);
 *       dx = dy (Phi(x) + x e^(-x^2/2) / sqrt(2 pi)).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: forward 6 ulp, in the negative tail too,
 * where nothing cancels (down to 1e-36 in float32, 1e-306 in double: what is smaller flushes to zero); backward 6 eps
 * |dy|. */
#include "kernel.h"
#include "vmath.h"

/* Phi(-40) and the density at 40 are zero in both dtypes, so the limit keeps 0 * inf out and changes nothing else. */
#define FAR 40

PD_INLINE vreal f(vreal x, vreal alpha) {
    vreal bell;
    (void)alpha;
    return vatleast(x, -FAR) * vnormal(x, &bell);
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    vreal bell;
    const vreal phi = vnormal(x, &bell);
    (void)alpha;
    return dy * (phi + vclamp(x, -FAR, FAR) * bell * vset(PD_R(0.3989422804014327)));
}
PD_ACTIVATION(gelu, f, df)
