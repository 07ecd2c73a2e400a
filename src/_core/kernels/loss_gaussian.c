/* Negative log likelihood of a number t under a normal distribution of which a row of two columns gives the mean m
 * and the logarithm s of the variance: (s + (t - m)^2 e^-s + log(2 pi)) / 2;
 * dm = w scale (m - t) e^-s,  ds = w scale (1 - (t - m)^2 e^-s) / 2.
 * y [B][2]  t [B]; the rest in op_args.h; dy may be y; overwrites. Value within 4 ulp of the largest of its terms. */
#include "loss.h"
#include "vmath.h"

#define LOG_2_PI PD_R(1.8378770664093455)

PD_KERNEL(loss_gaussian) {
    PD_ARGS(loss);
    const real *y = a->y, *t = a->t;
    real *loss = a->loss, *dy = a->dy;
    const ptrdiff_t O = a->O; /* 2: first and last column, which no other O takes out of the row */
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    PD_FOR_VECTORS (b, m, lo, hi) {
        vreal mean = {0}, s = {0}, weight = {0};
        for (ptrdiff_t i = 0; i < m; i++) {
            mean[i] = y[(b + i) * O];
            s[i] = y[(b + i) * O + O - 1];
            weight[i] = row_weight(a->w, a->per, a->L, b + i);
        }
        const vreal e = mean - vload_m(t + b, m), inverse = vexp(-s), square = e * e * inverse;
        vstore_m(loss + b, weight * ((s + square + LOG_2_PI) * PD_R(0.5)), m);
        if (!dy) continue;
        const vreal factor = weight * (real)a->scale, dmean = factor * e * inverse;
        const vreal ds = factor * (1 - square) * PD_R(0.5);
        for (ptrdiff_t i = 0; i < m; i++) {
            dy[(b + i) * O] = dmean[i];
            dy[(b + i) * O + O - 1] = ds[i];
        }
    }
}
