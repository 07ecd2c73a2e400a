/* Categorical focal cross-entropy: the sum over O of -b t (1 - c)^a log c, where a is the focusing parameter, b a
 * factor and c the probability of a class.
 *   loss_focal_cce          c = clip(q), q = y / sum(y); with h = c d / dc, 0 where q is clipped,
 *                           dy = w scale (h / c - sum(h)) / sum(y)
 *   loss_focal_cce_logits   c = softmax(y), which is written to p; dy = w scale (h - c sum(h))
 * t smoothed towards 1/O. Shapes in op_args.h; dy and p may be y; overwrites. */
#include "focal.h"

/* The term of one class and c times its derivative by c, given log c and 1 - c; both 0 where t is. */
typedef struct {
    vreal value, slope;
} term;
PD_INLINE term term_of(vreal t, vreal c, vreal log_c, vreal rest, real least, const pd_loss_args *a) {
    vreal dpower;
    const vreal power = focus(rest, vset((real)a->a), least, &dpower), scaled = t * (real)a->b;
    const vint none = (vint)(t == 0);
    return (term){.value = vsel(none, t, -scaled * power * log_c),
                  .slope = vsel(none, t, scaled * (dpower * c * log_c - power))};
}

PD_KERNEL(loss_focal_cce) {
    PD_ARGS(loss);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->y + b * a->O;
        real *dy = a->dy ? (real *)a->dy + b * a->O : NULL;
        const double weight = row_weight(a->w, a->per, a->L, b);
        const class_targets targets = row_targets(a, b, 0);
        vwide ysum = {0}, loss = {0}, mean = {0};
        PD_FOR_VECTORS (j, m, 0, a->O) vwide_add(&ysum, vand(vfirst(m), vload_m(y + j, m)));
        const vreal total = vset((real)vwide_sum(ysum));
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const vreal q = vload_m(y + j, m) / total, c = vclip(q), t = vtargets(targets, j, m, 0);
            const term one = term_of(t, c, vlog(c), 1 - c, EPSILON, a);
            const vreal h = vand(~vclipped(q), one.slope);
            vwide_add(&loss, vand(vfirst(m), one.value));
            vwide_add(&mean, vand(vfirst(m), h));
            if (dy) vstore_m(dy + j, h / c, m);
        }
        ((real *)a->loss)[b] = (real)(weight * vwide_sum(loss));
        if (!dy) continue;
        const vreal shift = vset((real)vwide_sum(mean)), factor = vset((real)(weight * a->scale)) / total;
        PD_FOR_VECTORS (j, m, 0, a->O) vstore_m(dy + j, (vload_m(dy + j, m) - shift) * factor, m);
    }
}

/* A logit's share of the row: its probability and its term. */
PD_INLINE term of_logit(const pd_loss_args *a, class_targets targets, vreal y, vreal log_total, ptrdiff_t j,
                        ptrdiff_t m, vreal *c) {
    const vreal log_c = y - log_total;
    *c = vexp(log_c);
    return term_of(vtargets(targets, j, m, 0), *c, log_c, -vexpm1(log_c), PD_R(1e-30), a);
}

PD_KERNEL(loss_focal_cce_logits) {
    PD_ARGS(loss);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->y + b * a->O;
        real *dy = a->dy ? (real *)a->dy + b * a->O : NULL, *p = a->p ? (real *)a->p + b * a->O : NULL;
        const double weight = row_weight(a->w, a->per, a->L, b);
        const class_targets targets = row_targets(a, b, 0);
        const vreal top = vset(row_max(y, a->O)), factor = vset((real)(weight * a->scale));
        vwide total = {0}, loss = {0}, mean = {0};
        vreal c;
        PD_FOR_VECTORS (j, m, 0, a->O) vwide_add(&total, vand(vfirst(m), vexp(vload_m(y + j, m) - top)));
        const vreal log_total = vlog1p(vset((real)(vwide_sum(total) - 1)));
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const term one = of_logit(a, targets, vload_m(y + j, m) - top, log_total, j, m, &c);
            vwide_add(&loss, vand(vfirst(m), one.value));
            vwide_add(&mean, vand(vfirst(m), one.slope));
        }
        ((real *)a->loss)[b] = (real)(weight * vwide_sum(loss));
        if (!dy && !p) continue;
        const vreal shift = vset((real)vwide_sum(mean));
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const term one = of_logit(a, targets, vload_m(y + j, m) - top, log_total, j, m, &c);
            if (p) vstore_m(p + j, c, m);
            if (dy) vstore_m(dy + j, (one.slope - c * shift) * factor, m);
        }
    }
}
