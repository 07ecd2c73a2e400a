/* matmul: y = act(op(a) op(b) + bias), straight from row-major operands.
 * x(r, k) = x[r * rs + k * cs], rs or cs 1   w [I][O] or, transposed, [O][I], rows ldb apart   b [O] or NULL
 * y [B][O], rows ldy apart; overwrites; overlaps no operand
 *
 * Threads share a grid of row blocks x panels. A thread takes as many rows of a as L2 holds, K_BLOCK inner terms at a
 * time, and goes through the panels of b, which tiles read where they lie: that costs no copy, and tiles ask for a line
 * of b long before they need it. Only a transposed or ragged panel, and one whose lines would push each other out of
 * L2, is packed on the stack. Bound: see gemm_tile.c. */
#include "gemm.h"

enum {
    A_SHARE = 512 * 1024,        /* bytes of a that may be counted on to stay in a core's L2 (1 MB or more) */
    L2_PLACES = 1024 * 1024,     /* bytes of L2: rows of b that are a power of two apart share a part of its places */
    ROWS_TO_PACK = 8 * TILE_ROWS /* fewer do not repay the copy */
};

/* The columns [j, j + n) of b, and where tiles read those of one block of inner terms. */
typedef struct {
    ptrdiff_t j, n, w; /* w >= n: width of the tiles */
    const real *b;
    ptrdiff_t ldb;
} panel;

static ptrdiff_t width_for(ptrdiff_t n) {
    const ptrdiff_t w = tile_width(panel_width(n));
    return n < w && w < VL ? VL : w; /* what is padded may as well be a vector */
}

static void find_panel(const pd_matmul_args *a, panel *p, ptrdiff_t rows, ptrdiff_t k0, ptrdiff_t k1, real *pack) {
    const real *b = (const real *)a->w + (a->transposed ? p->j * a->ldb + k0 : k0 * a->ldb + p->j);
    const ptrdiff_t bytes = a->ldb * (ptrdiff_t)sizeof(real), power = bytes & -bytes;
    const int scattered = rows >= ROWS_TO_PACK && (k1 - k0) * power > L2_PLACES;
    p->b = pack;
    p->ldb = p->w;
    if (a->transposed) {
        PD_NAME(gemm_pack_columns)(pack, b, a->ldb, k1 - k0, p->n, p->w);
    } else if (p->n < p->w || scattered) {
        PD_NAME(gemm_pack_rows)(pack, b, a->ldb, k1 - k0, p->n, p->w);
    } else {
        p->b = b;
        p->ldb = a->ldb;
    }
}

static void activate(const pd_matmul_args *a, const pd_step *step, real *y, ptrdiff_t rows, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const pd_act_fwd_args act = {.x = y + i * a->ldy, .y = y + i * a->ldy, .B = 1, .O = n, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

/* Rows [r0, r1) of a panel of y; where k0 > 0 the terms before it are in y. */
static void multiply(const pd_matmul_args *a, const pd_step *step, const panel *p, ptrdiff_t r0, ptrdiff_t r1,
                     ptrdiff_t k0, ptrdiff_t k1) {
    real bias[TILE_WIDTH]; /* tiles read it at full width */
    if (a->b) memcpy(bias, (const real *)a->b + p->j, (size_t)p->n * sizeof(real));
    tile_args t = {
        .rs = a->rs, .cs = a->cs, .run = k1 - k0, .runs = 1, .b = p->b, .ldb = p->ldb, .ldc = a->ldy, .n = p->n};
    for (ptrdiff_t r = r0, m; r < r1; r += m) {
        m = tile_height(r1 - r);
        t.a = (const real *)a->x + r * a->rs + k0 * a->cs;
        t.c = (real *)a->y + r * a->ldy + p->j;
        t.init = k0 ? t.c : a->b ? bias : NULL;
        t.ldi = k0 ? a->ldy : 0;
        PD_NAME(gemm_tile)(a->cs == 1 ? A_ROWS : A_COLS, p->w, m)(&t);
        if (a->act && k1 == a->I) activate(a, step, t.c, m, p->n);
    }
}

/* A few rows take several panels side by side, where b lies ready for it; returns the first column left to do. */
static ptrdiff_t few_rows(const pd_matmul_args *a, const pd_step *step, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t c0,
                          ptrdiff_t c1) {
    if (a->transposed) return c0;
    const gemm_args g = {a->x, a->w, a->b, a->y, a->I, a->O, a->rs, a->cs, a->ldy, PANEL, a->ldb, NULL};
    const ptrdiff_t done = PD_NAME(gemm_few)(&g, r0, r1 - r0, c0 / PANEL, c1 / PANEL) * PANEL;
    if (a->act && done > c0) activate(a, step, (real *)a->y + r0 * a->ldy + c0, r1 - r0, done - c0);
    return done;
}

/* Row blocks of the grid of nth threads: the divisor of nth that leaves the busiest thread the least to do. */
static int grid_rows(const pd_matmul_args *a, ptrdiff_t panels, int nth) {
    enum { COPY = 8 }; /* bringing a panel in costs about as much as so many rows of the product */
    ptrdiff_t least = PTRDIFF_MAX;
    int best = 1;
    for (int rows = 1; rows <= nth; rows++) {
        if (nth % rows) continue;
        const int columns = nth / rows;
        const ptrdiff_t cost = ((a->B + rows - 1) / rows + COPY) * ((panels + columns - 1) / columns);
        if (cost >= least) continue;
        least = cost;
        best = rows;
    }
    return best;
}

/* The number of even blocks of at most `most` that n falls into, at least one. */
static ptrdiff_t blocks_of(ptrdiff_t n, ptrdiff_t most) { return n > most ? (n + most - 1) / most : 1; }

/* Field `at` of a grid of `of`. */
static void field(const pd_matmul_args *a, const pd_step *step, int at, int of) {
    const ptrdiff_t panels = (a->O + PANEL - 1) / PANEL;
    const int grid = grid_rows(a, panels, of), across = of / grid, gr = at / across, gc = at % across;
    const ptrdiff_t r0 = a->B * gr / grid, rows = a->B * (gr + 1) / grid - r0;
    ptrdiff_t c0 = panels * gc / across * PANEL;
    const ptrdiff_t c1 = min_(a->O, panels * (gc + 1) / across * PANEL);
    c0 = few_rows(a, step, r0, r0 + rows, c0, c1);
    const ptrdiff_t k_blocks = blocks_of(a->I, K_BLOCK), k_size = (a->I + k_blocks - 1) / k_blocks;
    const ptrdiff_t r_blocks = blocks_of(rows, A_SHARE / (ptrdiff_t)sizeof(real) / (k_size + 1));
    real pack[K_BLOCK * TILE_WIDTH] __attribute__((aligned(64)));
    for (ptrdiff_t i = 0; i < r_blocks; i++) {
        const ptrdiff_t r = r0 + rows * i / r_blocks, r_end = r0 + rows * (i + 1) / r_blocks;
        for (ptrdiff_t k = 0, k_end, first = 1; first || k < a->I; k = k_end, first = 0) {
            k_end = min_(a->I, k + k_size);
            for (panel p = {.j = c0}; p.j < c1 && r < r_end; p.j += p.n) {
                p.n = min_(TILE_WIDTH, c1 - p.j);
                p.w = width_for(p.n);
                find_panel(a, &p, r_end - r, k, k_end, pack);
                multiply(a, step, &p, r, r_end, k, k_end);
            }
        }
    }
}

PD_KERNEL(matmul) {
    PD_ARGS(matmul);
    for (int at = share.lo; at < share.hi; at++) field(a, step, at, share.of);
}
