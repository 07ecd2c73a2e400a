/* Huber loss of a row, e = y - t: mean over O of e^2 / 2 where |e| <= a, else a |e| - a^2 / 2;
 * dy = w scale clamp(e, -a, a) / O. Shapes in op_args.h; dy may be y; overwrites. Value within 3 ulp of the row's
 * largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    const vreal e = y - t, c = vclamp(e, -a[0], a[0]);
    return (point){.value = c * (e - PD_R(0.5) * c), .slope = c};
}
PD_LOSS(huber, f)
