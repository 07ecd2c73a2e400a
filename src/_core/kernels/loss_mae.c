/* Mean absolute error of a row: mean over O of |y - t|;  dy = w scale sign(y - t) / O, 0 where y = t. Also the metric
 * of that name. Shapes in op_args.h; dy may be y; overwrites. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal d = y - t;
    return (point){.value = vabs(d), .slope = vsel((vint)(vabs(d) > 0), vcopysign(vset(1), d), d)};
}
PD_LOSS(mae, f)
PD_METRIC(mae, f)
