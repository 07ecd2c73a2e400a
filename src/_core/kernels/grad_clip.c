/* Gradient clipping.  g [n]  norm2 [1] sum(g^2), a double, or NULL
 * g *= min(1, limit / sqrt(norm2)), which leaves g alone within the limit and spreads NaN; without norm2
 * g = clamp(g, -limit, limit). */
#include "kernel.h"

PD_KERNEL(grad_clip) {
    PD_ARGS(grad_clip);
    real *g = a->g;
    const double *norm2 = a->norm2;
    const real limit = (real)a->limit;
    const double ratio = norm2 ? a->limit / __builtin_sqrt(*norm2) : 0;
    if (ratio >= 1) return;
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        const vreal gi = vload_m(g + i, m);
        vstore_m(g + i, norm2 ? gi * (real)ratio : vclamp(gi, -limit, limit), m);
    }
}
