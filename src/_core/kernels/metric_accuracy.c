/* Share of a row that is right, times w: y == t (accuracy), (y > a) == t (binary_accuracy). */
#include "loss.h"

PD_INLINE point equal(vreal y, vreal t, vreal a) {
    (void)a;
    return (point){.value = vand((vint)(y == t), vset(1))};
}
PD_METRIC(accuracy, equal)

PD_INLINE point same_side(vreal y, vreal t, vreal a) { return equal(vand((vint)(y > a), vset(1)), t, a); }
PD_METRIC(binary_accuracy, same_side)
