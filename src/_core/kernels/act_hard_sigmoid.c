/* hard_sigmoid: y = min(max(x + 3, 0), 6) / 6;  dx = dy / 6 where 0 < y < 1, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: eps / 2 forward, 1 ulp backward. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vclamp(x + 3, 0, 6) / 6;
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return vand((vint)(y > 0) & (vint)(y < 1), dy / 6);
}
PD_ACTIVATION(hard_sigmoid, f, df)
