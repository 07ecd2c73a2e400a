/* Categorical hinge of a row: max(n - p + 1, 0) with p = sum(t y) and n = max((1 - t) y) over O; where it is not 0,
 * dy = w scale (-t + (1 - t) / k), the second term only in the k columns that reach the maximum.
 * Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of the row's largest term or of 1. */
#include "loss.h"

PD_INLINE vreal of_others(const real *y, const real *t, ptrdiff_t j, ptrdiff_t m) {
    return (1 - vload_m(t + j, m)) * vload_m(y + j, m);
}

PD_KERNEL(loss_categorical_hinge) {
    PD_ARGS(loss);
    const vreal one = vset(1), zero = {0};
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->y + b * a->O, *t = (const real *)a->t + b * a->O;
        real *dy = a->dy ? (real *)a->dy + b * a->O : NULL;
        const double weight = row_weight(a->w, a->per, a->L, b);
        vwide of_class = {0}, ties = {0};
        vreal most = vset(-(real)__builtin_inf());
        PD_FOR_VECTORS (j, m, 0, a->O) {
            vwide_add_product(&of_class, vand(vfirst(m), vload_m(t + j, m)), vand(vfirst(m), vload_m(y + j, m)));
            most = vmax(most, vsel(vfirst(m), of_others(y, t, j, m), most));
        }
        const real top = vmaximum(most);
        const double gap = (double)top - vwide_sum(of_class) + 1;
        ((real *)a->loss)[b] = (real)(weight * (gap < 0 ? 0 : gap));
        if (!dy) continue;
        PD_FOR_VECTORS (j, m, 0, a->O) vwide_add(&ties, vand(vfirst(m) & (vint)(of_others(y, t, j, m) == top), one));
        /* 0 where the hinge is at rest, NaN where the gap is */
        const vreal factor = vset((real)(gap <= 0 ? 0 : gap > 0 ? weight * a->scale : gap));
        const vreal part = vset((real)(1 / vwide_sum(ties)));
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const vreal v = vload_m(t + j, m),
                        reached = vsel((vint)(of_others(y, t, j, m) == top), (1 - v) * part, zero);
            vstore_m(dy + j, (reached - v) * factor, m);
        }
    }
}
