/* Hinge loss of a row: mean over O of max(1 - s y, 0), s = t, but -1 where t = 0;  dy = w scale (-s or, where s y >= 1,
 * 0) / O. Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of the row's largest term. */
#include "loss.h"

PD_INLINE point f(vreal y, vreal t, vreal a) {
    (void)a;
    const vreal s = vsel((vint)(t == 0), vset(-1), t), gap = 1 - s * y;
    return (point){.value = vatleast(gap, 0), .slope = vsel((vint)(gap <= 0), (vreal){0}, vsel(visnan(gap), gap, -s))};
}
PD_LOSS(hinge, f)
