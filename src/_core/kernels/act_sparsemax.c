/* sparsemax of each row: y = max(x - t, 0) with the t for which the row sums to 1 (Martins and Astudillo 2016);
 * dx = dy - mean of dy over the row's y > 0, there, else 0.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. t by the method of Michelot (1986): of the numbers
 * above the last t, their sum less 1, divided by how many they are, until they are the same; few passes, O at most.
 * Sums in double, of x - max x. Error: 4 eps, and eps |x|, forward; 4 eps (|dy| + mean |dy|) backward. */
#include "reduce.h"

/* How many of x - top are above t; *sum of those. */
static ptrdiff_t above(const real *x, ptrdiff_t O, vreal top, real t, double *sum) {
    vwide total = {0}, many = {0};
    PD_FOR_VECTORS (i, m, 0, O) {
        const vreal z = vload_m(x + i, m) - top;
        const vint counted_ = (vint)(z > t) & vfirst(m);
        vwide_add(&total, vand(counted_, z));
        vwide_add(&many, vand(counted_, vset(1)));
    }
    *sum = vwide_sum(total);
    return (ptrdiff_t)vwide_sum(many);
}

PD_KERNEL(act_sparsemax_fwd) {
    PD_ARGS(act_fwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->O;
        real *y = (real *)a->y + b * a->O;
        const real most = row_max(x, a->O);
        const vreal top = vset(most);
        real t = -1; /* as the largest is above it by 1, no number of y is above -1 */
        double sum;
        for (ptrdiff_t n = above(x, a->O, top, t, &sum), before = 0; n > 0 && n != before;) {
            t = (real)((sum - 1) / (double)n);
            before = n;
            n = above(x, a->O, top, t, &sum);
            if (n > before) break;
        }
        PD_FOR_VECTORS (i, m, 0, a->O) vstore_m(y + i, vatleast((vload_m(x + i, m) - top) - t, 0), m);
    }
}

PD_KERNEL(act_sparsemax_bwd) {
    PD_ARGS(act_bwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->s + b * a->O, *dy = (const real *)a->dy + b * a->O;
        real *dx = (real *)a->dx + b * a->O;
        vwide sum = {0}, many = {0};
        PD_FOR_VECTORS (i, m, 0, a->O) {
            const vint on = (vint)(vload_m(y + i, m) > 0);
            vwide_add(&sum, vand(on, vload_m(dy + i, m)));
            vwide_add(&many, vand(on, vset(1)));
        }
        const double n = vwide_sum(many);
        const vreal mean = vset((real)(vwide_sum(sum) / (n > 0 ? n : 1)));
        PD_FOR_VECTORS (i, m, 0, a->O)
            vstore_m(dx + i, vand((vint)(vload_m(y + i, m) > 0), vload_m(dy + i, m) - mean), m);
    }
}
