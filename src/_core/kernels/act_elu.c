/* elu: y = x where x >= 0, else alpha (e^x - 1);  dx = dy where y >= 0, else dy (y + alpha). alpha > 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: 3 ulp forward; backward eps alpha |dy|. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) { return vsel((vint)(x < 0), alpha * vexpm1(x), x); }
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) { return vsel((vint)(y >= 0), dy, dy * (y + alpha)); }
PD_ACTIVATION(elu, f, df)
