/* Adamax, one pass over w g s0 s1 [n] in place; g with the penalty's, r = coef[0] = lr / (1 - a^t):
 *   w -= coef[1] w (decay);  s0 += (1 - a) (g - s0);  s1 = max(b s1, |g|);  w -= r s0 / (s1 + eps) */
#include "opt.h"

PD_KERNEL(opt_adamax_step) {
    PD_ARGS(opt);
    real *w = a->w, *mean = a->s0, *norm = a->s1;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    const vreal fresh = vset((real)(1 - a->a)), keep = vset((real)a->b);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p);
        vreal mi = vload_m(mean + i, m);
        if (decay) wi -= shrink * wi;
        mi += (gi - mi) * fresh;
        const vreal ui = vmax(keep * vload_m(norm + i, m), vabs(gi));
        vstore_m(mean + i, mi, m);
        vstore_m(norm + i, ui, m);
        vstore_m(w + i, wi - rate * mi / (ui + eps), m);
    }
}
