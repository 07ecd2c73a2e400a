/* y = x1 + x2 and y = x1 * x2.  All [B][O]; y may be either; overwrites. Rounded once. */
#include "kernel.h"

#define PD_BINARY(name, op)                                                                                       \
    PD_KERNEL(name) {                                                                                             \
        PD_ARGS(binary);                                                                                          \
        const real *x1 = a->x1, *x2 = a->x2;                                                                      \
        real *y = a->y;                                                                                           \
        ptrdiff_t lo, hi;                                                                                         \
        pd_rows(a->B, 1, share, &lo, &hi);                                                                        \
        PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) vstore_m(y + i, vload_m(x1 + i, m) op vload_m(x2 + i, m), m); \
    }
PD_BINARY(add, +)
PD_BINARY(multiply, *)
