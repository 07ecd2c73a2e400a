/* Depthwise convolution: y[i][j][o] = act(b[o] + sum over taps (k, l) of x[i SH + k DH - top][j SW + l DW - left][o]
 * w[k][l][o]) and its input gradient, each element one chain of multiply-adds over (k, l) in order; taps beyond the
 * image are left out.
 *
 * Both are the same walk. Along an axis, output t of n lies at o0 + t os; its tap j is k0 + j ks of the kernel and
 * reads position p0 + t ps + j js. The gradient with stride S is S such axes: positions of the image that are equal
 * modulo S meet the same taps, and neighbours among them neighbouring windows. Lanes run along channels; a few pixels
 * at once give as many chains as multiply-adds take cycles. Samples are shared out. y may not be x. |err| <= taps eps
 * sum |x w|. */
#include "kernel.h"

typedef struct {
    ptrdiff_t n, o0, os; /* outputs, and where they lie */
    ptrdiff_t taps, k0, ks; /* taps, and which of the kernel */
    ptrdiff_t p0, ps, js, size; /* positions that are read, of so many */
    ptrdiff_t first, last; /* outputs [first, last) that have all their taps */
} axis;

PD_INLINE int reads(const axis *x, ptrdiff_t t, ptrdiff_t j) {
    const ptrdiff_t p = x->p0 + t * x->ps + j * x->js;
    return p >= 0 && p < x->size;
}
/* taps [*lo, *hi) of output t are there */
PD_INLINE void taps_of(const axis *x, ptrdiff_t t, ptrdiff_t *lo, ptrdiff_t *hi) {
    *lo = 0;
    *hi = x->taps;
    while (*lo < *hi && !reads(x, t, *lo)) ++*lo;
    while (*lo < *hi && !reads(x, t, *hi - 1)) --*hi;
}
static axis with_inner(axis x) {
    while (x.first < x.n && x.taps && !(reads(&x, x.first, 0) && reads(&x, x.first, x.taps - 1))) x.first++;
    x.last = x.first;
    while (x.last < x.n && x.taps && reads(&x, x.last, 0) && reads(&x, x.last, x.taps - 1)) x.last++;
    return x;
}

static axis forward_axis(ptrdiff_t size, ptrdiff_t n, ptrdiff_t taps, ptrdiff_t stride, ptrdiff_t dilation,
                         ptrdiff_t before) {
    return with_inner(
        (axis){.n = n, .os = 1, .taps = taps, .ks = 1, .p0 = -before, .ps = stride, .js = dilation, .size = size});
}

/* The gradient at positions of an image of `size` that are `phase` modulo the stride, `before` more counted. */
static axis gradient_axis(ptrdiff_t size, ptrdiff_t windows, ptrdiff_t taps, ptrdiff_t stride, ptrdiff_t dilation,
                          ptrdiff_t before, ptrdiff_t phase) {
    const ptrdiff_t o0 = ((phase - before) % stride + stride) % stride;
    ptrdiff_t k0 = 0, ks = 1;
    while (ks * dilation % stride) ks++; /* taps that meet a pixel are so far apart */
    while (k0 < ks && (phase + (stride - 1) * k0 * dilation) % stride) k0++;
    return with_inner((axis){.n = o0 < size ? (size - o0 + stride - 1) / stride : 0,
                             .o0 = o0,
                             .os = stride,
                             .taps = k0 < ks && k0 < taps ? (taps - k0 + ks - 1) / ks : 0,
                             .k0 = k0,
                             .ks = ks,
                             .p0 = (o0 + before - k0 * dilation) / stride,
                             .ps = 1,
                             .js = -(ks * dilation / stride),
                             .size = windows});
}

/* One row of output pixels. */
typedef struct {
    const axis *columns;
    const real *x, *w, *b; /* the first tap's row of the image and of the kernel */
    real *y; /* the row */
    ptrdiff_t O, taps, next_x, next_w; /* taps along the column of pixels, and how far from one to the next */
} line;

/* P outputs from t on, of W vectors of channels from c on; taps [lo, hi) along the row. */
PD_INLINE void pixels(const line *r, ptrdiff_t t, ptrdiff_t c, ptrdiff_t lo, ptrdiff_t hi, const int P, const int W,
                      ptrdiff_t m) {
    const axis *x = r->columns;
    const ptrdiff_t O = r->O, apart = x->ps * O;
    vreal sum[8][2];
    for (int v = 0; v < W; v++) {
        const vreal b = r->b ? vload_m(r->b + c + v * VL, m) : vset(0);
        for (int p = 0; p < P; p++) sum[p][v] = b;
    }
    for (ptrdiff_t k = 0; k < r->taps; k++) {
        const real *from = r->x + k * r->next_x + (x->p0 + t * x->ps + lo * x->js) * O + c;
        const real *w = r->w + k * r->next_w + (x->k0 + lo * x->ks) * O + c;
        for (ptrdiff_t l = lo; l < hi; l++, from += x->js * O, w += x->ks * O)
            for (int v = 0; v < W; v++) {
                const vreal tap = vload_m(w + v * VL, m);
#pragma GCC unroll 8
                for (int p = 0; p < P; p++) sum[p][v] = vfma(vload_m(from + p * apart + v * VL, m), tap, sum[p][v]);
            }
    }
    for (int p = 0; p < P; p++)
        for (int v = 0; v < W; v++) vstore_m(r->y + (x->o0 + (t + p) * x->os) * O + c + v * VL, sum[p][v], m);
}

