/* sum_slices: y (+)= x[0] + x[1] + ... + x[S - 1], slices ld elements apart, in that order.  By elements. One
 * rounding each. */
#include "kernel.h"

PD_KERNEL(sum_slices) {
    PD_ARGS(sum_slices);
    const real *x = a->x;
    real *y = a->y;
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal sum = a->add ? vload_m(y + i, m) + vload_m(x + i, m) : vload_m(x + i, m);
        for (ptrdiff_t s = 1; s < a->S; s++) sum += vload_m(x + s * a->ld + i, m);
        vstore_m(y + i, sum, m);
    }
}
