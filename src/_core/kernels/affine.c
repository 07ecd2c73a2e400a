/* y = a x + c, one FMA where the ISA has it.  x y [B][O]; y may be x; overwrites. */
#include "kernel.h"

PD_KERNEL(affine) {
    PD_ARGS(affine);
    const real *x = a->x;
    real *y = a->y;
    const vreal factor = vset((real)a->a), c = vset((real)a->c);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) vstore_m(y + i, vfma(factor, vload_m(x + i, m), c), m);
}
