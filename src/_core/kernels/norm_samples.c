/* Batch normalization of samples with several rows: the formulas of norm_batch.c, but threads share out the samples.
 *
 * bn_parts: mean and M2 = sum (x - mean)^2 of each sample, in one sweep about its first row, which bounds what is lost:
 *   with c a row of the n, n (c - mean)^2 <= n M2, so that M2 is right to n^2 eps of double. Any thread gets the same.
 * bn_apply: every thread merges all parts in the order of samples (Chan, Golub, LeVeque 1979), then normalizes its own
 *   samples. The first share alone stores what is of the batch. y = act(gamma x^ + beta), where act is given.
 * bn_slopes: sums of dy and dy x^ of each sample. Where act is given, dy is multiplied by its derivative first.
 * bn_dx: every thread adds up all parts in the order of samples; then dx of its own samples.
 * y may be x, dx may be dy. Sums in double, a sample's in the order of its rows (docs/adr/0018). */
#include "wide.h"

/* as in norm_batch.c */
#define EXTRA 1e-7

/* Elements of rows that are finished, activation included, before the next ones are begun: they stay in L1, also where
 * rows lie a power of two apart. */
enum { BLOCK = 1024 };
PD_INLINE ptrdiff_t block_rows(ptrdiff_t columns) { return columns < BLOCK ? BLOCK / columns : 1; }

PD_INLINE ptrdiff_t first_counted(const real *mask, ptrdiff_t rows) {
    ptrdiff_t b = 0;
    while (b < rows && !counts(mask, b)) b++;
    return b;
}

/* ---- forward ---- */

typedef struct {
    const real *x, *mask, *center; /* rows, and the first one that counts */
    double *parts;                 /* mean [O], M2 [O] */
    ptrdiff_t rows, O;
    int more; /* whether there were rows of this sample before: parts are sums of x - center and of squares so far */
    double n; /* rows of the sample that count, if there are none behind, else 0 */
} sample;

PD_INLINE void sample_parts(const sample *s, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t O = s->O;
    vwide center[2], sum[2] = {0}, squares[2] = {0};
    for (int v = 0; v < W; v++) {
        center[v] = vwiden(vload_m(s->center + j + v * VL, m));
        if (!s->more) continue;
        sum[v] = vwide_load(s->parts + j + v * VL, m);
        squares[v] = vwide_load(s->parts + O + j + v * VL, m);
    }
    for (ptrdiff_t b = 0; b < s->rows; b++) {
        if (!counts(s->mask, b)) continue;
        for (int v = 0; v < W; v++) {
            const vwide x = vwiden(vload_row(s->x + b * O + j + v * VL, m));
            for (int p = 0; p < VWIDE; p++) {
                const vdouble d = x.part[p] - center[v].part[p];
                sum[v].part[p] += d;
                squares[v].part[p] += d * d;
            }
        }
    }
    for (int v = 0; v < W; v++) {
        for (int p = 0; p < VWIDE && s->n != 0; p++) {
            const vdouble mean = sum[v].part[p] / s->n;
            squares[v].part[p] -= sum[v].part[p] * mean;
            sum[v].part[p] = center[v].part[p] + mean;
        }
        vwide_store(s->parts + j + v * VL, sum[v], m);
        vwide_store(s->parts + O + j + v * VL, squares[v], m);
    }
}

PD_KERNEL(bn_parts) {
    PD_ARGS(bn_parts);
    const ptrdiff_t O = a->O, L = pd_sample(a->L), step_rows = block_rows(O);
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        const real *x = (const real *)a->x + i * L * O, *mask = a->mask ? (const real *)a->mask + i * L : NULL;
        const ptrdiff_t n = counted(mask, L), first = first_counted(mask, L);
        double *parts = (double *)a->parts + i * (2 * O + 1);
        parts[2 * O] = (double)n;
        if (n == 0) memset(parts, 0, (size_t)(2 * O) * sizeof(double));
        for (ptrdiff_t b = 0, rows; b < L && n; b += rows) {
            rows = L - b < step_rows ? L - b : step_rows;
            const sample s = {.x = x + b * O,
                              .mask = mask ? mask + b : NULL,
                              .center = x + first * O,
                              .parts = parts,
                              .rows = rows,
                              .O = O,
                              .more = b > 0,
                              .n = b + rows == L ? (double)n : 0};
            PD_PAIRS(sample_parts, &s, O);
        }
    }
}

typedef struct {
    const pd_bn_apply_args *a;
    real *high, *low, *scale, *shift; /* [O] each, this thread's: y = ((x - high) - low) scale + shift */
    int keeps; /* whether this share stores what is of the batch */
} merged;

