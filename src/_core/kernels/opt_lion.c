/* Lion, one pass over w g s0 [n] in place; g with the penalty's, rate r = coef[0]:
 *   w -= coef[1] w (decay);  w -= r sign(a s0 + (1 - a) g);  s0 = b s0 + (1 - b) g.  sign(0) = 0, sign(NaN) = NaN */
#include "opt.h"

PD_KERNEL(opt_lion_step) {
    PD_ARGS(opt);
    real *w = a->w, *mean = a->s0;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]);
    const vreal old1 = vset((real)a->a), fresh1 = vset((real)(1 - a->a));
    const vreal old2 = vset((real)a->b), fresh2 = vset((real)(1 - a->b));
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p), mi = vload_m(mean + i, m);
        const vreal way = old1 * mi + fresh1 * gi;
        const vreal move = vsel(visnan(way), way, vand((vint)(way != 0), vcopysign(rate, way)));
        vstore_m(mean + i, old2 * mi + fresh2 * gi, m);
        if (decay) wi -= shrink * wi;
        vstore_m(w + i, wi - move, m);
    }
}
