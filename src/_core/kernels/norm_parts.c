/* Norms of weights and gradients, in double, with the same bits on any number of threads: first a sum over each group
 * of PD_GROUP elements, by whoever has them, then over the groups, in one order.
 * norm_parts: parts[i] = l1 sum|x| + l2 sum(x^2) over group i.  x [n]  parts [ceil(n / PD_GROUP)], doubles
 * sum_parts: total (+)= sum(parts), or sums[slot] += factor * sum(parts).  parts [n]  total [1] or NULL, doubles */
#include "reduce.h"

PD_INLINE double norm(const real *x, ptrdiff_t n, double l1, double l2) {
    vwide sizes = {0}, squares = {0};
    if (l1 != 0)
        PD_FOR_VECTORS (i, m, 0, n) vwide_add(&sizes, vabs(vload_m(x + i, m)));
    if (l2 != 0)
        PD_FOR_VECTORS (i, m, 0, n) vwide_add_square(&squares, vload_m(x + i, m));
    for (int i = 0; i < VWIDE; i++) sizes.part[i] = l1 * sizes.part[i] + l2 * squares.part[i];
    return vwide_sum(sizes);
}

PD_KERNEL(norm_parts) {
    PD_ARGS(norm_parts);
    const real *x = a->x;
    double *parts = a->parts;
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    ptrdiff_t i = lo;
    for (; i + PD_GROUP <= hi; i += PD_GROUP) parts[i / PD_GROUP] = norm(x + i, PD_GROUP, a->l1, a->l2);
    if (i < hi) parts[i / PD_GROUP] = norm(x + i, hi - i, a->l1, a->l2);
}

PD_KERNEL(sum_parts) {
    PD_ARGS(sum_parts);
    if (share.lo > 0) return;
    enum { CHAINS = 8 };
    const double *parts = a->parts;
    double *total = a->total, sums[CHAINS] = {0};
    for (ptrdiff_t i = 0; i < a->n; i++) sums[i % CHAINS] += parts[i];
    double sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += sums[i];
    if (total) *total = (a->add ? *total : 0) + sum;
    else step->sums[a->slot] += a->factor * sum;
}
