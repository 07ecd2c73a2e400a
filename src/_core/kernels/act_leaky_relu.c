/* leaky_relu: y = x where x > 0, else alpha x;  dx = dy where y > 0, else alpha dy. alpha > 0 is the slope.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. One rounding. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) { return vsel((vint)(x <= 0), alpha * x, x); }
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) { return vsel((vint)(y <= 0), alpha * dy, dy); }
PD_ACTIVATION(leaky_relu, f, df)
