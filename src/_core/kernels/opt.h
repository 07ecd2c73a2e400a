/* opt.h: what optimizers share: the gradient of a weight penalty. */
#ifndef PD_OPT_H
#define PD_OPT_H

#include "kernel.h"

/* g + l1 sign(w) + l2 w, sign(0) being 0 */
PD_INLINE vreal penalised(vreal g, vreal w, vreal l1, vreal l2) {
    return g + vand((vint)(w != 0), vcopysign(l1, w)) + l2 * w;
}

/* What an optimizer's kernel needs of its record to add the penalty's gradient. */
typedef struct {
    int any;
    vreal l1, l2;
} penalty;
PD_INLINE penalty opt_penalty(const pd_opt_args *a) {
    return (penalty){a->l1 != 0 || a->l2 != 0, vset((real)a->l1), vset((real)(2 * a->l2))};
}
PD_INLINE vreal opt_gradient(vreal g, vreal w, penalty p) { return p.any ? penalised(g, w, p.l1, p.l2) : g; }

#endif
