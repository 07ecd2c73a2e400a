/* tanh: y = tanh(x);  dx = dy (1 - y^2).
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: 3 ulp forward, 2 ulp backward (given y). */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vtanh(x);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * ((1 - y) * (1 + y)); /* 1 - y is exact next to 1, y^2 is not */
}
PD_ACTIVATION(tanh, f, df)
