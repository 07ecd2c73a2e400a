/* Column sums: y[o] (+)= sum over b of x[b][o].  x [B][n]  y [n]. In double, in row order. */
#include "reduce.h"

PD_INLINE void sums(const pd_colsum_args *a, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t n = a->n, B = a->B;
    const real *x = (const real *)a->x + j;
    vwide sum[PD_BLOCK] = {0};
    for (ptrdiff_t b = 0; b < B; b++)
        for (int v = 0; v < W; v++) vwide_add(&sum[v], vload_m(x + b * n + v * VL, m));
    for (int v = 0; v < W; v++) vstore_sum((real *)a->y + j + v * VL, vnarrow(sum[v]), m, a->add != 0);
}

PD_KERNEL(colsum) {
    PD_ARGS(colsum);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_COLUMNS(sums, a, lo, hi);
}
