/* gemm_few: a few rows of y = x w + b, several panels at once.
 *
 * A tile of one or two rows is a handful of chains, each waiting for its last multiply-add (4 cycles or so); panels
 * side by side make more of them, and more streams from memory. Elements are chains over k like any tile's: same bits.
 */
#include "gemm.h"

enum { VECS = PANEL / VL };                                    /* of a panel of full width */
enum { ROOM = 2 * TILE_ROWS, MOST_ROWS = 4, MOST_PANELS = 4 }; /* accumulators that fit the register file */

PD_INLINE void strip(const gemm_args *g, ptrdiff_t r, ptrdiff_t p, const int m, const int panels) {
    vreal acc[MOST_ROWS][MOST_PANELS * VECS];
    const real *x[MOST_ROWS], *w = g->w + p * g->next, *b = g->b ? g->b + p * PANEL : NULL;
    const ptrdiff_t next = g->next, ldw = g->ldw, cs = g->cs;
#pragma GCC unroll 4
    for (int i = 0; i < m; i++) x[i] = g->x + (g->list ? (ptrdiff_t)g->list[r + i] : r + i) * g->rs;
#pragma GCC unroll 4
    for (int i = 0; i < m; i++)
#pragma GCC unroll 8
        for (int v = 0; v < panels * VECS; v++) acc[i][v] = b ? vload(b + v * VL) : (vreal){0};
    for (ptrdiff_t k = 0; k < g->I; k++, w += ldw)
#pragma GCC unroll 8
        for (int v = 0; v < panels * VECS; v++) {
            const vreal wv = vload(w + v / VECS * next + v % VECS * VL);
#pragma GCC unroll 4
            for (int i = 0; i < m; i++) acc[i][v] += x[i][k * cs] * wv;
        }
    const ptrdiff_t columns = min_(panels * PANEL, g->O - p * PANEL);
    real *y = g->y + r * g->ldy + p * PANEL;
#pragma GCC unroll 4
    for (int i = 0; i < m; i++)
#pragma GCC unroll 8
        for (int v = 0; v < panels * VECS; v++)
            if (columns > v * VL) vstore_m(y + i * g->ldy + v * VL, acc[i][v], min_(VL, columns - v * VL));
}

#define TRY(m, panels)                                                          \
    if ((m) * (panels) * VECS <= ROOM && rows == (m) && p0 + (panels) <= p1) {  \
        for (; p0 + (panels) <= p1; p0 += (panels)) strip(g, r, p0, m, panels); \
    }
#define TRY_ROWS(m) TRY(m, 4) TRY(m, 2) TRY(m, 1)

ptrdiff_t PD_NAME(gemm_few)(const gemm_args *g, ptrdiff_t r, ptrdiff_t rows, ptrdiff_t p0, ptrdiff_t p1) {
    if (panel_width(g->O) < PANEL) return p0;
    TRY_ROWS(1)
    TRY_ROWS(2)
    TRY_ROWS(3)
    TRY_ROWS(4)
    return p0;
}
