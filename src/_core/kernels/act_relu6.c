/* relu6: y = min(max(x, 0), alpha), alpha = 6 unless told otherwise;  dx = dy where 0 < y < alpha, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Exact. */
#include "kernel.h"

PD_INLINE vreal f(vreal x, vreal alpha) { return vclamp(x, 0, alpha[0]); }
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) { return vand((vint)(y > 0) & (vint)(y < alpha), dy); }
PD_ACTIVATION(relu6, f, df)
