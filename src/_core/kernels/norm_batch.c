/* Batch normalization: x^ = (x - mean) rstd and y = gamma x^ + beta per column, rstd = 1 / sqrt(var + eps), var biased.
 * The mean of the batch is bmean + bmean_low, so that x^ is right to rounding wherever x lies (docs/adr/0014).
 * bn_fwd takes mean and var over the batch, keeps bmean, bmean_low and brstd, and moves mean and var:
 * moving = momentum moving + (1 - momentum) batch. bn_infer takes the moving ones; y = act(gamma x^ + beta) where act,
 * not a row-wise one, is given. bn_bwd: dbeta = sum dy, dgamma = sum dy x^ (added to where `add`), dx = gamma rstd
 * (dy - mean(dy) - x^ mean(dy x^)). x y dy dx [B][O], the rest [O]; y may be x, dx may be dy.
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

/* What bn_infer does to a column, for some columns or, where these are few, for those of several rows side by side. */
enum { COLUMNS = 512, CENTER = 0, SCALE = COLUMNS, SHIFT = 2 * COLUMNS };

static void constants(real *to, const pd_bn_infer_args *a, ptrdiff_t j, ptrdiff_t n, ptrdiff_t width) {
    const real *mean = (const real *)a->mean + j, *var = (const real *)a->var + j;
    const real *gamma = a->gamma ? (const real *)a->gamma + j : NULL,
               *beta = a->beta ? (const real *)a->beta + j : NULL;
    PD_FOR_VECTORS (o, m, 0, n) {
        vstore_m(to + CENTER + o, vload_m(mean + o, m), m);
        vstore_m(to + SCALE + o, vload_or(gamma, o, m, 1) / vsqrt(vload_m(var + o, m) + (real)a->eps), m);
        vstore_m(to + SHIFT + o, vload_or(beta, o, m, 0), m);
    }
    for (ptrdiff_t o = n; o < width; o++)
        for (int k = 0; k < 3; k++) to[k * COLUMNS + o] = to[k * COLUMNS + o - n];
}

/* rows of y = (x - center) scale + shift, ld elements apart */
typedef struct {
    const real *x, *constants;
    real *y;
    ptrdiff_t rows, ld;
} infer_rows;

PD_INLINE void infer(infer_rows r, ptrdiff_t j, const int W, ptrdiff_t m) {
    vreal center[PD_BLOCK], scale[PD_BLOCK], shift[PD_BLOCK];
    for (int v = 0; v < W; v++) {
        center[v] = vload_m(r.constants + CENTER + j + v * VL, m);
        scale[v] = vload_m(r.constants + SCALE + j + v * VL, m);
        shift[v] = vload_m(r.constants + SHIFT + j + v * VL, m);
    }
    for (ptrdiff_t b = 0; b < r.rows; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * r.ld + j + v * VL;
            vstore_m(r.y + i, (vload_m(r.x + i, m) - center[v]) * scale[v] + shift[v], m);
        }
}

/* Rows are finished, activation included, before the next ones are begun: they stay in L1. */
PD_KERNEL(bn_infer) {
    enum { BLOCK = 2048 };
    PD_ARGS(bn_infer);
    const ptrdiff_t O = a->O, block = PD_BLOCK * VL, side_by_side = O < block && block % O == 0 ? block / O : 1;
    real own[3 * COLUMNS];
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t j = 0; j < O; j += COLUMNS) {
        const ptrdiff_t n = min_(COLUMNS, O - j), width = n * side_by_side,
                        most = max_(1, BLOCK / width) * side_by_side;
        constants(own, a, j, n, width);
        for (ptrdiff_t b = lo, rows; b < hi; b += rows) {
            rows = min_(most, hi - b);
            const real *x = (const real *)a->x + b * O + j;
            real *y = (real *)a->y + b * O + j;
            const ptrdiff_t whole = rows / side_by_side, left = rows % side_by_side;
            infer_rows r = {x, own, y, whole, O * side_by_side};
            PD_COLUMNS(infer, r, 0, width);
            if (left) {
                r = (infer_rows){x + whole * width, own, y + whole * width, 1, 0};
                PD_COLUMNS(infer, r, 0, left * O);
            }
            const ptrdiff_t calls = !a->act ? 0 : n == O ? 1 : rows;
            for (ptrdiff_t k = 0; k < calls; k++) {
                const pd_act_fwd_args act = {
                    .x = y + k * O, .y = y + k * O, .B = n == O ? rows : 1, .O = n, .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            }
        }
    }
}
