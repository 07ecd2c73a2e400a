/* gemm_block: rows of y = init + x w for one block of inner terms and some panels of w, strip by strip: the rows of a
 * strip, as many as a tile has, meet all panels while they are in L1, and the panels stay in L2.
 *
 * Strips whose rows would push each other out of L1 are copied. Same bits in any order, see gemm.h. */
#include "blocking.h"

PD_INLINE const real *row_of(const gemm_block *g, ptrdiff_t r) { return g->x + (g->list ? g->list[r] : r) * g->rs; }

/* Asks for rows [r0, r1), which are copied next. */
static void fetch_rows(const gemm_block *g, ptrdiff_t r0, ptrdiff_t r1) {
    for (ptrdiff_t r = r0; r < r1; r++)
        for (ptrdiff_t k = 0; k < g->K; k += LINE) PREFETCH(row_of(g, r) + k);
}

/* The m rows that a tile reads, ld elements apart. */
static void copy_strip(real *to, ptrdiff_t ld, const tile_args *t, ptrdiff_t m) {
    for (ptrdiff_t i = 0; i < m; i++) {
        const real *from = t->a + (t->at ? t->at[i] : i * t->rs);
        PD_FOR_VECTORS (k, n, 0, t->run) vstore_m(to + i * ld + k, vload_m(from + k, n), n);
    }
}

void PD_NAME(gemm_block)(const gemm_block *g, ptrdiff_t r0, ptrdiff_t r1) {
    const ptrdiff_t w = g->width, tw = tile_width(w);
    const int form = g->cs == 1 ? A_ROWS : A_COLS;
    const int copied = g->copied && g->columns > tw; /* one tile reads each row but once */
    real strip[STRIP] __attribute__((aligned(64)));
    for (ptrdiff_t r = r0, m; r < r1; r += m) {
        m = tile_height(r1 - r);
        ptrdiff_t at[TILE_ROWS];
        for (ptrdiff_t i = 0; g->list && i < m; i++) at[i] = (ptrdiff_t)g->list[r + i] * g->rs;
        tile_args t = {.a = g->x + (g->list ? 0 : r * g->rs),
                       .rs = g->rs,
                       .cs = g->cs,
                       .at = g->list ? at : NULL,
                       .run = g->K,
                       .runs = 1,
                       .ldb = g->ldw,
                       .ldc = g->ldy};
        if (copied) {
            copy_strip(strip, STRIP_LD, &t, m);
            t.a = strip;
            t.rs = STRIP_LD;
            t.at = NULL;
        }
        const tile_fn tile = PD_NAME(gemm_tile)(form, tw, m);
        const real *panel = g->w;
        for (ptrdiff_t j = 0, in = 0; j < g->columns; j += tw, in += tw) { /* in: the panel's column */
            if (in == w) {
                panel += g->next;
                in = 0;
            }
            t.b = panel + in;
            t.c = g->y + r * g->ldy + j;
            t.init = g->partial ? t.c : g->b ? g->b + j : NULL;
            t.ldi = g->partial ? g->ldy : 0;
            t.n = min_(tw, g->columns - j);
            if (copied) {
                const ptrdiff_t next = min_(m, r1 - r - m), end = min_(j + tw, g->columns);
                fetch_rows(g, r + m + next * j / g->columns, r + m + next * end / g->columns);
            }
            tile(&t);
        }
    }
}
