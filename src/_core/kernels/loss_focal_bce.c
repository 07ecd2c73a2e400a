/* Binary focal cross-entropy: the mean over O of W u^a C, where C is the binary cross-entropy of t and the probability
 * p, u = t (1 - p) + (1 - t) p, a the focusing parameter, and W = t b + (1 - t) (1 - b), or 1 if b < 0.
 *   loss_focal_bce          p = y; C of clip(y), whose slope is 0 where y is clipped
 *   loss_focal_bce_logits   p = sigmoid(y), which is written to p
 * t smoothed towards 1/2. Shapes in op_args.h; dy and p may be y; overwrites. */
#include "focal.h"

PD_INLINE vreal balance(vreal t, vreal b) { return vsel((vint)(b < 0), vset(1), t * b + (1 - t) * (1 - b)); }

PD_INLINE point of_probability(vreal y, vreal t, vreal a, vreal b) {
    const vreal c = vclip(y), other = 1 - c, w = balance(t, b);
    const vreal entropy = -(t * vlog(c) + (1 - t) * vlog(other));
    const vreal slope = vsel(vclipped(y), (vreal){0}, (c - t) / (c * other));
    vreal dpower;
    const vreal power = focus(t * (1 - y) + (1 - t) * y, a, EPSILON, &dpower);
    return (point){.value = w * power * entropy, .slope = w * (power * slope + dpower * (1 - 2 * t) * entropy)};
}
PD_LOSS_AB(focal_bce, of_probability)

PD_INLINE point of_logit(vreal y, vreal t, vreal a, vreal b) {
    const vreal e = vexp(-vabs(y)), q = 1 / (1 + e), w = balance(t, b);
    const vint positive = (vint)(y >= 0);
    const vreal p = vsel(positive, q, e * q), other = vsel(positive, e * q, q);
    const vreal entropy = vmax(y, (vreal){0}) - y * t + vlog1p(e);
    vreal dpower;
    const vreal power = focus(t * other + (1 - t) * p, a, PD_R(1e-30), &dpower);
    const vreal slope = power * (p - t) + dpower * (p * other) * (1 - 2 * t) * entropy;
    return (point){.value = w * power * entropy, .slope = w * slope, .p = p};
}
PD_LOSS_AB(focal_bce_logits, of_logit)
