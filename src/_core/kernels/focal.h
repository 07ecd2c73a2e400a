/* focal.h: what focal losses multiply a cross-entropy by: u^gamma, where u is the probability that a prediction
 * withholds from its target. */
#ifndef PD_FOCAL_H
#define PD_FOCAL_H

#include "loss.h"
#include "vmath.h"

/* u^gamma and its derivative by u, for u >= 0; what is below `least` > 0 counts as that. */
PD_INLINE vreal focus(vreal u, vreal gamma, real least, vreal *slope) {
    const vreal c = vatleast(u, least), power = vexp(gamma * vlog(c));
    *slope = gamma * power / c;
    return power;
}

#endif
