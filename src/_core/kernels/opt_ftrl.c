/* FTRL-proximal, one pass over w g s0 s1 [n] in place; g with the penalty's, rate r = coef[0], power a:
 *   w -= coef[1] w (decay);  new = s0 + g^2;  s1 += g + coef[4] w - (new^a - s0^a) / r w
 *   w = (clamp(s1, -coef[3], coef[3]) - s1) / (new^a / r + coef[2]);  s0 = new
 * coef[2] = 2 l2 + beta / r, coef[3] = l1, coef[4] = 2 * the strength of shrinkage.  Where s1 is within the clamp,
 * w is 0. */
#include "opt.h"
#include "vmath.h"

PD_INLINE vreal power(vreal x, real a) {
    return a == (real)0.5 ? vsqrt(x) : a == 0 ? vset(1) : vexp(vset(a) * vlog(x));
}

PD_KERNEL(opt_ftrl_step) {
    PD_ARGS(opt);
    real *w = a->w, *sum = a->s0, *linear = a->s1;
    const real *g = a->g;
    const penalty p = opt_penalty(a);
    const int decay = a->decay != 0;
    const real exponent = (real)a->a;
    const vreal steep = vset((real)(1 / step->coef[0])), shrink = vset((real)step->coef[1]);
    const vreal ridge = vset((real)step->coef[2]), l1 = vset((real)step->coef[3]), pull = vset((real)step->coef[4]);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vreal wi = vload_m(w + i, m);
        const vreal gi = opt_gradient(vload_m(g + i, m), wi, p), old = vload_m(sum + i, m), fresh = old + gi * gi;
        const vreal root = power(fresh, exponent);
        if (decay) wi -= shrink * wi;
        const vreal zi = vload_m(linear + i, m) + (gi + pull * wi - (root - power(old, exponent)) * steep * wi);
        const vreal rest = vmin(vmax(zi, -l1), l1) - zi; /* 0, not 0 / 0, in padding, where all else is 0 too */
        vstore_m(sum + i, fresh, m);
        vstore_m(linear + i, zi, m);
        vstore_m(w + i, vsel((vint)(rest == 0), rest, rest / (root * steep + ridge)), m);
    }
}
