/* Batch normalization: x^ = (x - mean) rstd and y = gamma x^ + beta per column, rstd = 1 / sqrt(var + eps), var biased.
 * The mean of the batch is bmean + bmean_low, so that x^ is right to rounding wherever x lies (docs/adr/0014).
 * bn_fwd takes mean and var over the batch, keeps bmean, bmean_low and brstd, and moves mean and var:
 * moving = momentum moving + (1 - momentum) batch. bn_infer takes the moving ones. bn_bwd: dbeta = sum dy, dgamma =
 * sum dy x^ (added to where `add`), dx = gamma rstd (dy - mean(dy) - x^ mean(dy x^)). x y dy dx [B][O], the rest [O];
 * y may be x, dx may be dy.
 * With a mask, mean and var are of the rows that count, mean = sum of m[b] x[b] / n with n = sum of m + 1e-7; all
 * rows are normalized by them. As sum of m[b] (x[b] - mean) is 1e-7 mean then, in rows that count
 *   dx = gamma rstd (dy - sum(dy) / n - (x^ - 1e-7 mean rstd / n) sum(dy x^) / n), in others dx = gamma rstd dy.
 * Sums in double, in row order. */
#include "reduce.h"

/* what the number of rows is more by where there is a mask: as in Keras, to keep a batch without rows from NaN */
#define EXTRA 1e-7

PD_INLINE double divisor(const real *mask, ptrdiff_t B) { return (double)counted(mask, B) + (mask ? EXTRA : 0); }

PD_INLINE void forward(const pd_bn_fwd_args *a, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t n = a->n, B = a->B;
    const real *x = (const real *)a->x + j, *gamma = a->gamma, *beta = a->beta, *mask = a->mask;
    const double rows = divisor(mask, B);
    real *y = (real *)a->y + j, *mean = a->mean, *var = a->var, *bmean = a->bmean;
    real *bmean_low = a->bmean_low, *brstd = a->brstd;
    const vreal momentum = vset((real)a->momentum), fresh = vset((real)(1 - a->momentum)), eps = vset((real)a->eps);
    vwide sum[PD_BLOCK] = {0}, squares[PD_BLOCK] = {0};
    vmean center[PD_BLOCK];
    vreal scale[PD_BLOCK], shift[PD_BLOCK];
    for (ptrdiff_t b = 0; b < B; b++) {
        if (!counts(mask, b)) continue;
        for (int v = 0; v < W; v++) vwide_add(&sum[v], vload_m(x + b * n + v * VL, m));
    }
    for (int v = 0; v < W; v++) center[v] = vwide_mean_of(sum[v], rows);
    for (ptrdiff_t b = 0; b < B; b++) {
        if (!counts(mask, b)) continue;
        for (int v = 0; v < W; v++) vwide_add_square(&squares[v], vcentred(vload_m(x + b * n + v * VL, m), center[v]));
    }
    for (int v = 0; v < W; v++) {
        const ptrdiff_t o = j + v * VL;
        const vreal variance = vwide_mean(squares[v], rows), rstd = 1 / vsqrt(variance + eps);
        vstore_m(bmean + o, center[v].high, m);
        vstore_m(bmean_low + o, center[v].low, m);
        vstore_m(brstd + o, rstd, m);
        vstore_m(mean + o, momentum * vload_m(mean + o, m) + fresh * center[v].high, m);
        vstore_m(var + o, momentum * vload_m(var + o, m) + fresh * variance, m);
        scale[v] = rstd * vload_or(gamma, o, m, 1);
        shift[v] = vload_or(beta, o, m, 0);
    }
    for (ptrdiff_t b = 0; b < B; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * n + v * VL;
            vstore_m(y + i, vcentred(vload_m(x + i, m), center[v]) * scale[v] + shift[v], m);
        }
}

PD_KERNEL(bn_fwd) {
    PD_ARGS(bn_fwd);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_COLUMNS(forward, a, lo, hi);
}

