/* Quantile (pinball) loss of a row, e = t - y: mean over O of a e where e > 0, else (a - 1) e;
 * dy = w scale (-a, 1 - a or, where e = 0, 0) / O. Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of
 * the row's largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    const vreal e = t - y, share = vsel((vint)(e > 0), a, a - 1);
    return (point){.value = share * e, .slope = vsel((vint)(e == 0) | visnan(e), e, -share)};
}
PD_LOSS(quantile, f)
