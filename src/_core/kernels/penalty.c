/* The gradient of a weight penalty l1 sum|w| + l2 sum(w^2): g += l1 sign(w) + 2 l2 w (0 from l1 where w = 0).
 * w g [n] */
#include "opt.h"

PD_KERNEL(penalty_grad) {
    PD_ARGS(penalty_grad);
    const real *w = a->w;
    real *g = a->g;
    const vreal l1 = vset((real)a->l1), l2 = vset((real)(2 * a->l2));
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) vstore_m(g + i, penalised(vload_m(g + i, m), vload_m(w + i, m), l1, l2), m);
}
