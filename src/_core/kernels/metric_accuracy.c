/* Shares of a row that are right: y == t (accuracy), or (y > a) == t (binary_accuracy), times w. Exact up to the mean. */
#include "loss.h"

PD_INLINE point equal(vreal y, vreal t, vreal a) {
    (void)a;
    return (point){.value = vand((vint)(y == t), vset(1))};
}
PD_METRIC(accuracy, equal)

PD_INLINE point same_side(vreal y, vreal t, vreal a) { return equal(vand((vint)(y > a), vset(1)), t, a); }
PD_METRIC(binary_accuracy, same_side)
