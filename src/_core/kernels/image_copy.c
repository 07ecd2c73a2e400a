/* Images moved by whole pixels: y[i][j] = x[i + top][j + left], `fill` where there is no such pixel.
 *   x [B][H][W][C]   y [B][OH][OW][C]; overwrites; y must not be x.
 * tops, lefts > 1: one of so many is added to top and to left, the same for all images, by numbers 0 and 1 of the draw.
 * back: both are then negated: with x and y changed, the gradient. flip: each image whose number is below 1/2 is
 * mirrored before it is read, over its rows (1), its columns (2) or both (3); its own gradient. Exact. */
#include "image.h"

PD_INLINE ptrdiff_t within(ptrdiff_t i, ptrdiff_t lo, ptrdiff_t hi) { return i < lo ? lo : i < hi ? i : hi; }

PD_INLINE void blank(real *y, ptrdiff_t n, real value) {
    for (ptrdiff_t k = 0; k < n; k++) y[k] = value;
}

/* n pixels of C elements, the first one from p, the others from in front of it */
PD_INLINE void reversed(real *restrict y, const real *restrict p, ptrdiff_t n, ptrdiff_t C) {
    for (ptrdiff_t j = 0; j < n; j++, y += C, p -= C)
        for (ptrdiff_t c = 0; c < C; c++) y[c] = p[c];
}

PD_KERNEL(image_copy) {
    PD_ARGS(image_copy);
    const ptrdiff_t H = a->H, W = a->W, C = a->C, OH = a->OH, OW = a->OW;
    const real fill = (real)a->fill;
    image_draw draw = image_draw_of(a->seed, a->stream, step);
    ptrdiff_t top = a->top, left = a->left, lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    if (a->tops > 1 && lo < hi) top += (ptrdiff_t)(image_number(&draw, 0) * (double)a->tops);
    if (a->lefts > 1 && lo < hi) left += (ptrdiff_t)(image_number(&draw, 1) * (double)a->lefts);
    if (a->back) top = -top, left = -left;
    const ptrdiff_t first = within(-left, 0, OW), end = within(W - left, first, OW);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const ptrdiff_t flip = a->flip && image_number(&draw, b) < 0.5 ? a->flip : 0;
        const real *image = (const real *)a->x + b * H * W * C;
        real *y = (real *)a->y + b * OH * OW * C;
        for (ptrdiff_t i = 0; i < OH; i++, y += OW * C) {
            const ptrdiff_t at = flip & 1 ? H - 1 - i - top : i + top;
            if (at < 0 || at >= H || end == first) {
                blank(y, OW * C, fill);
                continue;
            }
            const real *row = image + at * W * C;
            const ptrdiff_t from = flip & 2 ? W - 1 - first - left : first + left, n = end - first;
            blank(y, first * C, fill);
            blank(y + end * C, (OW - end) * C, fill);
            if (!(flip & 2)) memcpy(y + first * C, row + from * C, (size_t)(n * C) * sizeof(real));
            else if (C == 1) reversed(y + first, row + from, n, 1);
            else if (C == 3) reversed(y + first * 3, row + from * 3, n, 3);
            else reversed(y + first * C, row + from * C, n, C);
        }
    }
}
