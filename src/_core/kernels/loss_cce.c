/* Categorical cross-entropy of probabilities: with q = y / sum(y) and c = clip(q), the sum over O of -t log c;
 * dy = w scale (g - sum(g q)) / sum(y) with g = -t / c, 0 where q is clipped. t smoothed towards 1/O; sparse: class
 * numbers, not smoothed. Shapes in op_args.h; dy may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_INLINE void cce(pd_loss_args a, int sparse, pd_share share) {
    ptrdiff_t lo, hi;
    pd_rows(a.B, a.L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a.y + b * a.O;
        real *dy = a.dy ? (real *)a.dy + b * a.O : NULL;
        const double weight = row_weight(a.w, a.per, a.L, b);
        const class_targets targets = row_targets(&a, b, sparse);
        vwide ysum = {0}, loss = {0}, unclipped = {0}; /* unclipped: of targets, which is -sum(g q) */
        PD_FOR_VECTORS (j, m, 0, a.O) vwide_add(&ysum, vload_m(y + j, m));
        const vreal total = vset((real)vwide_sum(ysum));
        PD_FOR_VECTORS (j, m, 0, a.O) {
            const vreal q = vload_m(y + j, m) / total, t = vand(vfirst(m), vtargets(targets, j, m, sparse));
            vwide_add(&loss, vand(vfirst(m), t * vlog(vclip(q))));
            vwide_add(&unclipped, vand(~vclipped(q), t));
        }
        ((real *)a.loss)[b] = (real)(-weight * vwide_sum(loss));
        if (!dy) continue;
        const vreal mean = vset((real)vwide_sum(unclipped)), factor = vset((real)(weight * a.scale)) / total;
        PD_FOR_VECTORS (j, m, 0, a.O) {
            const vreal q = vload_m(y + j, m) / total, t = vtargets(targets, j, m, sparse);
            vstore_m(dy + j, (mean - vand(~vclipped(q), t / vclip(q))) * factor, m);
        }
    }
}

PD_KERNEL(loss_cce) {
    PD_ARGS(loss);
    cce(*a, 0, share);
}
PD_KERNEL(loss_sparse_cce) {
    PD_ARGS(loss);
    cce(*a, 1, share);
}
