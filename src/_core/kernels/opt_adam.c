/* Adam as Keras writes it, one pass over w g s0 s1 s2 [n] in place; g with the penalty's,
 * r = coef[0] = lr sqrt(1 - b^t) / (1 - a^t):
 *   w -= coef[1] w (decay);  s0 += (1 - a) (g - s0);  s1 += (1 - b) (g^2 - s1);  w -= r s0 / (sqrt(s1) + eps)
 * with s2 (amsgrad): s2 = max(s2, s1) takes the place of s1 in the last. */
#include "opt.h"

PD_KERNEL(opt_adam_step) {
    PD_ARGS(opt);
    real *w = a->w, *mean = a->s0, *square = a->s1, *peak = a->s2;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    const vreal fresh1 = vset((real)(1 - a->a)), fresh2 = vset((real)(1 - a->b));
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p);
        vreal mi = vload_m(mean + i, m), vi = vload_m(square + i, m);
        if (decay) wi -= shrink * wi;
        mi += (gi - mi) * fresh1;
        vi += (gi * gi - vi) * fresh2;
        vstore_m(mean + i, mi, m);
        vstore_m(square + i, vi, m);
        if (peak) {
            vi = vmax(vload_m(peak + i, m), vi);
            vstore_m(peak + i, vi, m);
        }
        vstore_m(w + i, wi - rate * mi / (vsqrt(vi) + eps), m);
    }
}
