/* vmath_probe.c: each function of vmath.h over an array, for test_vmath.py, which builds this once per ISA and dtype.
 */
#include "../../src/_core/kernels/kernel.h"
#include "../../src/_core/kernels/vmath.h"

#define PROBE(f)                                                              \
    void probe_##f(const real *x, real *y, ptrdiff_t n);                      \
    void probe_##f(const real *x, real *y, ptrdiff_t n) {                     \
        PD_FOR_VECTORS (i, m, 0, n) vstore_m(y + i, f(vload_m(x + i, m)), m); \
    }

PD_INLINE vreal vphi(vreal x) {
    vreal bell;
    return vnormal(x, &bell);
}

PROBE(vexp)
PROBE(vexpm1)
PROBE(vlog)
PROBE(vlog1p)
PROBE(vtanh)
PROBE(vsigmoid)
PROBE(vphi)
PROBE(verf)
