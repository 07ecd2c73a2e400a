/* matmul: y = act(op(a) op(b) + bias), straight from row-major operands.
 * x(r, k) = x[r * rs + k * cs], rs or cs 1   w [I][O] or, transposed, [O][I], rows ldb apart   b [O] or NULL
 * y [B][O], rows ldy apart; overwrites; overlaps no operand
 *
 * Threads share a grid of row blocks x panels. Where there are rows enough to repay it, a few panels of b are packed on
 * the stack or in `pack`, and the rows of a stream past; else tiles read b where it lies. Bound: see gemm_tile.c. */
#include "blocking.h"

enum { ROOM = PD_PACKED_ON_STACK / (int)sizeof(real) };

/* Columns [c, c + n) of b and inner terms [k, k_end): what a block is made of. */
typedef struct {
    ptrdiff_t c, n, k, k_end;
} part;

/* Rows from which on a packed copy of b repays. */
static ptrdiff_t rows_to_pack(const pd_matmul_args *a, const pd_step *step) {
    if (!rows_ahead_stay(step->caches, a->ldb)) return TILE_ROWS * PD_TILES_TO_PACK_APART;
    const int large = a->I > part_of_l2(step->caches, PD_LARGE, 1) / a->O;
    return TILE_ROWS * (large ? PD_TILES_TO_PACK_LARGE : PD_TILES_TO_PACK);
}

static ptrdiff_t width_for(ptrdiff_t n) {
    const ptrdiff_t w = tile_width(panel_width(n));
    return n < w && w < VL ? VL : w; /* what is padded may as well be a vector */
}

static const real *place(const pd_matmul_args *a, part p) {
    return (const real *)a->w + (a->transposed ? p.c * a->ldb + p.k : p.k * a->ldb + p.c);
}

/* The columns in panels of width w, [n / w][K][w]; row by row, for rows lie on pages of their own. */
static void pack(const pd_matmul_args *a, real *to, part p, ptrdiff_t w) {
    const real *b = place(a, p);
    const ptrdiff_t K = p.k_end - p.k;
    ptrdiff_t j = 0;
    if (!a->transposed && w == TILE_WIDTH) {
        const ptrdiff_t whole = p.n / w * w;
        for (ptrdiff_t k = 0; k < K; k++)
            for (j = 0; j < whole; j += w)
                for (ptrdiff_t i = 0; i < w; i += VL) vstore(to + j * K + k * w + i, vload(b + k * a->ldb + j + i));
        j = whole;
    }
    for (; j < p.n; j += w) {
        if (a->transposed) PD_NAME(gemm_pack_columns)(to + j * K, b + j * a->ldb, a->ldb, K, min_(w, p.n - j), w);
        else PD_NAME(gemm_pack_rows)(to + j * K, b + j, a->ldb, K, min_(w, p.n - j), w);
    }
}

static void activate(const pd_matmul_args *a, const pd_step *step, real *y, ptrdiff_t rows, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const pd_act_fwd_args act = {.x = y + i * a->ldy, .y = y + i * a->ldy, .B = 1, .O = n, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

/* Rows [r0, r1) of a part of y, of which the terms before k are there. copied: as for gemm_block. */
static void multiply(const pd_matmul_args *a, const pd_step *step, real *room, int copied, part p, ptrdiff_t r0,
                     ptrdiff_t r1) {
    const ptrdiff_t w = width_for(p.n), K = p.k_end - p.k;
    const int packed = a->transposed || p.n < w || r1 - r0 >= rows_to_pack(a, step);
    real bias[TILE_WIDTH]; /* tiles read it at full width */
    if (packed) pack(a, room, p, w);
    if (a->b && p.n < w) memcpy(bias, (const real *)a->b + p.c, (size_t)p.n * sizeof(real));
    const gemm_block block = {.x = (const real *)a->x + p.k * a->cs,
                              .w = packed ? room : place(a, p),
                              .b = !a->b     ? NULL
                                   : p.n < w ? bias
                                             : (const real *)a->b + p.c,
                              .y = (real *)a->y + p.c,
                              .K = K,
                              .columns = p.n,
                              .width = w,
                              .rs = a->rs,
                              .cs = a->cs,
                              .ldy = a->ldy,
                              .next = packed ? K * w : w,
                              .ldw = packed ? w : a->ldb,
                              .copied = copied,
                              .partial = p.k > 0};
    PD_NAME(gemm_block)(&block, r0, r1);
    if (a->act && p.k_end == a->I) activate(a, step, (real *)a->y + r0 * a->ldy + p.c, r1 - r0, p.n);
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

/* Columns of the next part: whole panels, or the ragged last one. */
static ptrdiff_t columns_of(ptrdiff_t left, ptrdiff_t most) {
    const ptrdiff_t n = min_(most, left);
    return n > TILE_WIDTH ? n / TILE_WIDTH * TILE_WIDTH : n;
}

/* Field `at` of a grid of `of`; `space` elements of room for panels of b. */
static void field(const pd_matmul_args *a, const pd_step *step, real *room, ptrdiff_t space, int at, int of) {
    const ptrdiff_t panels = (a->O + PANEL - 1) / PANEL;
    const int grid = grid_rows(a, panels, of), across = of / grid, gr = at / across, gc = at % across;
    const ptrdiff_t r0 = a->B * gr / grid, rows = a->B * (gr + 1) / grid - r0;
    ptrdiff_t c0 = panels * gc / across * PANEL;
    const ptrdiff_t c1 = min_(a->O, panels * (gc + 1) / across * PANEL);
    c0 = few_rows(a, step, r0, r0 + rows, c0, c1);
    if (rows == 0 || c0 >= c1) return;

    const int copied = !strips_stay(step->caches, a->rs, a->cs);
    const ptrdiff_t several = min_(K_BLOCK, space / (PD_PANELS_TOGETHER * TILE_WIDTH)); /* panels of that depth */
    const ptrdiff_t deep = copied ? min_(several, strip_depth(step->caches)) : several;
    const ptrdiff_t depth = copied || rows >= rows_to_pack(a, step) ? deep : K_BLOCK;
    const ptrdiff_t K = block_of(a->I, depth), columns = space / K / TILE_WIDTH * TILE_WIDTH;
    const ptrdiff_t height = block_of(rows, part_of_l2(step->caches, PD_ROWS_OF_A, 1) / K);
    part p = {0};
    do {
        p.k_end = min_(a->I, p.k + K);
        for (ptrdiff_t r = 0; r < rows; r += height)
            for (p.c = c0; p.c < c1; p.c += p.n) {
                p.n = columns_of(c1 - p.c, columns);
                multiply(a, step, room, copied, p, r0 + r, r0 + min_(rows, r + height));
            }
        p.k = p.k_end;
    } while (p.k < a->I);
}

PD_KERNEL(matmul) {
    PD_ARGS(matmul);
    real on_stack[ROOM] __attribute__((aligned(64)));
    const int elsewhere = a->pack_stride > 0; /* nothing is needed for nothing */
    real *room = elsewhere ? (real *)a->pack + step->thread * a->pack_stride : on_stack;
    const ptrdiff_t fits = max_(ROOM, part_of_l2(step->caches, 1, PD_PACKED_OF_L2));
    const ptrdiff_t space = elsewhere ? min_(a->pack_stride, fits) : ROOM;
    for (int at = share.lo; at < share.hi; at++) field(a, step, room, space, at, share.of);
}
