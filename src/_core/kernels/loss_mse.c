/* Mean squared error of a row: mean over O of (y - t)^2;  dy = w scale 2 (y - t) / O. Also the metric of that name.
 * Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of the row's largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal d = y - t;
    return (point){.value = d * d, .slope = 2 * d};
}
PD_LOSS(mse, f)
PD_METRIC(mse, f)
