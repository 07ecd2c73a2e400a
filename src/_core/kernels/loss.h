/* loss.h: what losses and metrics share: targets, weights, and the loop of a figure that is a mean of points.
 *
 * A row's loss is w times its figure and its gradient w * scale times the figure's slope. All inputs of a vector are
 * read before its outputs are written, so dy and p may be y. dy and p NULL: evaluate only.
 */
#ifndef PD_LOSS_H
#define PD_LOSS_H

#include "reduce.h"

/* Keras's fuzz factor: probabilities are clipped to [EPSILON, 1 - EPSILON]; the slope outside is zero. */
#define EPSILON PD_R(1e-7)
PD_INLINE vreal vclip(vreal p) { return vclamp(p, EPSILON, 1 - EPSILON); }
PD_INLINE vint vclipped(vreal p) { return (vint)(p < EPSILON) | (vint)(p > 1 - EPSILON); }

/* The weight of row b: `per` rows share one, 0 stands for the L of a sample. */
PD_INLINE real row_weight(const real *w, ptrdiff_t per, ptrdiff_t L, ptrdiff_t b) {
    return w ? w[b / (per ? per : pd_sample(L))] : 1;
}

/* A loss of one prediction: its value, d value / dy, and what goes to p. */
typedef struct {
    vreal value, slope, p;
} point;
typedef point (*point_fn)(vreal y, vreal t, vreal a, vreal b);

/* The points of elements i .. i + m - 1, whose gradient is `factor` times their slope; lanes past m are zero. */
PD_INLINE vreal loss_points(const pd_loss_args *a, point_fn f, ptrdiff_t i, ptrdiff_t m, vreal factor) {
    const vreal t = vload_m((const real *)a->t + i, m) * (real)(1 - a->smooth) + (real)(a->smooth / 2);
    const point q = f(vload_m((const real *)a->y + i, m), t, vset((real)a->a), vset((real)a->b));
    if (a->p) vstore_m((real *)a->p + i, q.p, m);
    if (a->dy) vstore_m((real *)a->dy + i, q.slope * factor, m);
    return vand(vfirst(m), q.value);
}

/* loss[b] = w[b] * share_of_point * the sum of the points of row b: 1 / O for their mean */
PD_INLINE void loss_rows(pd_loss_args a, point_fn f, double share_of_point, pd_share share) {
    const real *w = a.w;
    real *loss = a.loss;
    ptrdiff_t lo, hi;
    pd_rows(a.B, a.L, share, &lo, &hi);
    if (a.O == 1) { /* rows side by side in a vector */
        PD_FOR_VECTORS (b, m, lo, hi) {
            vreal v = {0};
            for (ptrdiff_t i = 0; i < m; i++) v[i] = row_weight(w, a.per, a.L, b + i);
            vstore_m(loss + b, v * loss_points(&a, f, b, m, v * (real)a.scale), m);
        }
        return;
    }
    for (ptrdiff_t b = lo; b < hi; b++) {
        const double weight = row_weight(w, a.per, a.L, b);
        const vreal factor = vset((real)(weight * a.scale * share_of_point));
        vwide sum = {0};
        PD_FOR_VECTORS (j, m, 0, a.O) vwide_add(&sum, loss_points(&a, f, b * a.O + j, m, factor));
        loss[b] = (real)(weight * (vwide_sum(sum) * share_of_point));
    }
}

#define PD_LOSS_ROWS(name, f, share_of_point)      \
    PD_KERNEL(loss_##name) {                       \
        PD_ARGS(loss);                             \
        loss_rows(*a, f, (share_of_point), share); \
    }
/* f of y and t and the parameter a: the mean over a row, or the sum; PD_LOSS_AB: the mean of an f that takes b too. */
#define PD_WITHOUT_B(name, f)                                  \
    PD_INLINE point name(vreal y, vreal t, vreal a, vreal b) { \
        (void)b;                                               \
        return f(y, t, a);                                     \
    }
#define PD_LOSS(name, f)                 \
    PD_WITHOUT_B(loss_##name##_point, f) \
    PD_LOSS_ROWS(name, loss_##name##_point, 1 / (double)a->O)
#define PD_LOSS_SUM(name, f)             \
    PD_WITHOUT_B(loss_##name##_point, f) \
    PD_LOSS_ROWS(name, loss_##name##_point, 1)
#define PD_LOSS_AB(name, f) PD_LOSS_ROWS(name, f, 1 / (double)a->O)

/* A metric of that form is the loss without its gradient. */
#define PD_METRIC(name, f)                                                                                             \
    PD_WITHOUT_B(metric_##name##_point, f)                                                                             \
    PD_KERNEL(metric_##name) {                                                                                         \
        PD_ARGS(metric);                                                                                               \
        const pd_loss_args l = {                                                                                       \
            .y = a->y, .t = a->t, .w = a->w, .loss = a->m, .B = a->B, .O = a->O, .L = a->L, .per = a->per, .a = a->a}; \
        loss_rows(l, metric_##name##_point, 1 / (double)l.O, share);                                                   \
    }

/* The class number of a row; NaN where it names no column, which makes the loss NaN: labels are checked where data
 * enters, and may have been changed since. What weighs nothing may name anything. */
PD_INLINE real row_class(const pd_loss_args *a, ptrdiff_t b) {
    const real c = ((const real *)a->t)[b];
    if (c >= 0 && c < (real)a->O && (real)(ptrdiff_t)c == c) return c;
    return row_weight(a->w, a->per, a->L, b) == 0 ? c : (real)__builtin_nan("");
}

/* The targets of a row of classes: `smooth`ed shares, or one class number c, which makes the row NaN if it is none. */
typedef struct {
    const real *t;
    vreal keep, spread, c;
} class_targets;

PD_INLINE class_targets row_targets(const pd_loss_args *a, ptrdiff_t b, int sparse) {
    const real *t = a->t;
    if (sparse) return (class_targets){.c = vset(row_class(a, b))};
    return (class_targets){
        .t = t + b * a->O, .keep = vset((real)(1 - a->smooth)), .spread = vset((real)(a->smooth / (double)a->O))};
}
PD_INLINE vreal vtargets(class_targets r, ptrdiff_t j, ptrdiff_t m, int sparse) {
    if (sparse) return vsel((vint)(vfrom_int(vindex() + (ireal)j) == r.c), vset(1), r.c - r.c);
    return vload_m(r.t + j, m) * r.keep + r.spread;
}

#endif
