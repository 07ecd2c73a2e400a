/* Categorical cross-entropy of logits: with z = y - max(y), the sum over O of t (log(sum(exp z)) - z); p = softmax(y);
 * dy = w scale (p sum(t) - t). t smoothed towards 1/O; sparse: class numbers, not smoothed.
 * Shapes in op_args.h; dy and p may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

/* Rows that share one logarithm, and what their losses are made of: share log1p(excess) - tz. */
typedef struct {
    real weight[VL], excess[VL], share[VL], tz[VL];
    double total[VL]; /* of exp z */
} group_sums;

/* The sums of row b, the i-th of its group; e, which may be y or NULL, receives exp z. */
PD_INLINE void row_sums(const pd_loss_args *a, ptrdiff_t b, ptrdiff_t i, int sparse, real *e, group_sums *g) {
    const ptrdiff_t O = a->O;
    const real *y = (const real *)a->y + b * O, top = row_max(y, O);
    const class_targets targets = row_targets(a, b, sparse);
    if (sparse) { /* the only term; what is no number makes the row NaN */
        const real c = row_class(a, b), none = c - c;
        const int named = c >= 0 && c < (real)O;
        g->share[i] = named ? 1 : none;
        g->tz[i] = named ? y[(ptrdiff_t)c] - top : none;
    }
    const vreal max = vset(top);
    vwide esum = {0}, tsum = {0}, tzsum = {0};
    PD_FOR_VECTORS (j, m, 0, O) {
        const vreal z = vload_m(y + j, m) - max, ez = vexp(z);
        if (e) vstore_m(e + j, ez, m);
        vwide_add(&esum, vand(vfirst(m), ez));
        if (sparse) continue;
        const vreal t = vand(vfirst(m), vtargets(targets, j, m, sparse));
        vwide_add(&tsum, t);
        /* y = -inf rules a class out: that costs nothing unless it is the target */
        vwide_add(&tzsum, vsel((vint)(t == 0), t, t * z));
    }
    g->total[i] = vwide_sum(esum);
    g->excess[i] = (real)(g->total[i] - 1); /* one term is exp(0) = 1: without it, log1p keeps the digits near zero */
    if (sparse) return;
    g->share[i] = (real)vwide_sum(tsum);
    g->tz[i] = (real)vwide_sum(tzsum);
}

/* Probabilities and gradient of that row from its exp z. */
PD_INLINE void row_gradient(const pd_loss_args *a, ptrdiff_t b, ptrdiff_t i, int sparse, const real *e,
                            const group_sums *g) {
    real *dy = a->dy ? (real *)a->dy + b * a->O : NULL, *p = a->p ? (real *)a->p + b * a->O : NULL;
    const class_targets targets = row_targets(a, b, sparse);
    const vreal inverse = vset((real)(1 / g->total[i])), factor = vset((real)((double)g->weight[i] * a->scale));
    PD_FOR_VECTORS (j, m, 0, a->O) {
        const vreal q = vload_m(e + j, m) * inverse, t = vtargets(targets, j, m, sparse);
        if (p) vstore_m(p + j, q, m);
        if (dy) vstore_m(dy + j, (q * g->share[i] - t) * factor, m);
    }
}

PD_INLINE void cce_logits(pd_loss_args a, int sparse, pd_share share) {
    ptrdiff_t lo, hi;
    pd_rows(a.B, a.L, share, &lo, &hi);
    real *into = a.p ? (real *)a.p : (real *)a.dy;
    const int few = into && a.O <= VL;
    _Alignas(PD_VBYTES) real stage[VL * VL];
    PD_FOR_VECTORS (b, m, lo, hi) {
        group_sums g = {{0}, {0}, {0}, {0}, {0}};
        for (ptrdiff_t i = 0; i < m; i++) {
            g.weight[i] = row_weight(a.w, a.per, a.L, b + i);
            /* a short row stored in place would hold up the load of the next, which shares its cache line */
            real *e = few ? stage + i * VL : into ? into + (b + i) * a.O : NULL;
            row_sums(&a, b + i, i, sparse, e, &g);
            if (e && !few) row_gradient(&a, b + i, i, sparse, e, &g);
        }
        for (ptrdiff_t i = 0; few && i < m; i++) row_gradient(&a, b + i, i, sparse, stage + i * VL, &g);
        const vreal loss = vload(g.share) * vlog1p(vload(g.excess)) - vload(g.tz);
        vstore_m((real *)a.loss + b, vload(g.weight) * loss, m);
    }
}

PD_KERNEL(loss_cce_logits) {
    PD_ARGS(loss);
    cce_logits(*a, 0, share);
}
PD_KERNEL(loss_sparse_cce_logits) {
    PD_ARGS(loss);
    cce_logits(*a, 1, share);
}
