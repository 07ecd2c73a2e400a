/* hard_silu: y = x min(max(x + 3, 0), 6) / 6;  dx = dy (2 x + 3) / 6 where -3 < x < 3, 0 below, dy above.
 * Howard et al. 2019.  x y dy dx [B][O]; backward reads x; in place allowed; overwrites.
 * Error: 2 eps (1 + |y|) forward, 2 eps |dy| backward. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vatleast(x, -3) * (vclamp(x + 3, 0, 6) / 6); /* not -inf * 0 */
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    (void)alpha;
    const vreal within = dy * ((vclamp(x, -3, 3) * 2 + 3) / 6);
    return vsel((vint)(x >= 3), dy, vsel((vint)(x <= -3), (vreal){0}, within));
}
PD_ACTIVATION(hard_silu, f, df)
