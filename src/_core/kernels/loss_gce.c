/* Generalized cross-entropy of classes: with p the probability of the row's class, (1 - p^a) / a;
 * dy = w scale (-p^(a - 1)) there, p at least EPSILON, and 0 elsewhere.
 * Class numbers as for sparse losses. Shapes in op_args.h; dy may be y; overwrites. */
#include "loss.h"
#include "vmath.h"

PD_KERNEL(loss_sparse_gce) {
    PD_ARGS(loss);
    const real *y = a->y;
    real *loss = a->loss, *dy = a->dy;
    const vreal q = vset((real)a->a);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    PD_FOR_VECTORS (b, m, lo, hi) {
        vreal p = {0}, weight = {0};
        ptrdiff_t column[VL] = {0};
        for (ptrdiff_t i = 0; i < m; i++) {
            const real c = row_class(a, b + i);
            const int named = c >= 0 && c < (real)a->O;
            column[i] = named ? (ptrdiff_t)c : -1;
            p[i] = named ? y[(b + i) * a->O + column[i]] : c - c; /* 0, or NaN */
            weight[i] = row_weight(a->w, a->per, a->L, b + i);
        }
        const vreal power = vsel((vint)(p == 0), p, vexp(q * vlog(p)));
        vstore_m(loss + b, weight * ((1 - power) / q), m);
        if (!dy) continue;
        const vreal c = vatleast(p, EPSILON), slope = weight * (real)a->scale * -vexp((q - 1) * vlog(c));
        for (ptrdiff_t i = 0; i < m; i++) {
            PD_FOR_VECTORS (j, n, 0, a->O) vstore_m(dy + (b + i) * a->O + j, (vreal){0}, n);
            if (column[i] >= 0) dy[(b + i) * a->O + column[i]] = slope[i];
            else if (p[i] != p[i]) dy[(b + i) * a->O] = p[i];
        }
    }
}
