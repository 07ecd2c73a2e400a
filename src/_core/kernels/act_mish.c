/* mish: y = x tanh(log(1 + e^x)) = x w / (w + 2), w = e (e + 2), e = e^x (Misra 2019);
 *       dx = dy (w / (w + 2) + x 4 e (e + 1) / (w + 2)^2).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: 6 ulp forward (nothing cancels), 6 eps |dy|
 * backward. */
#include "kernel.h"
#include "vmath.h"

#define ONE 40   /* the ratio is 1 from here on in both dtypes, and w does not overflow yet in float32 */
#define FAR 1000 /* it is 0 below minus this: keeps 0 * inf out */

PD_INLINE vreal f(vreal x, vreal alpha) {
    const vreal e = vexp(vatmost(x, ONE)), w = e * (e + 2);
    (void)alpha;
    return vatleast(x, -FAR) * (w / (w + 2));
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    const vreal e = vexp(vatmost(x, ONE)), w = e * (e + 2), d = 1 / (w + 2);
    (void)alpha;
    return dy * vfma(vclamp(x, -FAR, FAR), 4 * e * (e + 1) * d * d, w * d);
}
PD_ACTIVATION(mish, f, df)
