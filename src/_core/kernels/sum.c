/* sums[slot] += factor * sum(x); sums[slot + 1] += group * sum(w), or n where w is NULL. In double. */
#include "reduce.h"

PD_INLINE double total(const real *x, ptrdiff_t n) {
    vwide sum = {0};
    PD_FOR_VECTORS (i, m, 0, n) vwide_add(&sum, vload_m(x + i, m));
    return vwide_sum(sum);
}

PD_KERNEL(sum) {
    PD_ARGS(sum);
    if (share.lo > 0) return;
    double *sums = step->sums + a->slot;
    if (a->x) sums[0] += a->factor * total(a->x, a->n);
    sums[1] += a->w ? (double)a->group * total(a->w, a->n / a->group) : (double)a->n;
}
