/* RMSprop, one pass over w g s0 s1 s2 [n] in place; g with the penalty's, rate r = coef[0], rho = a, momentum = b:
 *   w -= coef[1] w (decay);  s0 = rho s0 + (1 - rho) g^2;  s2 = rho s2 + (1 - rho) g (centered: s2 not NULL)
 *   d = r g / sqrt(s0 - s2^2 + eps);  with s1: s1 = b s1 + d, w -= s1;  else w -= d */
#include "opt.h"

PD_KERNEL(opt_rmsprop_step) {
    PD_ARGS(opt);
    real *w = a->w, *square = a->s0, *velocity = a->s1, *mean = a->s2;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const vreal rate = vset((real)step->coef[0]), shrink = vset((real)step->coef[1]), eps = vset((real)a->eps);
    const vreal rho = vset((real)a->a), fresh = vset((real)(1 - a->a)), momentum = vset((real)a->b);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p);
        vreal variance = rho * vload_m(square + i, m) + fresh * (gi * gi);
        vstore_m(square + i, variance, m);
        if (decay) wi -= shrink * wi;
        if (mean) {
            const vreal average = rho * vload_m(mean + i, m) + fresh * gi;
            vstore_m(mean + i, average, m);
            variance -= average * average;
        }
        vreal move = rate * gi / vsqrt(variance + eps);
        if (velocity) {
            move += momentum * vload_m(velocity + i, m);
            vstore_m(velocity + i, move, m);
        }
        vstore_m(w + i, wi - move, m);
    }
}
