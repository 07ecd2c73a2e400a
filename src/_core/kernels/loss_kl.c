/* Kullback-Leibler divergence of a row, c = clamp(y, EPSILON, 1) and s = clamp(t, EPSILON, 1):
 * sum over O of s log(s / c);  dy = w scale (-s / c), 0 where y is clamped.
 * Shapes in op_args.h; dy may be y; overwrites. Value within 4 ulp of the row's largest term or of 1. */
#include "loss.h"
#include "vmath.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal c = vclamp(y, EPSILON, 1), s = vclamp(t, EPSILON, 1), ratio = s / c;
    return (point){.value = s * vlog(ratio), .slope = vsel((vint)(y < EPSILON) | (vint)(y > 1), (vreal){0}, -ratio)};
}
PD_LOSS_SUM(kl, f)
