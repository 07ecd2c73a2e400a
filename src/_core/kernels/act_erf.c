/* erf: y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x;  dx = dy 2 / sqrt(pi) e^(-x^2).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: forward 2 ulp; backward 5 eps |dy|. */
#include "kernel.h"
#include "vmath.h"

/* e^(-x^2) is zero from here on in both dtypes. */
#define FAR 40

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return verf(x);
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    const vreal c = vclamp(x, -FAR, FAR);
    (void)alpha;
    return dy * vset(PD_R(1.1283791670955126)) * vexp(-c * c);
}
PD_ACTIVATION(erf, f, df)
