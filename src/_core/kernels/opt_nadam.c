/* Nadam, one pass over w g s0 s1 [n] in place; g with the penalty's; coef[2] and coef[3] are the rate times what the
 * mean and the gradient count, coef[4] = 1 / (1 - b^t):
 *   w -= coef[1] w (decay);  s0 += (1 - a) (g - s0);  s1 += (1 - b) (g^2 - s1)
 *   w -= (coef[2] s0 + coef[3] g) / (sqrt(coef[4] s1) + eps) */
#include "opt.h"

PD_KERNEL(opt_nadam_step) {
    PD_ARGS(opt);
    real *w = a->w, *mean = a->s0, *square = a->s1;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    const vreal old = vset((real)step->coef[2]), fresh = vset((real)step->coef[3]), grow = vset((real)step->coef[4]);
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
        vstore_m(w + i, wi - (old * mi + fresh * gi) / (vsqrt(grow * vi) + eps), m);
    }
}
