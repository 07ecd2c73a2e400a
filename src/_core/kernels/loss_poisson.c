/* Poisson loss of a row: mean over O of y - t log(y + EPSILON);  dy = w scale (1 - t / (y + EPSILON)) / O.
 * Shapes in op_args.h; dy may be y; overwrites. NaN where y < -EPSILON. */
#include "loss.h"
#include "vmath.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal rate = y + EPSILON;
    return (point){.value = y - t * vlog(rate), .slope = 1 - t / rate};
}
PD_LOSS(poisson, f)
