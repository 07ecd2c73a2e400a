/* Columns of a wider matrix: y[b][yo + j] (+)= x[b][xo + j] for j < O.  x rows ldx apart, y rows ldy apart. */
#include "reduce.h"

PD_KERNEL(copy) {
    PD_ARGS(copy);
    const ptrdiff_t O = a->O;
    const int add = a->add != 0;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->ldx + a->xo;
        real *y = (real *)a->y + b * a->ldy + a->yo;
        PD_FOR_VECTORS (j, m, 0, O) vstore_sum(y + j, vload_m(x + j, m), m, add);
    }
}
