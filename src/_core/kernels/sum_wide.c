/* Sums in double added up: y[i] (+)= parts[0][xo + i] + parts[1][xo + i] + ..., in that order.
 * parts [S][ld]  y [n]. |err| <= eps |y| in float32. */
#include "wide.h"

PD_KERNEL(sum_wide) {
    PD_ARGS(sum_wide);
    const double *parts = (const double *)a->parts + a->xo;
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        vwide sum = {0};
        for (ptrdiff_t s = 0; s < a->S; s++) {
            const vwide w = vwide_load(parts + s * a->ld + i, m);
            for (int p = 0; p < VWIDE; p++) sum.part[p] += w.part[p];
        }
        vstore_sum((real *)a->y + i, vnarrow(sum), m, a->add != 0);
    }
}
