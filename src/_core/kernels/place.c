/* Images cut or set into others: y[h][w] (+)= x[h - top][w - left] where x has that position, else 0, or with `add`
 * what was there. Zero padding and, with top and left below 0, cropping; each is the gradient of the other. Exact.
 * x [B][H][W][C], y [B][OH][OW][C]. */
#include "reduce.h"

PD_INLINE ptrdiff_t between(ptrdiff_t v, ptrdiff_t hi) { return v < 0 ? 0 : v < hi ? v : hi; }

PD_KERNEL(place) {
    PD_ARGS(place);
    const ptrdiff_t C = a->C, width = a->OW * C;
    const ptrdiff_t from = between(a->left, a->OW), to = between(a->left + a->W, a->OW); /* columns that x has */
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t r = lo * a->OH; r < hi * a->OH; r++) {
        const ptrdiff_t b = r / a->OH, h = r % a->OH - a->top;
        real *y = (real *)a->y + r * width;
        const int there = h >= 0 && h < a->H && from < to;
        const ptrdiff_t begin = there ? from * C : width, end = there ? to * C : width;
        if (!a->add) memset(y, 0, (size_t)begin * sizeof(real));
        if (!a->add) memset(y + end, 0, (size_t)(width - end) * sizeof(real));
        if (!there) continue;
        const real *x = (const real *)a->x + ((b * a->H + h) * a->W - a->left) * C;
        PD_FOR_VECTORS (i, m, begin, end) vstore_sum(y + i, vload_m(x + i, m), m, a->add != 0);
    }
}
