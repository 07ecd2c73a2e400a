/* Steps that count. mask_steps: m[b] = 1 if any of x[b] differs from value (NaN does), y[b] = x[b] there and 0
 * elsewhere. keep_steps, its backward pass: y[b] (+)= x[b] where m[b] is not 0, and 0 elsewhere, whatever x[b] holds.
 * x y [B][O], m [B]; y may be x, or NULL in mask_steps. Exact. */
#include "reduce.h"

PD_KERNEL(mask_steps) {
    PD_ARGS(mask_steps);
    const ptrdiff_t O = a->O;
    const vreal value = vset((real)a->value), zero = {0};
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O;
        real *y = a->y ? (real *)a->y + b * O : NULL;
        int counts = 0;
        PD_FOR_VECTORS (j, m, 0, O) counts |= vany(~(vint)(vload_m(x + j, m) == value) & vfirst((int)m));
        ((real *)a->m)[b] = (real)counts;
        if (y)
            PD_FOR_VECTORS (j, m, 0, O) vstore_m(y + j, counts ? vload_m(x + j, m) : zero, m);
    }
}

PD_KERNEL(keep_steps) {
    PD_ARGS(keep_steps);
    const ptrdiff_t O = a->O;
    const real *mask = a->m;
    const vreal zero = {0};
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O;
        real *y = (real *)a->y + b * O;
        PD_FOR_VECTORS (j, m, 0, O) vstore_sum(y + j, mask[b] != 0 ? vload_m(x + j, m) : zero, m, a->add != 0);
    }
}
