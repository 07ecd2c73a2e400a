/* Cosine similarity of a row, with a minus sign: s = sum(y t) / (|y| |t|), each norm at least EPSILON, the loss is -s;
 * dy = w scale (s y / |y| - t / |t|) / |y|, without its first term where |y| is below EPSILON.
 * Shapes in op_args.h; dy may be y; overwrites. Value within 2 ulp of 1. */
#include "loss.h"

PD_KERNEL(loss_cosine) {
    PD_ARGS(loss);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *y = (const real *)a->y + b * a->O, *t = (const real *)a->t + b * a->O;
        real *dy = a->dy ? (real *)a->dy + b * a->O : NULL;
        const double weight = row_weight(a->w, a->per, a->L, b);
        vwide yy = {0}, tt = {0}, yt = {0};
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const vreal u = vand(vfirst(m), vload_m(y + j, m)), v = vand(vfirst(m), vload_m(t + j, m));
            vwide_add_square(&yy, u);
            vwide_add_square(&tt, v);
            vwide_add_product(&yt, u, v);
        }
        const double ylength = __builtin_sqrt(vwide_sum(yy)), tlength = __builtin_sqrt(vwide_sum(tt));
        const double ynorm = ylength < EPSILON ? EPSILON : ylength, tnorm = tlength < EPSILON ? EPSILON : tlength;
        const double s = vwide_sum(yt) / (ynorm * tnorm);
        ((real *)a->loss)[b] = (real)(-weight * s);
        if (!dy) continue;
        const double factor = weight * a->scale / ynorm;
        const vreal of_y = vset((real)(ylength < EPSILON ? 0 : factor * s / ynorm)),
                    of_t = vset((real)(factor / tnorm));
        PD_FOR_VECTORS (j, m, 0, a->O) vstore_m(dy + j, vload_m(y + j, m) * of_y - vload_m(t + j, m) * of_t, m);
    }
}
