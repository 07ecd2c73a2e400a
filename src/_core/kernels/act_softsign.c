/* softsign: y = x / (1 + |x|);  dx = dy / (1 + |x|)^2.
 * x y dy dx [B][O]; backward reads x; in place allowed; overwrites. Error: 2 ulp forward, 4 ulp backward. */
#include "kernel.h"

#define FAR PD_R(1e30) /* 1 + |x| is x long before: keeps inf / inf out */

PD_INLINE vreal f(vreal x, vreal alpha) {
    (void)alpha;
    x = vclamp(x, -FAR, FAR);
    return x / (1 + vabs(x));
}
PD_INLINE vreal df(vreal x, vreal dy, vreal alpha) {
    const vreal d = 1 / (1 + vabs(x));
    (void)alpha;
    return dy * d * d;
}
PD_ACTIVATION(softsign, f, df)
