/* Log-cosh loss of a row, e = y - t: mean over O of log(cosh(e));  dy = w scale tanh(e) / O.
 * With p = e^-|e| and u = p - 1, cosh(e) = 1 + u^2 / (2 p), which keeps the digits of a small e, and
 * log(cosh(e)) = |e| - log(2) + log(1 + p^2), in which a large one does not overflow.
 * Shapes in op_args.h; dy may be y; overwrites. Value within 12 ulp of the row's largest term. */
#include "loss.h"
#include "vmath.h"

#define LN2 PD_R(0.69314718055994531)

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal e = y - t, size = vabs(e), u = vexpm1(-size), p = 1 + u;
    const vint small = (vint)(size < 1);
    const vreal log = vlog1p(vsel(small, u * u / (2 * p), p * p));
    return (point){.value = vsel(small, log, size - LN2 + log), .slope = vcopysign(-u * (1 + p) / (1 + p * p), e)};
}
PD_LOSS(log_cosh, f)
