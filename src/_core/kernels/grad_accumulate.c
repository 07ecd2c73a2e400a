/* total += g; in a step that updates weights g = (total + g) / steps and total = 0, so that what follows sees the mean
 * of the gradients since the last update.  g total [n], rounded as often as there are steps. */
#include "kernel.h"

PD_KERNEL(grad_accumulate) {
    PD_ARGS(grad_accumulate);
    real *g = a->g, *total = a->total;
    const vreal steps = vset((real)a->steps), zero = {0};
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        const vreal sum = vload_m(total + i, m) + vload_m(g + i, m);
        if (step->update) vstore_m(g + i, sum / steps, m);
        vstore_m(total + i, step->update ? zero : sum, m);
    }
}
