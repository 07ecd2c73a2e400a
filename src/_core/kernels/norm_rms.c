/* RMS normalization: y = gamma x rstd of each row, rstd = 1 / sqrt(mean(x^2) + eps) (Zhang and Sennrich 2019).
 * With g = gamma dy and x^ = x rstd: dx = rstd (g - x^ mean(g x^)); dgamma by ln_grad, with the mean of 0 written here.
 * x y dy dx [B][O], gamma [O] or NULL (beta too: 0), mean mean_low rstd [B]; y may be x, dx may be dy. Sums in
 * double. */
#include "reduce.h"

PD_KERNEL(rms_fwd) {
    PD_ARGS(ln_fwd);
    const ptrdiff_t O = a->O;
    const real *gamma = a->gamma, *beta = a->beta;
    real *mean = a->mean, *mean_low = a->mean_low, *rstd = a->rstd;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O;
        real *y = (real *)a->y + b * O;
        vwide squares = {0};
        PD_FOR_VECTORS (j, m, 0, O) vwide_add_square(&squares, vload_m(x + j, m));
        const vreal scale = vset((real)(1 / __builtin_sqrt(vwide_sum(squares) / (double)O + a->eps)));
        mean[b] = mean_low[b] = 0;
        rstd[b] = scale[0];
        PD_FOR_VECTORS (j, m, 0, O) {
            const vreal normal = vload_m(x + j, m) * scale;
            vstore_m(y + j, normal * vload_or(gamma, j, m, 1) + vload_or(beta, j, m, 0), m);
        }
    }
}

PD_KERNEL(rms_bwd) {
    PD_ARGS(ln_bwd);
    const ptrdiff_t O = a->O;
    const real *gamma = a->gamma, *rstd = a->rstd;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O, *dy = (const real *)a->dy + b * O;
        real *dx = (real *)a->dx + b * O;
        const vreal scale = vset(rstd[b]);
        vwide product = {0};
        PD_FOR_VECTORS (j, m, 0, O)
            vwide_add(&product, vload_m(dy + j, m) * vload_or(gamma, j, m, 1) * (vload_m(x + j, m) * scale));
        const vreal mean_product = vset((real)(vwide_sum(product) / (double)O));
        PD_FOR_VECTORS (j, m, 0, O) {
            const vreal g = vload_m(dy + j, m) * vload_or(gamma, j, m, 1);
            vstore_m(dx + j, scale * (g - vload_m(x + j, m) * scale * mean_product), m);
        }
    }
}
