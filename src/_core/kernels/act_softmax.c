/* softmax of each row: y = e^(x - max x) / sum e^(x - max x);  dx = y (dy - sum dy y).
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. A row is one thread's, so its bits do not depend on
 * the split. Error: forward (4 + |x - max| / 2) eps y, where the second part is the rounding of x - max;
 * backward 4 eps y (|dy| + sum |dy y|). */
#include "reduce.h"
#include "vmath.h"

PD_KERNEL(act_softmax_fwd) {
    PD_ARGS(act_fwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->O;
        real *y = (real *)a->y + b * a->O;
        const vreal top = vset(row_max(x, a->O));
        vwide sum = {0};
        PD_FOR_VECTORS (i, m, 0, a->O) {
            const vreal e = vexp(vload_m(x + i, m) - top);
            vstore_m(y + i, e, m);
            vwide_add(&sum, vand(vfirst((int)m), e));
        }
        const vreal inv = vset((real)(1 / vwide_sum(sum)));
        PD_FOR_VECTORS (i, m, 0, a->O) vstore_m(y + i, vload_m(y + i, m) * inv, m);
    }
}

PD_KERNEL(act_softmax_bwd) {
    PD_ARGS(act_bwd);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->s + b * a->O, *dy = (const real *)a->dy + b * a->O;
        real *dx = (real *)a->dx + b * a->O;
        vwide sum = {0};
        PD_FOR_VECTORS (i, m, 0, a->O) vwide_add(&sum, vload_m(y + i, m) * vload_m(dy + i, m));
        const vreal mean = vset((real)vwide_sum(sum));
        PD_FOR_VECTORS (i, m, 0, a->O) vstore_m(dx + i, vload_m(y + i, m) * (vload_m(dy + i, m) - mean), m);
    }
}
