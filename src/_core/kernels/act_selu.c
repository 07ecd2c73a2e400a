/* selu: y = c x where x >= 0, else c a (e^x - 1);  dx = c dy where y >= 0, else dy (y + c a).
 * c and a are the fixed point of Klambauer et al. (2017), eq. 14: activations keep mean 0 and variance 1.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: 4 ulp forward; backward 2 eps |dy|. */
#include "kernel.h"
#include "vmath.h"

#define SCALE 1.0507009873554804934193349852946
#define ALPHA 1.6732632423543772848170429916717

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vsel((vint)(x < 0), vset((real)(SCALE * ALPHA)) * vexpm1(x), vset((real)SCALE) * x);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * vsel((vint)(y >= 0), vset((real)SCALE), y + vset((real)(SCALE * ALPHA)));
}
PD_ACTIVATION(selu, f, df)
