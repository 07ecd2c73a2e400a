/* Adadelta, one pass over w g s0 s1 [n] in place; g with the penalty's, rate r = coef[0]:
 *   w -= coef[1] w (decay);  s0 = a s0 + (1 - a) g^2;  d = sqrt(s1 + eps) g / sqrt(s0 + eps)
 *   s1 = a s1 + (1 - a) d^2;  w -= r d */
#include "opt.h"

PD_KERNEL(opt_adadelta_step) {
    PD_ARGS(opt);
    real *w = a->w, *square = a->s0, *moved = a->s1;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    const vreal rho = vset((real)a->a), fresh = vset((real)(1 - a->a));
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p), before = vload_m(moved + i, m);
        const vreal si = rho * vload_m(square + i, m) + fresh * (gi * gi);
        const vreal move = vsqrt(before + eps) * gi / vsqrt(si + eps);
        vstore_m(square + i, si, m);
        vstore_m(moved + i, rho * before + fresh * (move * move), m);
        if (decay) wi -= shrink * wi;
        vstore_m(w + i, wi - rate * move, m);
    }
}
