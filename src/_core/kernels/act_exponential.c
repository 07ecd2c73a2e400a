/* exponential: y = e^x;  dx = dy y.
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. y is inf where e^x is larger than any number, 0
 * where it is below 2^-125.5 (double: 2^-1021.5).
 * Error: 2 ulp forward; 1 ulp backward. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vexp(x);
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * y;
}
PD_ACTIVATION(exponential, f, df)
