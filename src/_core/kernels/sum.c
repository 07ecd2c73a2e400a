/* sum: sums[slot] += factor * sum(x); sums[slot + 1] += per * sum(w), or n if w is NULL. In double.
 * mask_weights: r[b] = mask[b] w[b / L] scale, normalized: times B / sum(mask) (1) or B / sum(mask w) (2), 1 where
 * that sum is 0. r may be mask. */
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
    const ptrdiff_t per = a->per ? a->per : pd_sample(a->L);
    sums[1] += a->w ? (double)per * total(a->w, a->n / per) : (double)a->n;
}

PD_KERNEL(mask_weights) {
    PD_ARGS(mask_weights);
    if (share.lo > 0) return;
    const real *mask = a->mask, *w = a->w;
    real *r = a->r;
    const ptrdiff_t L = pd_sample(a->L);
    double all = a->normalize && mask ? total(mask, a->B) : 0;
    if (a->normalize == 2) {
        all = 0;
        for (ptrdiff_t b = 0; b < a->B; b++) all += (double)(mask ? mask[b] : 1) * (double)(w ? w[b / L] : 1);
    }
    const real factor = (real)(a->scale * (all != 0 ? (double)a->B / all : 1));
    for (ptrdiff_t b = 0; b < a->B; b++) r[b] = (mask ? mask[b] : 1) * (w ? w[b / L] : 1) * factor;
}
