/* gemm_walk: a block of y = x w + b, tile by tile, for the forward pass.
 *
 * While w fits in L2, a few rows of x stay in L1 and the panels stream past from L2. A larger w is read once: blocks of
 * a panel, K_BLOCK deep, are held while all rows pass, partial sums waiting in y. */
#include "gemm.h"

enum { L2_SHARE = 512 * 1024 }; /* bytes of w that may be counted on to stay in a core's L2 (1 MB or more) */

static void tile_at(const gemm_args *g, ptrdiff_t r, ptrdiff_t m, ptrdiff_t p, ptrdiff_t k0, ptrdiff_t k1) {
    const ptrdiff_t w = panel_width(g->O), tw = tile_width(w), last = min_(w, g->O - p * w);
    ptrdiff_t at[TILE_ROWS];
    for (ptrdiff_t i = 0; g->list && i < m; i++) at[i] = (ptrdiff_t)g->list[r + i] * g->rs;
    tile_args t = {.a = g->x + (g->list ? 0 : r * g->rs) + k0 * g->cs,
                   .rs = g->rs,
                   .cs = g->cs,
                   .at = g->list ? at : NULL,
                   .run = k1 - k0,
                   .runs = 1,
                   .ldb = g->ldw,
                   .ldc = g->ldy};
    const tile_fn tile = PD_NAME(gemm_tile)(g->cs == 1 ? A_ROWS : A_COLS, tw, m);
    for (ptrdiff_t j = 0; j < last; j += tw) {
        t.b = g->w + p * g->next + k0 * g->ldw + j;
        t.c = g->y + r * g->ldy + p * w + j;
        t.init = k0 ? t.c : g->b ? g->b + p * w + j : NULL;
        t.ldi = k0 ? g->ldy : 0;
        t.n = min_(tw, last - j);
        tile(&t);
    }
}

void PD_NAME(gemm_walk)(const gemm_args *g, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t w = panel_width(g->O);
    if ((p1 - p0) * g->I * w * (ptrdiff_t)sizeof(real) <= L2_SHARE || r1 - r0 <= TILE_ROWS) {
        for (ptrdiff_t r = r0, m; r < r1; r += m) {
            m = tile_height(r1 - r);
            for (ptrdiff_t p = PD_NAME(gemm_few)(g, r, m, p0, p1); p < p1; p++) tile_at(g, r, m, p, 0, g->I);
        }
        return;
    }
    ptrdiff_t k0 = 0;
    do {
        const ptrdiff_t k1 = min_(g->I, k0 + K_BLOCK);
        for (ptrdiff_t p = p0; p < p1; p++)
            for (ptrdiff_t r = r0, m; r < r1; r += m) {
                m = tile_height(r1 - r);
                tile_at(g, r, m, p, k0, k1);
            }
        k0 = k1;
    } while (k0 < g->I);
}