PD_INLINE void edge(const line *r, ptrdiff_t t, ptrdiff_t c, const int W, ptrdiff_t m) {
    ptrdiff_t lo, hi;
    taps_of(r->columns, t, &lo, &hi);
    pixels(r, t, c, lo, hi, 1, W, m);
}

PD_INLINE void channels(const line *r, ptrdiff_t c, const int W, ptrdiff_t m) {
    enum { SUMS = 8 };
    const axis *x = r->columns;
    const int P = SUMS / W;
    ptrdiff_t t = 0;
    for (; t < x->first; t++) edge(r, t, c, W, m);
    for (; t + P <= x->last; t += P) pixels(r, t, c, 0, x->taps, P, W, m);
    if (t < x->last && x->last - x->first >= P) { /* some a second time: the same bits */
        t = x->last;
        pixels(r, t - P, c, 0, x->taps, P, W, m);
    }
    for (; t < x->n; t++) edge(r, t, c, W, m);
}

static void row(const line *r) {
    ptrdiff_t c = 0;
    for (; c + 2 * VL <= r->O; c += 2 * VL) channels(r, c, 2, VL);
    if (c + VL <= r->O) {
        channels(r, c, 1, VL);
        c += VL;
    }
    if (c < r->O) channels(r, c, 1, r->O - c);
}

/* Output row t: its taps along the column of pixels that are there. */
static void walk_row(line r, const axis *rows, ptrdiff_t t, const real *image, const real *w, ptrdiff_t row_of_x,
                     ptrdiff_t row_of_w) {
    ptrdiff_t lo, hi;
    taps_of(rows, t, &lo, &hi);
    r.x = image + (rows->p0 + t * rows->ps + lo * rows->js) * row_of_x;
    r.w = w + (rows->k0 + lo * rows->ks) * row_of_w;
    r.taps = hi - lo;
    r.next_x = rows->js * row_of_x;
    r.next_w = rows->ks * row_of_w;
    row(&r);
}

PD_KERNEL(depthwise_fwd) {
    PD_ARGS(depthwise_fwd);
    const ptrdiff_t O = a->O, row_of_y = a->OW * O;
    const axis rows = forward_axis(a->H, a->OH, a->KH, a->SH, a->DH, a->top);
    const axis columns = forward_axis(a->W, a->OW, a->KW, a->SW, a->DW, a->left);
    ptrdiff_t lo, hi;
    pd_bands(a->B, a->OH, share, &lo, &hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        real *y = (real *)a->y + i * row_of_y, *z = a->z ? (real *)a->z + i * row_of_y : y;
        const line r = {.columns = &columns, .b = a->b, .y = z, .O = O};
        walk_row(r, &rows, i % a->OH, (const real *)a->x + i / a->OH * a->H * a->W * O, a->w, a->W * O, a->KW * O);
        if (!a->act) continue;
        const pd_act_fwd_args act = {.x = z, .y = y, .B = a->OW, .O = O, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

PD_KERNEL(depthwise_dx) {
    PD_ARGS(depthwise_dx);
    const ptrdiff_t O = a->O, row_of_x = a->W * O;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t up = 0; up < a->SH; up++) {
        const axis rows = gradient_axis(a->H, a->OH, a->KH, a->SH, a->DH, a->top, up);
        for (ptrdiff_t i = lo; i < hi; i++)
            for (ptrdiff_t t = 0; t < rows.n; t++) {
                const ptrdiff_t at = (i * a->H + rows.o0 + t * rows.os) * row_of_x;
                real *dx = (real *)a->dx + at;
                for (ptrdiff_t phase = 0; phase < a->SW; phase++) {
                    const axis columns = gradient_axis(a->W, a->OW, a->KW, a->SW, a->DW, a->left, phase);
                    const line r = {.columns = &columns, .y = dx, .O = O};
                    walk_row(r, &rows, t, (const real *)a->dy + i * a->OH * a->OW * O, a->w, a->OW * O, a->KW * O);
                }
                if (!a->act) continue;
                const pd_act_bwd_args act = {
                    .s = (const real *)a->s + at, .dy = dx, .dx = dx, .B = a->W, .O = O, .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            }
    }
}
