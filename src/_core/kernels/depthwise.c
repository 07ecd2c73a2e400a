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
    int spread;       /* whether w and b are a `spread` */
    ptrdiff_t O, tap; /* channels, and elements of w from one tap to the next */
    ptrdiff_t taps, next_x, next_w; /* taps along the column of pixels, and how far from one to the next */
} line;

/* Outputs of a line: where the first one is and reads its first tap, how far it is to the next, and its taps. */
typedef struct {
    const real *x, *w, *b;
    real *y;
    ptrdiff_t next_x, next_y;
    ptrdiff_t down, down_x, down_w;
    ptrdiff_t along, along_x, along_w;
} outputs;

/* Those from pixel t on, channel c; taps [lo, hi) along the row. */
PD_INLINE outputs outputs_of(const line *r, ptrdiff_t t, ptrdiff_t c, ptrdiff_t lo, ptrdiff_t hi) {
    const axis *x = r->columns;
    const ptrdiff_t O = r->O;
    return (outputs){.x = r->x + (x->p0 + t * x->ps + lo * x->js) * O + c,
                     .w = r->w + (x->k0 + lo * x->ks) * r->tap + c,
                     .b = r->b ? r->b + c : NULL,
                     .y = r->y + (x->o0 + t * x->os) * O + c,
                     .next_x = x->ps * O,
                     .next_y = x->os * O,
                     .down = r->taps,
                     .down_x = r->next_x,
                     .down_w = r->next_w,
                     .along = hi - lo,
                     .along_x = x->js * O,
                     .along_w = x->ks * r->tap};
}

/* P outputs from the t-th on, W vectors each; they have L taps along the row, 0: as many as it says. */
PD_INLINE void sum_up(const outputs *s, ptrdiff_t t, const int P, const int W, const int L, ptrdiff_t m) {
    const ptrdiff_t along = L ? L : s->along, next_x = s->next_x;
    const real *row = s->x + t * next_x, *row_of_w = s->w;
    real *y = s->y + t * s->next_y;
    vreal sum[8][2];
    for (int v = 0; v < W; v++) {
        const vreal b = s->b ? vload_m(s->b + v * VL, m) : vset(0);
        for (int p = 0; p < P; p++) sum[p][v] = b;
    }
    for (ptrdiff_t k = 0; k < s->down; k++, row += s->down_x, row_of_w += s->down_w) {
        const real *x = row, *w = row_of_w;
#pragma GCC unroll 3
        for (ptrdiff_t l = 0; l < along; l++, x += s->along_x, w += s->along_w)
            for (int v = 0; v < W; v++) {
                const vreal tap = vload_m(w + v * VL, m);
#pragma GCC unroll 8
                for (int p = 0; p < P; p++) sum[p][v] = vfma(vload_m(x + p * next_x + v * VL, m), tap, sum[p][v]);
            }
    }
    for (int p = 0; p < P; p++)
        for (int v = 0; v < W; v++) vstore_m(y + p * s->next_y + v * VL, sum[p][v], m);
}

/* n outputs that have all their taps, some perhaps twice: the same bits. */
PD_INLINE void inner(const outputs *s, ptrdiff_t n, const int W, const int L, ptrdiff_t m) {
    enum { SUMS = 8 };
    const int P = SUMS / W;
    for (ptrdiff_t t = 0, next; n >= P && t < n; t = next) {
        sum_up(s, t, P, W, L, m);
        next = t + P == n ? n : min_(t + P, n - P);
    }
    for (ptrdiff_t t = 0; n < P && t < n; t++) sum_up(s, t, 1, W, L, m);
}

/* The outputs that lack taps. */
PD_INLINE void edges(const line *r, ptrdiff_t c, const int W, ptrdiff_t m) {
    const axis *x = r->columns;
    for (ptrdiff_t t = x->first > 0 ? 0 : x->last; t < x->n; t = t + 1 == x->first ? x->last : t + 1) {
        ptrdiff_t lo, hi;
        taps_of(x, t, &lo, &hi);
        const outputs s = outputs_of(r, t, c, lo, hi);
        sum_up(&s, 0, 1, W, 0, m);
    }
}

/* whole: m is VL */
PD_INLINE void channels(const line *r, ptrdiff_t c, const int W, ptrdiff_t m, const int whole) {
    const axis *x = r->columns;
    const outputs s = outputs_of(r, x->first, c, 0, x->taps);
    edges(r, c, W, m);
    if (whole && x->taps == 3) inner(&s, x->last - x->first, W, 3, m);
    else inner(&s, x->last - x->first, W, 0, m);
}

