/* Gradients of the kernel and bias of a depthwise convolution: dw[k][l][o] = sum over windows (i, j) of all images of
 * x[i SH + k DH - top][j SW + l DW - left][o] dy[i][j][o], db[o] = sum of dy[i][j][o]; x zero where there is no pixel.
 *
 * Slices of whole images, as many as the caller says, each by one thread: parts [S] of dw [KH * KW][O] and db [O], in
 * double. Within a slice the windows of an image go by in bands of rows: those of a band are one chain of
 * multiply-adds in their order, bands are added in double. |err| <= BAND eps sum |x dy| in float32, BAND + OW in place
 * of BAND if OW is larger. */
#include "wide.h"

enum { BAND = 64, TAPS = 5 }; /* windows of a band, about; taps along a row that are summed side by side at most */

typedef struct {
    const pd_depthwise_dw_args *a;
    const real *x, *dy; /* the image */
    double *parts;      /* the slice's */
    ptrdiff_t lo, hi;   /* rows of windows */
    ptrdiff_t k, l;     /* the first tap */
} band;

/* windows [*lo, *hi) of a row whose tap l has a pixel */
PD_INLINE void windows_of(const pd_depthwise_dw_args *a, ptrdiff_t l, ptrdiff_t *lo, ptrdiff_t *hi) {
    const ptrdiff_t p = l * a->DW - a->left, left = a->W - p; /* pixels from that of the first window on */
    *lo = p < 0 ? (-p + a->SW - 1) / a->SW : 0;
    *hi = left > 0 ? (left + a->SW - 1) / a->SW : 0;
    if (*hi > a->OW) *hi = a->OW;
    if (*lo > *hi) *lo = *hi;
}

/* sum += the products of windows [lo, hi) of a row with T taps, W vectors of channels */
PD_INLINE void products(vreal (*sum)[2], const real *x, const real *dy, ptrdiff_t apart, ptrdiff_t next, ptrdiff_t O,
                        ptrdiff_t lo, ptrdiff_t hi, const int T, const int W, ptrdiff_t m) {
    for (ptrdiff_t j = lo; j < hi; j++)
        for (int v = 0; v < W; v++) {
            const vreal d = vload_row(dy + j * O + v * VL, m);
            pd_ask_ahead(x + j * next + v * VL, m);
#pragma GCC unroll 5
            for (int t = 0; t < T; t++) sum[t][v] = vfma(vload_m(x + j * next + t * apart + v * VL, m), d, sum[t][v]);
        }
}

PD_INLINE void taps(const band *s, ptrdiff_t c, const int T, const int W, ptrdiff_t m) {
    const pd_depthwise_dw_args *a = s->a;
    const ptrdiff_t O = a->O, apart = a->DW * O, next = a->SW * O;
    ptrdiff_t from[TAPS], to[TAPS], lo = 0, hi = a->OW;
    vreal sum[TAPS][2] = {0};
    for (int t = 0; t < T; t++) {
        windows_of(a, s->l + t, &from[t], &to[t]);
        lo = from[t] > lo ? from[t] : lo;
        hi = to[t] < hi ? to[t] : hi;
    }
    if (hi < lo) hi = lo;
    for (ptrdiff_t i = s->lo; i < s->hi; i++) {
        const ptrdiff_t p = i * a->SH + s->k * a->DH - a->top;
        if (p < 0 || p >= a->H) continue;
        const real *x = s->x + (p * a->W + s->l * a->DW - a->left) * O + c, *dy = s->dy + i * a->OW * O + c;
        for (int t = 0; t < T; t++)
            products(&sum[t], x + t * apart, dy, apart, next, O, from[t], lo < to[t] ? lo : to[t], 1, W, m);
        products(sum, x, dy, apart, next, O, lo, hi, T, W, m);
        for (int t = 0; t < T; t++)
            products(&sum[t], x + t * apart, dy, apart, next, O, hi > from[t] ? hi : from[t], to[t], 1, W, m);
    }
    for (int t = 0; t < T; t++)
        for (int v = 0; v < W; v++) {
            double *part = s->parts + (s->k * a->KW + s->l + t) * O + c + v * VL;
            vwide total = vwide_load(part, m);
            vwide_add(&total, sum[t][v]);
            vwide_store(part, total, m);
        }
}

PD_INLINE void channels(const band *s, ptrdiff_t c, const int W, ptrdiff_t m) {
    const pd_depthwise_dw_args *a = s->a;
    band at = *s;
    for (at.k = 0; at.k < a->KH; at.k++)
        for (at.l = 0; at.l < a->KW;) {
            const ptrdiff_t left = a->KW - at.l;
            switch (left > TAPS ? 4 : left) {
            case 1: taps(&at, c, 1, W, m), at.l += 1; break;
            case 2: taps(&at, c, 2, W, m), at.l += 2; break;
            case 3: taps(&at, c, 3, W, m), at.l += 3; break;
            case 4: taps(&at, c, 4, W, m), at.l += 4; break;
            default: taps(&at, c, 5, W, m), at.l += 5; break;
            }
        }
    double *db = s->parts + a->KH * a->KW * a->O + c;
    for (int v = 0; v < W; v++) {
        vwide total = vwide_load(db + v * VL, m);
        for (ptrdiff_t j = s->lo * a->OW; j < s->hi * a->OW; j++)
            vwide_add(&total, vload_m(s->dy + j * a->O + c + v * VL, m));
        vwide_store(db + v * VL, total, m);
    }
}

PD_KERNEL(depthwise_dw) {
    PD_ARGS(depthwise_dw);
    const ptrdiff_t O = a->O, n = (a->KH * a->KW + 1) * O, rows = (BAND + a->OW - 1) / a->OW;
    for (ptrdiff_t s = pd_cut(a->S, share.lo, share.of); s < pd_cut(a->S, share.hi, share.of); s++) {
        double *parts = (double *)a->parts + s * n;
        memset(parts, 0, (size_t)n * sizeof(double));
        for (ptrdiff_t i = a->B * s / a->S; i < a->B * (s + 1) / a->S; i++)
            for (ptrdiff_t lo = 0; lo < a->OH; lo += rows) {
                const band b = {.a = a,
                                .x = (const real *)a->x + i * a->H * a->W * O,
                                .dy = (const real *)a->dy + i * a->OH * a->OW * O,
                                .parts = parts,
                                .lo = lo,
                                .hi = lo + rows < a->OH ? lo + rows : a->OH};
                ptrdiff_t c = 0;
                for (; c + 2 * VL <= O; c += 2 * VL) channels(&b, c, 2, VL);
                PD_FOR_VECTORS (at, m, c, O) channels(&b, at, 1, m);
            }
    }
}
