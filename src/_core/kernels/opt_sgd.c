/* SGD, one pass over w g s0 [n] in place; g with the penalty's, rate r = coef[0] and momentum a:
 *   w -= coef[1] w (decay);  without s0: w -= r g;  else s0 = a s0 - r g and w += s0, or w += a s0 - r g (nesterov) */
#include "opt.h"

PD_KERNEL(opt_sgd_step) {
    PD_ARGS(opt);
    real *w = a->w, *velocity = a->s0;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0, nesterov = a->nesterov != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), momentum = vset((real)a->a);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal push = -rate * opt_gradient(vload_m(g + i, m), wi, p);
        if (decay) wi -= shrink * wi;
        if (velocity) {
            const vreal v = momentum * vload_m(velocity + i, m) + push;
            vstore_m(velocity + i, v, m);
            wi += nesterov ? momentum * v + push : v;
        } else {
            wi += push;
        }
        vstore_m(w + i, wi, m);
    }
}
