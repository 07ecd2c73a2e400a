/* celu: y = x where x >= 0, else alpha (e^(x / alpha) - 1);  dx = dy where y >= 0, else dy (y / alpha + 1). alpha > 0.
 * Barron 2017.  x y dy dx [B][O]; backward reads y; in place allowed; overwrites.
 * Error: 3 ulp, and x / alpha eps of y - alpha, forward; backward 2 eps |dy|. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) { return vsel((vint)(x < 0), alpha * vexpm1(x / alpha), x); }
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) { return vsel((vint)(y >= 0), dy, dy * (y / alpha + 1)); }
PD_ACTIVATION(celu, f, df)
