/* A buffer into an output array: sinks[k][row0 + b] = x[b].  x [B][O] */
#include "kernel.h"

PD_KERNEL(put) {
    PD_ARGS(put);
    const real *x = a->x;
    real *y = (real *)step->sinks[a->k] + (ptrdiff_t)step->row0 * a->O;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) vstore_m(y + i, vload_m(x + i, m), m);
}
