/* hard_tanh: y = min(max(x, -1), 1);  dx = dy where -1 < y < 1, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Exact. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vclamp(x, -1, 1);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return vand((vint)(vabs(y) < 1), dy);
}
PD_ACTIVATION(hard_tanh, f, df)