PD_INLINE void merge(const merged *t, ptrdiff_t j, const int W, ptrdiff_t m) {
    const pd_bn_apply_args *a = t->a;
    const ptrdiff_t O = a->O, samples = a->B / pd_sample(a->L);
    const vreal momentum = vset((real)a->momentum), fresh = vset((real)(1 - a->momentum)), eps = vset((real)a->eps);
    vwide mean[2] = {0}, squares[2] = {0};
    double n = 0;
    for (ptrdiff_t i = 0; i < samples; i++) {
        const double *parts = (const double *)a->parts + i * (2 * O + 1), count = parts[2 * O], before = n;
        if (count == 0) continue;
        n += count;
        const double share = count / n, weight = before * share;
        for (int v = 0; v < W; v++) {
            const vwide its = vwide_load(parts + j + v * VL, m), own = vwide_load(parts + O + j + v * VL, m);
            for (int p = 0; p < VWIDE; p++) {
                const vdouble d = its.part[p] - mean[v].part[p];
                mean[v].part[p] += d * share;
                squares[v].part[p] += own.part[p] + d * d * weight;
            }
        }
    }
    const double rows = n + (a->mask ? EXTRA : 0), kept = n / rows;
    for (int v = 0; v < W; v++) {
        const ptrdiff_t o = j + v * VL;
        for (int p = 0; p < VWIDE; p++) { /* about the mean that rows are normalized with */
            const vdouble apart = mean[v].part[p] * (1 - kept);
            squares[v].part[p] += apart * apart * n;
            mean[v].part[p] *= kept;
        }
        const vmean center = vwide_mean_of(mean[v], 1);
        const vreal variance = vwide_mean(squares[v], rows), rstd = 1 / vsqrt(variance + eps);
        vstore_m(t->high + o, center.high, m);
        vstore_m(t->low + o, center.low, m);
        vstore_m(t->scale + o, rstd * vload_or(a->gamma, o, m, 1), m);
        vstore_m(t->shift + o, vload_or(a->beta, o, m, 0), m);
        if (!t->keeps) continue;
        real *moving_mean = (real *)a->mean + o, *moving_var = (real *)a->var + o;
        vstore_m((real *)a->bmean + o, center.high, m);
        vstore_m((real *)a->bmean_low + o, center.low, m);
        vstore_m((real *)a->brstd + o, rstd, m);
        vstore_m(moving_mean, momentum * vload_m(moving_mean, m) + fresh * center.high, m);
        vstore_m(moving_var, momentum * vload_m(moving_var, m) + fresh * variance, m);
    }
}

static void normalize(const merged *t, const real *x, real *y, ptrdiff_t rows) {
    const ptrdiff_t O = t->a->O;
    for (ptrdiff_t b = 0; b < rows; b++, x += O, y += O)
        PD_FOR_VECTORS (j, m, 0, O) {
            const vmean center = {vload_m(t->high + j, m), vload_m(t->low + j, m)};
            const vreal scale = vload_m(t->scale + j, m), shift = vload_m(t->shift + j, m);
            vstore_row(y + j, vcentred(vload_row(x + j, m), center) * scale + shift, m);
        }
}

