/* relu: y = max(x, 0), NaN stays NaN;  dx = dy where y > 0, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Exact. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vsel((vint)(x <= 0), (vreal){0}, x);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return vsel((vint)(y <= 0), (vreal){0}, dy);
}
PD_ACTIVATION(relu, f, df)
