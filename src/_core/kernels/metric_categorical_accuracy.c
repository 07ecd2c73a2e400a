/* 1 where the true class of a row is among the k best predictions, else 0, times w. The true class is the first maximum
 * of t, or the class number t (sparse). k = 1 asks for the first maximum of y; for k > 1 equal scores share a rank.
 * NaN scores are never right. */
#include "reduce.h"

/* Index of the first maximum. */
PD_INLINE ptrdiff_t first_maximum(const real *t, ptrdiff_t O) {
    const real max = row_max(t, O);
    ptrdiff_t c = 0;
    while (c + VL <= O && !vany((vint)(vload(t + c) == max))) c += VL;
    while (c < O - 1 && t[c] != max) c++;
    return c;
}

/* How many of the scores rank before score c. */
PD_INLINE ptrdiff_t rank(const real *y, ptrdiff_t O, ptrdiff_t c, int ties) {
    vint before = {0};
    PD_FOR_VECTORS (j, m, 0, O) {
        const vreal v = vload_m(y + j, m);
        const vint earlier = (vindex() + (ireal)j) < (ireal)c;
        vint beats = ~(vint)(v <= y[c]);
        if (ties) beats |= earlier & (vint)(v == y[c]);
        before -= beats & vfirst(m);
    }
    return (ptrdiff_t)vsum(vfrom_int(before));
}

PD_INLINE void top_k(const pd_metric_args *a, int sparse, pd_share share) {
    const ptrdiff_t O = a->O, k = a->k > 1 ? a->k : 1, per = a->per ? a->per : pd_sample(a->L);
    const real *y = a->y, *t = a->t, *w = a->w;
    real *out = a->m;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const int named = !sparse || (t[b] >= 0 && t[b] < (real)O);
        const ptrdiff_t c = !named ? 0 : sparse ? (ptrdiff_t)t[b] : first_maximum(t + b * O, O);
        const int right = named && rank(y + b * O, O, c, k == 1) < k;
        out[b] = right ? (w ? w[b / per] : 1) : 0;
    }
}

PD_KERNEL(metric_categorical_accuracy) {
    PD_ARGS(metric);
    top_k(a, 0, share);
}
PD_KERNEL(metric_sparse_categorical_accuracy) {
    PD_ARGS(metric);
    top_k(a, 1, share);
}
