/* Gradient clipping.  g [n]  norm2 [1], a double
 * grad_norm: norm2 (+)= sum(g^2), in double.
 * grad_clip: g *= min(1, limit / sqrt(norm2)), which leaves g alone within the limit and spreads NaN; without norm2
 * g = clamp(g, -limit, limit). */
#include "reduce.h"

PD_KERNEL(grad_norm) {
    PD_ARGS(grad_norm);
    (void)nth;
    if (ith != 0) return;
    const real *g = a->g;
    double *norm2 = a->norm2;
    vwide squares = {0};
    PD_FOR_VECTORS (i, m, 0, a->n) vwide_add_square(&squares, vload_m(g + i, m));
    *norm2 = (a->add ? *norm2 : 0) + vwide_sum(squares);
}

PD_KERNEL(grad_clip) {
    PD_ARGS(grad_clip);
    real *g = a->g;
    const double *norm2 = a->norm2;
    const real limit = (real)a->limit;
    const double ratio = norm2 ? a->limit / __builtin_sqrt(*norm2) : 0;
    if (ratio >= 1) return;
    ptrdiff_t lo, hi;
    pd_flat(a->n, ith, nth, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        const vreal gi = vload_m(g + i, m);
        vstore_m(g + i, norm2 ? gi * (real)ratio : vclamp(gi, -limit, limit), m);
    }
}
