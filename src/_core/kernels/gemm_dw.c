/* gemm_dw: dw = x^T dy, in panels.
 * x [B][I]   dy [B][O]   dw [ceil(O/width)][I][width]   n = its elements   add: dw +=
 * By elements of dw, so that the optimizer's share of the same tensor needs no barrier. The padding of the last panel
 * gets exact zeros. dy is packed by panel, BATCH_BLOCK rows at a time. Bound: see gemm_tile.c with K = B. */
#include "gemm.h"

/* Panels so much narrower than a vector had rather have vectors along the inputs. */
enum { NARROW = VL > 4 ? VL / 4 : 1 };

/* Inputs [lo, hi) of a narrow panel: dw^T = dy^T x, from x as it lies, turned when it is stored. */
static void narrow(const pd_gemm_dw_args *a, ptrdiff_t lo, ptrdiff_t hi) {
    const ptrdiff_t I = a->I, O = a->O, w = panel_width(O);
    real *dw = a->dw, turned[NARROW * TILE_WIDTH] = {0};
    for (ptrdiff_t i = lo, n; i < hi; i += n) {
        for (n = TILE_WIDTH; n > hi - i;) n /= 2;
        const tile_args t = {.a = a->dy,
                             .rs = 1,
                             .cs = O,
                             .run = a->B,
                             .runs = 1,
                             .b = (const real *)a->x + i,
                             .ldb = I,
                             .c = turned,
                             .ldc = TILE_WIDTH,
                             .n = n};
        PD_NAME(gemm_tile)(A_COLS, n, O)(&t);
        for (ptrdiff_t j = 0; j < n; j++)
            for (ptrdiff_t o = 0; o < w; o++) {
                real *c = dw + (i + j) * w + o;
                *c = (a->add ? *c : 0) + turned[o * TILE_WIDTH + j];
            }
    }
}

PD_KERNEL(gemm_dw) {
    PD_ARGS(gemm_dw);
    const ptrdiff_t I = a->I, O = a->O, w = panel_width(O), tw = tile_width(w);
    const real *x = a->x, *dy = a->dy;
    real *dw = a->dw, *pack = (real *)a->pack + ith * a->pack_stride;
    ptrdiff_t lo, hi;
    pd_flat(a->n, ith, nth, &lo, &hi);
    lo /= w; /* rows of the panels: p * I + i */
    hi /= w;
    if (w <= NARROW) {
        narrow(a, lo, hi);
        return;
    }
    for (ptrdiff_t row = lo, end; row < hi; row = end) {
        const ptrdiff_t p = row / I, i0 = row - p * I;
        end = min_(hi, (p + 1) * I);
        for (ptrdiff_t b0 = 0; b0 < a->B; b0 += BATCH_BLOCK) {
            const ptrdiff_t rows = min_(BATCH_BLOCK, a->B - b0);
            PD_NAME(gemm_pack_rows)(pack, dy + b0 * O + p * w, O, rows, min_(w, O - p * w), w);
            for (ptrdiff_t i = i0, i1 = i0 + end - row, m; i < i1; i += m) {
                m = tile_height(i1 - i);
                const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, m);
                for (ptrdiff_t j = 0; j < w; j += tw) {
                    real *c = dw + (p * I + i) * w + j;
                    const tile_args t = {.a = x + b0 * I + i,
                                         .rs = 1,
                                         .cs = I,
                                         .run = rows,
                                         .runs = 1,
                                         .b = pack + j,
                                         .ldb = w,
                                         .init = b0 || a->add ? c : NULL,
                                         .ldi = w,
                                         .c = c,
                                         .ldc = w,
                                         .n = tw};
                    tile(&t);
                }
            }
        }
    }
}