PD_KERNEL(bn_apply) {
    PD_ARGS(bn_apply);
    const ptrdiff_t O = a->O, L = pd_sample(a->L), step_rows = block_rows(O);
    real *own = (real *)a->own + step->thread * a->own_stride;
    const merged t = {.a = a,
                      .high = own,
                      .low = own + O,
                      .scale = own + 2 * O,
                      .shift = own + 3 * O,
                      .keeps = share.lo == 0 && share.hi > 0 && share.part == 0};
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    if (lo == hi && !t.keeps) return;
    PD_PAIRS(merge, &t, O);
    for (ptrdiff_t b = lo * L, rows; b < hi * L; b += rows) {
        rows = hi * L - b < step_rows ? hi * L - b : step_rows;
        real *y = (real *)a->y + b * O, *z = a->z ? (real *)a->z + b * O : y;
        normalize(&t, (const real *)a->x + b * O, z, rows);
        if (!a->act) continue;
        const pd_act_fwd_args act = {.x = z, .y = y, .B = rows, .O = O, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

/* ---- backward ---- */

typedef struct {
    const pd_bn_slopes_args *a;
    const real *x, *dy;
    double *parts; /* sums of dy [O], of dy x^ [O] */
    ptrdiff_t rows;
    int more, last; /* whether there were rows of this sample before, and whether there are none behind */
} slopes;

PD_INLINE void sample_slopes(const slopes *s, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t O = s->a->O;
    vmean center[2];
    vwide sum[2] = {0}, product[2] = {0};
    for (int v = 0; v < W; v++) {
        const ptrdiff_t o = j + v * VL;
        center[v] = (vmean){vload_m((const real *)s->a->bmean + o, m), vload_m((const real *)s->a->bmean_low + o, m)};
        if (!s->more) continue;
        sum[v] = vwide_load(s->parts + o, m);
        product[v] = vwide_load(s->parts + O + o, m);
    }
    for (ptrdiff_t b = 0; b < s->rows; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * O + j + v * VL;
            const vwide d = vwiden(vload_row(s->dy + i, m)), x = vwiden(vcentred(vload_row(s->x + i, m), center[v]));
            for (int p = 0; p < VWIDE; p++) {
                sum[v].part[p] += d.part[p];
                product[v].part[p] += d.part[p] * x.part[p];
            }
        }
    for (int v = 0; v < W; v++) {
        const ptrdiff_t o = j + v * VL;
        const vwide rstd = vwiden(vload_m((const real *)s->a->brstd + o, m));
        for (int p = 0; p < VWIDE && s->last; p++) product[v].part[p] *= rstd.part[p];
        vwide_store(s->parts + o, sum[v], m);
        vwide_store(s->parts + O + o, product[v], m);
    }
}

PD_KERNEL(bn_slopes) {
    PD_ARGS(bn_slopes);
    const ptrdiff_t O = a->O, L = pd_sample(a->L), step_rows = block_rows(O);
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    for (ptrdiff_t i = lo; i < hi; i++)
        for (ptrdiff_t b = 0, rows; b < L; b += rows) {
            const ptrdiff_t at = (i * L + b) * O;
            real *dy = (real *)a->dy + at;
            rows = L - b < step_rows ? L - b : step_rows;
            if (a->act) {
                const pd_act_bwd_args act = {
                    .s = (const real *)a->s + at, .dy = dy, .dx = dy, .B = rows, .O = O, .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            }
            const slopes s = {.a = a,
                              .x = (const real *)a->x + at,
                              .dy = dy,
                              .parts = (double *)a->parts + i * 2 * O,
                              .rows = rows,
                              .more = b > 0,
                              .last = b + rows == L};
            PD_PAIRS(sample_slopes, &s, O);
        }
}

typedef struct {
    const pd_bn_dx_args *a;
    real *high, *low, *scale, *by_mean, *by_var; /* [O] each: dx = scale (dy - by_mean - ((x - high) - low) by_var) */
} slope;

PD_INLINE void merge_slopes(const slope *t, ptrdiff_t j, const int W, ptrdiff_t m) {
    const pd_bn_dx_args *a = t->a;
    const ptrdiff_t O = a->O, samples = a->B / pd_sample(a->L);
    const double rows = (double)counted(a->mask, a->B) + (a->mask ? EXTRA : 0);
    vwide sum[2] = {0}, product[2] = {0};
    for (ptrdiff_t i = 0; i < samples; i++)
        for (int v = 0; v < W; v++) {
            const double *parts = (const double *)a->parts + i * 2 * O + j + v * VL;
            const vwide of_dy = vwide_load(parts, m), of_product = vwide_load(parts + O, m);
            for (int p = 0; p < VWIDE; p++) {
                sum[v].part[p] += of_dy.part[p];
                product[v].part[p] += of_product.part[p];
            }
        }
    for (int v = 0; v < W; v++) {
        const ptrdiff_t o = j + v * VL;
        const vreal high = vload_m((const real *)a->bmean + o, m), rstd = vload_m((const real *)a->brstd + o, m);
        const vreal mean_product = vwide_mean(product[v], rows);
        vreal mean_dy = vwide_mean(sum[v], rows);
        if (a->mask) mean_dy -= vset((real)(EXTRA / rows)) * high * rstd * mean_product;
        vstore_m(t->high + o, high, m);
        vstore_m(t->low + o, vload_m((const real *)a->bmean_low + o, m), m);
        vstore_m(t->scale + o, rstd * vload_or(a->gamma, o, m, 1), m);
        vstore_m(t->by_mean + o, mean_dy, m);
        vstore_m(t->by_var + o, rstd * mean_product, m);
    }
}

PD_KERNEL(bn_dx) {
    PD_ARGS(bn_dx);
    const ptrdiff_t O = a->O, L = pd_sample(a->L);
    real *own = (real *)a->own + step->thread * a->own_stride;
    const slope t = {
        .a = a, .high = own, .low = own + O, .scale = own + 2 * O, .by_mean = own + 3 * O, .by_var = own + 4 * O};
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    if (lo == hi) return;
    PD_PAIRS(merge_slopes, &t, O);
    const real *x = (const real *)a->x + lo * L * O, *dy = (const real *)a->dy + lo * L * O;
    real *dx = (real *)a->dx + lo * L * O;
    for (ptrdiff_t b = lo * L; b < hi * L; b++, x += O, dy += O, dx += O) {
        const int does = counts(a->mask, b);
        PD_FOR_VECTORS (j, m, 0, O) {
            const vmean center = {vload_m(t.high + j, m), vload_m(t.low + j, m)};
            const vreal d = vload_row(dy + j, m), by_mean = vload_m(t.by_mean + j, m),
                        by_var = vload_m(t.by_var + j, m);
            const vreal rest = d - by_mean - vcentred(vload_row(x + j, m), center) * by_var;
            vstore_row(dx + j, vload_m(t.scale + j, m) * (does ? rest : d), m);
        }
    }
}
