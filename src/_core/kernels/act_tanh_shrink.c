/* tanh_shrink: y = x - tanh(x);  dx = dy tanh(x)^2.
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: 4 eps max(1, |x|) forward, for near zero
 * nearly equal numbers are subtracted; 8 ulp backward. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return x - vtanh(x);
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    (void)alpha;
    const vreal t = vtanh(x);
    return dy * (t * t);
}
PD_ACTIVATION(tanh_shrink, f, df)
