/* log_softmax of each row: y = (x - max x) - log sum e^(x - max x);  dx = dy - e^y sum dy.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. A row is one thread's, so its bits do not depend on
 * the split. Error: forward 6 eps |y| in float32 down to |y| = 1e-9, 4 eps (|y| + 1) in double, whose sum has no digits
 * to spare; backward 4 eps (|dy| + |sum dy|). */
#include "reduce.h"
#include "vmath.h"

PD_KERNEL(act_log_softmax_fwd) {
    PD_ARGS(act_fwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->O;
        real *y = (real *)a->y + b * a->O;
        const vreal top = vset(row_max(x, a->O));
        vwide sum = {0};
        PD_FOR_VECTORS (i, m, 0, a->O) vwide_add(&sum, vand(vfirst((int)m), vexp(vload_m(x + i, m) - top)));
        const vreal log_sum =
            vlog1p(vset((real)(vwide_sum(sum) - 1))); /* one term is 1: keeps the digits of y near 0 */
        PD_FOR_VECTORS (i, m, 0, a->O) vstore_m(y + i, (vload_m(x + i, m) - top) - log_sum, m);
    }
}

PD_KERNEL(act_log_softmax_bwd) {
    PD_ARGS(act_bwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->s + b * a->O, *dy = (const real *)a->dy + b * a->O;
        real *dx = (real *)a->dx + b * a->O;
        vwide sum = {0};
        PD_FOR_VECTORS (i, m, 0, a->O) vwide_add(&sum, vload_m(dy + i, m));
        const vreal total = vset((real)vwide_sum(sum));
        PD_FOR_VECTORS (i, m, 0, a->O) vstore_m(dx + i, vload_m(dy + i, m) - vexp(vload_m(y + i, m)) * total, m);
    }
}
