/* softplus: y = log(1 + e^x) = max(x, 0) + log1p(e^-|x|);  dx = dy sigmoid(x).
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: 4 ulp both ways. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vatleast(x, 0) + vlog1p(vexp(-vabs(x)));
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * vsigmoid(x);
}
PD_ACTIVATION(softplus, f, df)
