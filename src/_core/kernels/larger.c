/* The slope of a larger number: dx = dy where x1 > x2, dy / 2 where they are equal, else 0. The gradient of
 * max(x1, x2) with respect to x1, and, the other way round, of min(x1, x2) with respect to x2.
 * All [B][O]; dx may be dy; overwrites. Exact. */
#include "kernel.h"

PD_KERNEL(larger) {
    PD_ARGS(larger);
    const real *x1 = a->x1, *x2 = a->x2, *dy = a->dy;
    real *dx = a->dx;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) {
        const vreal p = vload_m(x1 + i, m), q = vload_m(x2 + i, m), g = vload_m(dy + i, m);
        vstore_m(dx + i, vsel((vint)(p > q), g, vand((vint)(p == q), g / 2)), m);
    }
}
