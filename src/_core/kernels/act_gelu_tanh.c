/* gelu_tanh: y = x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3);
 *            dx = dy (s + x s (1 - s) 2 u'), s = sigmoid(2 u).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: (4 + 4 |u|) ulp forward, where the rounding
 * of u counts only for negative x; backward 16 eps |dy|. */
#include "kernel.h"
#include "vmath.h"

#define C1 PD_R(1.5957691216057308)   /* 2 sqrt(2/pi) */
#define C3 PD_R(0.071354816272600248) /* 2 sqrt(2/pi) 0.044715 */
#define FAR 40                        /* sigmoid(2 u) is 0 or 1 there in both dtypes: keeps 0 * inf out */

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    x = vatleast(x, -FAR);
    return x * vsigmoid(x * vfma(x * x, vset(C3), vset(C1)));
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    vreal slope;
    (void)alpha;
    x = vclamp(x, -FAR, FAR);
    const vreal q = x * x, s = vsigmoid_slope(x * vfma(q, vset(C3), vset(C1)), &slope);
    return dy * vfma(x * slope, vfma(q, vset(3 * C3), vset(C1)), s);
}
PD_ACTIVATION(gelu_tanh, f, df)
