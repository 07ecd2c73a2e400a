/* Adagrad, one pass over w g s0 [n] in place; g with the penalty's, rate r = coef[0]:
 *   w -= coef[1] w (decay);  s0 += g^2;  w -= r g / sqrt(s0 + eps) */
#include "opt.h"

PD_KERNEL(opt_adagrad_step) {
    PD_ARGS(opt);
    real *w = a->w, *sum = a->s0;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p), si = vload_m(sum + i, m) + gi * gi;
        vstore_m(sum + i, si, m);
        if (decay) wi -= shrink * wi;
        vstore_m(w + i, wi - rate * gi / vsqrt(si + eps), m);
    }
}
