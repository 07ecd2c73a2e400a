/* Mean squared logarithmic error of a row: mean over O of d^2, d = log(1 + y) - log(1 + t), y and t at least EPSILON;
 * dy = w scale 2 d / (1 + y) / O, 0 where y <= EPSILON. Shapes in op_args.h; dy may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal d = vlog1p(vatleast(y, EPSILON)) - vlog1p(vatleast(t, EPSILON));
    return (point){.value = d * d, .slope = vsel((vint)(y <= EPSILON), (vreal){0}, 2 * d / (1 + y))};
}
PD_LOSS(msle, f)
