/* Mean absolute percentage error of a row, d = max(|t|, EPSILON): mean over O of 100 |y - t| / d;
 * dy = w scale 100 sign(y - t) / d / O, 0 where y = t. Shapes in op_args.h; dy may be y; overwrites. Value within
 * 4 ulp of the row's largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal e = y - t, each = 100 / vatleast(vabs(t), EPSILON);
    return (point){.value = vabs(e) * each, .slope = vsel((vint)(vabs(e) > 0), vcopysign(each, e), e)};
}
PD_LOSS(mape, f)
