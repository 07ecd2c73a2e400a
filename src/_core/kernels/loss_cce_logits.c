/* Categorical cross-entropy of logits: with z = y - max(y), the sum over O of t (log(sum(exp z)) - z); p = softmax(y);
 * dy = w scale (p sum(t) - t). t smoothed towards 1/O; sparse: class numbers, not smoothed.
 * Shapes in op_args.h; dy and p may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_INLINE void cce_logits(pd_loss_args a, int sparse, int ith, int nth) {
    ptrdiff_t lo, hi;
    pd_rows(a.B, ith, nth, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a.y + b * a.O;
        real *dy = a.dy ? (real *)a.dy + b * a.O : NULL, *p = a.p ? (real *)a.p + b * a.O : NULL;
        real *e = p ? p : dy; /* holds exp z between the passes; from there on y is not read */
        const double weight = row_weight(a.w, a.group, b);
        const class_targets targets = row_targets(&a, b, sparse);
        vreal top = vset(-(real)__builtin_inf());
        PD_FOR_VECTORS (j, m, 0, a.O) top = vmax(top, vsel(vfirst(m), vload_m(y + j, m), top));
        const vreal max = vset(vmaximum(top));
        vwide esum = {0}, tsum = {0}, tz = {0};
        PD_FOR_VECTORS (j, m, 0, a.O) {
            const vreal z = vload_m(y + j, m) - max, ez = vexp(z), t = vand(vfirst(m), vtargets(targets, j, m, sparse));
            if (e) vstore_m(e + j, ez, m);
            vwide_add(&esum, vand(vfirst(m), ez));
            vwide_add(&tsum, t);
            /* y = -inf rules a class out: that costs nothing unless it is the target */
            vwide_add(&tz, vsel((vint)(t == 0), t, t * z));
        }
        /* One term is exp(0) = 1: without it, log1p keeps the digits of a loss near zero. */
        const double total = vwide_sum(esum), share = vwide_sum(tsum);
        const double log_total = vlog1p(vset((real)(total - 1)))[0];
        ((real *)a.loss)[b] = (real)(weight * (share * log_total - vwide_sum(tz)));
        if (!e) continue;
        const vreal inverse = vset((real)(1 / total)), factor = vset((real)(weight * a.scale));
        PD_FOR_VECTORS (j, m, 0, a.O) {
            const vreal q = vload_m(e + j, m) * inverse, t = vtargets(targets, j, m, sparse);
            if (p) vstore_m(p + j, q, m);
            if (dy) vstore_m(dy + j, (q * (real)share - t) * factor, m);
        }
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
