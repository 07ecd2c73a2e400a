/* log_sigmoid: y = log(sigmoid(x)) = min(x, 0) - log1p(e^-|x|);  dx = dy (1 - e^y), which is dy sigmoid(-x).
 * x y dy dx [B][O]; backward reads y; in place allowed; overwrites. Error: 4 ulp both ways. */
#include "kernel.h"
#include "vmath.h"

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    return vatmost(x, 0) - vlog1p(vexp(-vabs(x)));
}
PD_INLINE vreal df(vreal y, vreal dy, vreal alpha) {
    (void)alpha;
    return dy * -vexpm1(y);
}
PD_ACTIVATION(log_sigmoid, f, df)
