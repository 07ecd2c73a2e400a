/* Binary cross-entropy of probabilities: with c = clip(y), the mean over O of -t log c - (1 - t) log(1 - c);
 * dy = w scale (c - t) / (c (1 - c)) / O, 0 where y is clipped. t smoothed towards 1/2.
 * Shapes in op_args.h; dy may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal c = vclip(y), other = 1 - c;
    return (point){.value = -(t * vlog(c) + (1 - t) * vlog(other)),
                   .slope = vsel(vclipped(y), (vreal){0}, (c - t) / (c * other))};
}
PD_LOSS(bce, f)
