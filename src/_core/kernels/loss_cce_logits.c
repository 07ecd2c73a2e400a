/* Categorical cross-entropy of logits: with z = y - max(y), the sum over O of t (log(sum(exp z)) - z); p = softmax(y);
 * dy = w scale (p sum(t) - t). t smoothed towards 1/O; sparse: class numbers, not smoothed.
 * Shapes in op_args.h; dy and p may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

/* Row b: its probabilities and gradient, and what its loss is made of: share log(1 + excess) - tz. */
PD_INLINE void row(const pd_loss_args *a, ptrdiff_t b, int sparse, double weight, real *excess, real *share, real *tz) {
    const ptrdiff_t O = a->O;
    const real *y = (const real *)a->y + b * O;
    real *dy = a->dy ? (real *)a->dy + b * O : NULL, *p = a->p ? (real *)a->p + b * O : NULL;
    real *e = p ? p : dy; /* holds exp z between the passes; from there on y is not read */
    const class_targets targets = row_targets(a, b, sparse);
    const vreal max = vset(row_max(y, O));
    vwide esum = {0}, tsum = {0}, tzsum = {0};
    PD_FOR_VECTORS (j, m, 0, O) {
        const vreal z = vload_m(y + j, m) - max, ez = vexp(z), t = vand(vfirst(m), vtargets(targets, j, m, sparse));
        if (e) vstore_m(e + j, ez, m);
        vwide_add(&esum, vand(vfirst(m), ez));
        vwide_add(&tsum, t);
        /* y = -inf rules a class out: that costs nothing unless it is the target */
        vwide_add(&tzsum, vsel((vint)(t == 0), t, t * z));
    }
    const double total = vwide_sum(esum);
    *excess = (real)(total - 1); /* one term is exp(0) = 1: without it, log1p keeps the digits of a loss near zero */
    *share = (real)vwide_sum(tsum);
    *tz = (real)vwide_sum(tzsum);
    if (!e) return;
    const vreal inverse = vset((real)(1 / total)), factor = vset((real)(weight * a->scale));
    PD_FOR_VECTORS (j, m, 0, O) {
        const vreal q = vload_m(e + j, m) * inverse, t = vtargets(targets, j, m, sparse);
        if (p) vstore_m(p + j, q, m);
        if (dy) vstore_m(dy + j, (q * *share - t) * factor, m);
    }
}

PD_INLINE void cce_logits(pd_loss_args a, int sparse, int ith, int nth) {
    ptrdiff_t lo, hi;
    pd_rows(a.B, ith, nth, &lo, &hi);
    PD_FOR_VECTORS (b, m, lo, hi) { /* as many rows as share one logarithm */
        real weight[VL] = {0}, excess[VL] = {0}, share[VL] = {0}, tz[VL] = {0};
        for (ptrdiff_t i = 0; i < m; i++) {
            weight[i] = row_weight(a.w, a.group, b + i);
            row(&a, b + i, sparse, weight[i], &excess[i], &share[i], &tz[i]);
        }
        const vreal loss = vload(share) * vlog1p(vload(excess)) - vload(tz);
        vstore_m((real *)a.loss + b, vload(weight) * loss, m);
    }
}

PD_KERNEL(loss_cce_logits) {
    PD_ARGS(loss);
    cce_logits(*a, 0, ith, nth);
}
PD_KERNEL(loss_sparse_cce_logits) {
    PD_ARGS(loss);
    cce_logits(*a, 1, ith, nth);
}
