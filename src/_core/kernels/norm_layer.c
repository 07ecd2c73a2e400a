/* Layer normalization: x^ = (x - mean) rstd and y = gamma x^ + beta per row, rstd = 1 / sqrt(var + eps), var biased.
 * The mean is mean + mean_low, so that x^ is right to rounding wherever x lies (docs/adr/0014).
 * With g = gamma dy: dx = rstd (g - mean(g) - x^ mean(g x^)). ln_grad, by columns: dbeta = sum dy, dgamma = sum dy x^
 * over rows, in row order (added to where `add`).
 * x y dy dx [B][O], gamma beta dgamma dbeta [O] or NULL, mean mean_low rstd [B]; y may be x, dx may be dy.
 * Sums in double. */
#include "reduce.h"

PD_KERNEL(ln_fwd) {
    PD_ARGS(ln_fwd);
    const ptrdiff_t O = a->O;
    const real *gamma = a->gamma, *beta = a->beta;
    real *mean = a->mean, *mean_low = a->mean_low, *rstd = a->rstd;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O;
        real *y = (real *)a->y + b * O;
        vwide sum = {0}, squares = {0};
        PD_FOR_VECTORS (j, m, 0, O) vwide_add(&sum, vload_m(x + j, m));
        const vmean center = vmean_of(vwide_sum(sum) / (double)O);
        PD_FOR_VECTORS (j, m, 0, O) vwide_add_square(&squares, vand(vfirst(m), vcentred(vload_m(x + j, m), center)));
        const vreal scale = vset((real)(1 / __builtin_sqrt(vwide_sum(squares) / (double)O + a->eps)));
        mean[b] = center.high[0];
        mean_low[b] = center.low[0];
        rstd[b] = scale[0];
        PD_FOR_VECTORS (j, m, 0, O) {
            const vreal normal = vcentred(vload_m(x + j, m), center) * scale;
            vstore_m(y + j, normal * vload_or(gamma, j, m, 1) + vload_or(beta, j, m, 0), m);
        }
    }
}

PD_KERNEL(ln_bwd) {
    PD_ARGS(ln_bwd);
    const ptrdiff_t O = a->O;
    const real *gamma = a->gamma, *mean = a->mean, *mean_low = a->mean_low, *rstd = a->rstd;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O, *dy = (const real *)a->dy + b * O;
        real *dx = (real *)a->dx + b * O;
        const vmean center = {vset(mean[b]), vset(mean_low[b])};
        const vreal scale = vset(rstd[b]);
        vwide sum = {0}, product = {0};
        PD_FOR_VECTORS (j, m, 0, O) {
            const vreal g = vload_m(dy + j, m) * vload_or(gamma, j, m, 1);
            vwide_add(&sum, g);
            vwide_add(&product, g * (vcentred(vload_m(x + j, m), center) * scale));
        }
        const vreal mean_g = vset((real)(vwide_sum(sum) / (double)O));
        const vreal mean_product = vset((real)(vwide_sum(product) / (double)O));
        PD_FOR_VECTORS (j, m, 0, O) {
            const vreal g = vload_m(dy + j, m) * vload_or(gamma, j, m, 1);
            const vreal normal = vcentred(vload_m(x + j, m), center) * scale;
            vstore_m(dx + j, scale * (g - mean_g - normal * mean_product), m);
        }
    }
}

PD_INLINE void gradients(const pd_ln_grad_args *a, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t n = a->n;
    const real *x = (const real *)a->x + j, *dy = (const real *)a->dy + j;
    const real *mean = a->mean, *mean_low = a->mean_low, *rstd = a->rstd;
    real *dgamma = a->dgamma, *dbeta = a->dbeta;
    vwide sum[PD_BLOCK] = {0}, product[PD_BLOCK] = {0};
    for (ptrdiff_t b = 0; b < a->B; b++) {
        const vmean center = {vset(mean[b]), vset(mean_low[b])};
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * n + v * VL;
            const vreal d = vload_m(dy + i, m);
            vwide_add(&sum[v], d);
            vwide_add(&product[v], d * (vcentred(vload_m(x + i, m), center) * rstd[b]));
        }
    }
    for (int v = 0; v < W; v++) {
        if (dgamma) vstore_sum(dgamma + j + v * VL, vnarrow(product[v]), m, a->add != 0);
        if (dbeta) vstore_sum(dbeta + j + v * VL, vnarrow(sum[v]), m, a->add != 0);
    }
}

PD_KERNEL(ln_grad) {
    PD_ARGS(ln_grad);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_COLUMNS(gradients, a, lo, hi);
}
