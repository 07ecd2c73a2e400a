/* sparse_sigmoid: y = min(max((x + 1) / 2, 0), 1);  dx = dy / 2 where 0 < y < 1, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Rounded once. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return (vclamp(x, -1, 1) + 1) / 2;
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return vand((vint)(y > 0) & (vint)(y < 1), dy / 2);
}
PD_ACTIVATION(sparse_sigmoid, f, df)
