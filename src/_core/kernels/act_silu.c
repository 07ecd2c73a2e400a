/* silu (swish): y = x sigmoid(x);  dx = dy (s + x s (1 - s)), s = sigmoid(x).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: 4 ulp forward, 4 eps |dy| backward. */
#include "kernel.h"
#include "vmath.h"

#define FAR 1000 /* sigmoid is 0 or 1 there in both dtypes: keeps 0 * inf out */

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vatleast(x, -FAR) * vsigmoid(x);
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    vreal slope;
    const vreal s = vsigmoid_slope(x, &slope);
    (void)alpha;
    return dy * vfma(vclamp(x, -FAR, FAR), slope, s);
}
PD_ACTIVATION(silu, f, df)
