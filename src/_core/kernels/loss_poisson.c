/* Poisson losses of a row: mean over O of m - t log m + a (t log t - t), for counts t >= 0 that are m on average.
 * a = 0: the loss as such; a = 1: half the deviance, 0 where m = t.
 *   loss_poisson       m = y, and y + EPSILON in the logarithm;  dy = w scale (1 - t / (y + EPSILON)) / O
 *   loss_poisson_log   m = e^y, no EPSILON;  dy = w scale (m - t) / O;  p = m
 * Shapes in op_args.h; dy and p may be y; overwrites. NaN where y of loss_poisson is below -EPSILON. */
#include "loss.h"
#include "vmath.h"

/* Close to a = 1 and m = t no large numbers cancel. */
PD_INLINE vreal value(vreal m, vreal log_m, vreal t, vreal a) {
    const vreal log_t = vsel((vint)(t > 0), vlog(t), (vreal){0});
    return (m - a * t) + t * (a * log_t - log_m);
}

PD_INLINE point of_mean(vreal y, vreal t, vreal a) {
    const vreal rate = y + EPSILON;
    return (point){.value = value(y, vlog(rate), t, a), .slope = 1 - t / rate};
}
PD_LOSS(poisson, of_mean)

PD_INLINE point of_log(vreal y, vreal t, vreal a) {
    const vreal m = vexp(y);
    return (point){.value = value(m, y, t, a), .slope = m - t, .p = m};
}
PD_LOSS(poisson_log, of_log)
