/* Weight penalty l1 sum|w| + l2 sum(w^2): its gradient g += l1 sign(w) + 2 l2 w (0 from l1 where w = 0), and its value
 * sums[slot] += factor * penalty, in double.  w g [n] */
#include "reduce.h"

PD_KERNEL(penalty_grad) {
    PD_ARGS(penalty_grad);
    const real *w = a->w;
    real *g = a->g;
    const vreal l1 = vset((real)a->l1), l2 = vset((real)(2 * a->l2));
    ptrdiff_t lo, hi;
    pd_flat(a->n, ith, nth, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        const vreal wi = vload_m(w + i, m);
        vstore_m(g + i, vload_m(g + i, m) + vand((vint)(wi != 0), vcopysign(l1, wi)) + l2 * wi, m);
    }
}

PD_KERNEL(penalty_sum) {
    PD_ARGS(penalty_sum);
    (void)nth;
    if (ith != 0) return;
    const real *w = a->w;
    vwide sizes = {0}, squares = {0};
    PD_FOR_VECTORS (i, m, 0, a->n) {
        const vreal wi = vload_m(w + i, m);
        vwide_add(&sizes, vabs(wi));
        vwide_add_square(&squares, wi);
    }
    step->sums[a->slot] += a->factor * (a->l1 * vwide_sum(sizes) + a->l2 * vwide_sum(squares));
}
