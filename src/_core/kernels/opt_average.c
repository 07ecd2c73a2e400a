/* average = m average + (1 - m) w, m = momentum, but 0 before the first update; then w = average in each update whose
 * number, from 1, `frequency` divides.  w average [n]; |err| <= 2 eps (|average| + |w|). */
#include "kernel.h"

PD_KERNEL(opt_average) {
    PD_ARGS(average);
    real *w = a->w, *average = a->average;
    const uint64_t updates = step->count / (uint64_t)(a->steps > 1 ? a->steps : 1); /* before this one */
    const int overwrite = a->frequency > 0 && (updates + 1) % (uint64_t)a->frequency == 0;
    const vreal keep = vset(updates ? (real)a->momentum : 0), take = vset(updates ? (real)(1 - a->momentum) : 1);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo, hi) {
        const vreal mean = keep * vload_m(average + i, m) + take * vload_m(w + i, m);
        vstore_m(average + i, mean, m);
        if (overwrite) vstore_m(w + i, mean, m);
    }
}
