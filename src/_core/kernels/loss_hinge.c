/* Hinge losses of a row, with h = max(1 - s y, 0), s = t, but -1 where t = 0:
 *   loss_hinge           mean over O of h;    dy = w scale (-s or, where h = 0, 0) / O
 *   loss_squared_hinge   mean over O of h^2;  dy = w scale (-2 s h) / O
 * Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of the row's largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal s = vsel((vint)(t == 0), vset(-1), t), gap = 1 - s * y;
    return (point){.value = vatleast(gap, 0), .slope = vsel((vint)(gap <= 0), (vreal){0}, vsel(visnan(gap), gap, -s))};
}
PD_LOSS(hinge, f)

PD_INLINE point squared(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal s = vsel((vint)(t == 0), vset(-1), t), gap = vatleast(1 - s * y, 0);
    return (point){.value = gap * gap, .slope = -2 * s * gap};
}
PD_LOSS(squared_hinge, squared)
