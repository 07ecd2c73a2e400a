/* y = x1 + x2, x1 - x2, x1 * x2, the larger or the smaller of both (NaN if either is).
 * All [B][O]; y may be either; overwrites. Rounded once. */
#include "kernel.h"

#define PD_BINARY(name, f)                                                                                         \
    PD_KERNEL(name) {                                                                                              \
        PD_ARGS(binary);                                                                                           \
        const real *x1 = a->x1, *x2 = a->x2;                                                                       \
        real *y = a->y;                                                                                            \
        ptrdiff_t lo, hi;                                                                                          \
        pd_rows(a->B, 1, share, &lo, &hi);                                                                         \
        PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) vstore_m(y + i, f(vload_m(x1 + i, m), vload_m(x2 + i, m)), m); \
    }

PD_INLINE vreal sum(vreal p, vreal q) { return p + q; }
PD_INLINE vreal difference(vreal p, vreal q) { return p - q; }
PD_INLINE vreal product(vreal p, vreal q) { return p * q; }

PD_BINARY(add, sum)
PD_BINARY(subtract, difference)
PD_BINARY(multiply, product)
PD_BINARY(maximum, vmax)
PD_BINARY(minimum, vmin)