PD_INLINE void backward(const pd_bn_bwd_args *a, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t n = a->n, B = a->B;
    const int add = a->add != 0;
    const real *x = (const real *)a->x + j, *dy = (const real *)a->dy + j, *gamma = a->gamma;
    const real *mask = a->mask, *bmean = (const real *)a->bmean + j, *bmean_low = (const real *)a->bmean_low + j;
    const real *brstd = (const real *)a->brstd + j;
    real *dx = a->dx ? (real *)a->dx + j : NULL, *dgamma = a->dgamma, *dbeta = a->dbeta;
    const double rows = divisor(mask, B);
    vwide sum[PD_BLOCK] = {0}, product[PD_BLOCK] = {0};
    vmean center[PD_BLOCK];
    vreal rstd[PD_BLOCK], scale[PD_BLOCK], mean_dy[PD_BLOCK], mean_product[PD_BLOCK];
    for (int v = 0; v < W; v++) {
        center[v] = (vmean){vload_m(bmean + v * VL, m), vload_m(bmean_low + v * VL, m)};
        rstd[v] = vload_m(brstd + v * VL, m);
        scale[v] = rstd[v] * vload_or(gamma, j + v * VL, m, 1);
    }
    for (ptrdiff_t b = 0; b < B; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * n + v * VL;
            const vreal d = vload_m(dy + i, m);
            vwide_add(&sum[v], d);
            vwide_add(&product[v], d * (vcentred(vload_m(x + i, m), center[v]) * rstd[v]));
        }
    for (int v = 0; v < W; v++) {
        if (dgamma) vstore_sum(dgamma + j + v * VL, vnarrow(product[v]), m, add);
        if (dbeta) vstore_sum(dbeta + j + v * VL, vnarrow(sum[v]), m, add);
        mean_dy[v] = vwide_mean(sum[v], rows);
        mean_product[v] = vwide_mean(product[v], rows);
        if (mask) mean_dy[v] -= vset((real)(EXTRA / rows)) * center[v].high * rstd[v] * mean_product[v];
    }
    if (!dx) return;
    for (ptrdiff_t b = 0; b < B; b++) {
        const int does = counts(mask, b);
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * n + v * VL;
            const vreal d = vload_m(dy + i, m), normal = vcentred(vload_m(x + i, m), center[v]) * rstd[v];
            vstore_m(dx + i, scale[v] * (does ? d - mean_dy[v] - normal * mean_product[v] : d), m);
        }
    }
}

PD_KERNEL(bn_bwd) {
    PD_ARGS(bn_bwd);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_COLUMNS(backward, a, lo, hi);
}

/* a share of the rows, and of them all the columns: what depends on the column only is computed once */
typedef struct {
    const pd_bn_infer_args *a;
    ptrdiff_t lo, hi;
} infer_rows;

PD_INLINE void infer(infer_rows r, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t O = r.a->O;
    const real *x = (const real *)r.a->x + j, *mean = (const real *)r.a->mean + j, *var = (const real *)r.a->var + j;
    real *y = (real *)r.a->y + j;
    vreal center[PD_BLOCK], scale[PD_BLOCK], shift[PD_BLOCK];
    for (int v = 0; v < W; v++) {
        center[v] = vload_m(mean + v * VL, m);
        scale[v] = vload_or(r.a->gamma, j + v * VL, m, 1) / vsqrt(vload_m(var + v * VL, m) + (real)r.a->eps);
        shift[v] = vload_or(r.a->beta, j + v * VL, m, 0);
    }
    for (ptrdiff_t b = r.lo; b < r.hi; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * O + v * VL;
            vstore_m(y + i, (vload_m(x + i, m) - center[v]) * scale[v] + shift[v], m);
        }
}

PD_KERNEL(bn_infer) {
    PD_ARGS(bn_infer);
    infer_rows r = {.a = a};
    pd_rows(a->B, a->L, share, &r.lo, &r.hi);
    PD_COLUMNS(infer, r, 0, a->O);
}