/* The few channels of several pixels side by side, as `spread` has their weights. */
static void pixels(const line *r) {
    const axis *x = r->columns;
    const ptrdiff_t O = r->O, n = (x->last - x->first) * O, whole = n / VL;
    outputs s = outputs_of(r, x->first, 0, 0, x->taps);
    s.next_x = s.next_y = VL;
    edges(r, 0, 1, O);
    if (x->taps == 3) inner(&s, whole, 1, 3, VL);
    else inner(&s, whole, 1, 0, VL);
    if (n % VL) sum_up(&s, whole, 1, 1, 0, n % VL);
}

static void row(const line *r) {
    if (r->spread) {
        pixels(r);
        return;
    }
    ptrdiff_t c = 0;
    for (; c + 2 * VL <= r->O; c += 2 * VL) channels(r, c, 2, VL, 1);
    if (c + VL <= r->O) {
        channels(r, c, 1, VL, 1);
        c += VL;
    }
    if (c < r->O) channels(r, c, 1, r->O - c, 0);
}

/* A kernel and bias whose few channels are repeated to fill vectors, of as many pixels side by side. */
enum { SPREAD_TAPS = 49 };
typedef struct {
    real w[SPREAD_TAPS * VL], b[VL];
} spread;

/* Whether the line is to read them from there: where its pixels, and what they read, lie side by side. */
PD_INLINE int is_spread(ptrdiff_t O, ptrdiff_t taps, ptrdiff_t stride) {
    return O <= VL && VL % O == 0 && taps <= SPREAD_TAPS && stride == 1;
}
static void spread_out(spread *to, const real *w, const real *b, ptrdiff_t O, ptrdiff_t taps) {
    for (ptrdiff_t k = 0; k < taps; k++)
        for (ptrdiff_t i = 0; i < VL; i++) to->w[k * VL + i] = w[k * O + i % O];
    for (ptrdiff_t i = 0; b && i < VL; i++) to->b[i] = b[i % O];
}

/* Output row t: its taps along the column of pixels that are there. */
static void walk_row(line r, const axis *rows, ptrdiff_t t, const real *image, ptrdiff_t row_of_x, ptrdiff_t KW) {
    ptrdiff_t lo, hi;
    taps_of(rows, t, &lo, &hi);
    r.x = image + (rows->p0 + t * rows->ps + lo * rows->js) * row_of_x;
    r.w += (rows->k0 + lo * rows->ks) * KW * r.tap;
    r.taps = hi - lo;
    r.next_x = rows->js * row_of_x;
    r.next_w = rows->ks * KW * r.tap;
    row(&r);
}

PD_KERNEL(depthwise_fwd) {
    PD_ARGS(depthwise_fwd);
    const ptrdiff_t O = a->O, row_of_y = a->OW * O;
    const axis rows = forward_axis(a->H, a->OH, a->KH, a->SH, a->DH, a->top);
    const axis columns = forward_axis(a->W, a->OW, a->KW, a->SW, a->DW, a->left);
    line r = {.columns = &columns, .w = a->w, .b = a->b, .O = O, .tap = O};
    spread few;
    if (is_spread(O, a->KH * a->KW, a->SW)) {
        spread_out(&few, a->w, a->b, O, a->KH * a->KW);
        r.w = few.w, r.b = a->b ? few.b : NULL, r.tap = VL, r.spread = 1;
    }
    ptrdiff_t lo, hi;
    pd_bands(a->B, a->OH, share, &lo, &hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        real *y = (real *)a->y + i * row_of_y, *z = a->z ? (real *)a->z + i * row_of_y : y;
        r.y = z;
        walk_row(r, &rows, i % a->OH, (const real *)a->x + i / a->OH * a->H * a->W * O, a->W * O, a->KW);
        if (!a->act) continue;
        const pd_act_fwd_args act = {.x = z, .y = y, .B = a->OW, .O = O, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

PD_KERNEL(depthwise_dx) {
    PD_ARGS(depthwise_dx);
    const ptrdiff_t O = a->O, row_of_x = a->W * O;
    line r = {.w = a->w, .O = O, .tap = O};
    spread few;
    if (is_spread(O, a->KH * a->KW, a->SW)) {
        spread_out(&few, a->w, NULL, O, a->KH * a->KW);
        r.w = few.w, r.tap = VL, r.spread = 1;
    }
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
                    r.columns = &columns, r.y = dx;
                    walk_row(r, &rows, t, (const real *)a->dy + i * a->OH * a->OW * O, a->OW * O, a->KW);
                }
                if (!a->act) continue;
                const pd_act_bwd_args act = {
                    .s = (const real *)a->s + at, .dy = dx, .dx = dx, .B = a->W, .O = O, .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            }
    }
}
