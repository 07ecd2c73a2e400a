/* soft_shrink: y = x - alpha where x > alpha, x + alpha where x < -alpha, else 0;  dx = dy where y is not 0, else 0.
 * alpha >= 0.  x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Rounded once. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) { return vsel((vint)(vabs(x) <= alpha), (vreal){0}, x - vcopysign(alpha, x)); }
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return vsel((vint)(y == 0), (vreal){0}, dy);
}
PD_ACTIVATION(soft_shrink, f, df)
