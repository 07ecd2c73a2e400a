/* sigmoid: y = 1 / (1 + e^-x);  dx = dy y (1 - y).
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: 3 ulp forward, 2 ulp backward (given y). */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vsigmoid(x);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * (y * (1 - y));
}
PD_ACTIVATION(sigmoid, f, df)
