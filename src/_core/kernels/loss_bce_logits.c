/* Binary cross-entropy of logits: the mean over O of max(y, 0) - y t + log(1 + exp(-|y|)), which overflows nowhere;
 * p = sigmoid(y); dy = w scale (p - t) / O. t smoothed towards 1/2.
 * Shapes in op_args.h; dy and p may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal e = vexp(-vabs(y)), q = 1 / (1 + e), p = vsel((vint)(y >= 0), q, e * q);
    return (point){.value = vmax(y, (vreal){0}) - y * t + vlog1p(e), .slope = p - t, .p = p};
}
PD_LOSS(bce_logits, f)
