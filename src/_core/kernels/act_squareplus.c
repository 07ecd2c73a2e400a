/* squareplus: y = (x + r) / 2, r = sqrt(x^2 + b), alpha = b >= 0;  dx = dy y^2 / (y^2 + b / 4), which is dy (1 + x /
 * r) / 2.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Below zero y = (b / 4) / ((|x| + r) / 2), so
 * that nothing cancels; nor does it backward, where both terms are positive. Error: 2 ulp forward; 2 ulp backward,
 * and twice that of y. */
#include "kernel.h"

#define FAR PD_R(1e18) /* y is x, or its slope is 1, long before: keeps squares in float32's range */

PD_INLINE vreal f(vreal x, vreal b) {
    const vreal d = vabs(x), m = vatmost(d, FAR), h = (d + vsqrt(vfma(m, m, b))) / 2;
    const vreal y = vsel((vint)(d < FAR), h, d);
    return vsel((vint)(x < 0), b / 4 / y, y);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal b) {
    const vreal m = vatmost(y, FAR), q = m * m, sum = q + b / 4;
    return vsel((vint)(sum <= 0), (vreal){0}, dy * (q / sum)); /* 0 / 0: the flat part of relu, which it is for b = 0 */
}
PD_ACTIVATION(squareplus, f, df)
