/* matmul: y = act(op(a) op(b) + bias), row-major, straight from the operands.
 * x(r, k) = x[r * rs + k * cs], rs or cs 1   w [I][O] or, transposed, [O][I], rows ldb apart   b [O] or NULL
 * y [B][O], rows ldy apart, written without being read; overlaps no operand
 *
 * The threads share a grid of row blocks x panels. A thread goes through its part in blocks of ROW_BLOCK rows and
 * k_block inner terms, one panel of columns after the other: the panel's block of b is copied to the stack, hence L1,
 * while the block of a stays in L2. Few rows would not repay the copy; they read b where it lies. Bound: see
 * gemm_tile.c. */
#include "gemm.h"

enum {
    PACK = 64 * 1024 / (int)sizeof(real), /* elements of a packed block: two thirds of a 48 KB L1 */
    ROW_BLOCK = 18 * TILE_ROWS,           /* 448 rows x 256 inner terms x 4 bytes: under half of a 1 MB L2 */
    ROWS_TO_PACK = 8 * TILE_ROWS /* fewer do not repay the copy */
};

/* The block [k0, k1) of the panel of n columns from column j: where tiles find it. */
typedef struct {
    const real *b;
    ptrdiff_t ldb;
} panel;

static panel panel_at(const pd_matmul_args *a, ptrdiff_t rows, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t j, ptrdiff_t n,
                      ptrdiff_t w, real *pack) {
    const real *b = a->w;
    if (a->transposed) {
        PD_NAME(gemm_pack_transposed)(pack, b + j * a->ldb + k0, a->ldb, k1 - k0, n, w);
        return (panel){pack, w};
    }
    b += k0 * a->ldb + j;
    if (n == w && (rows < ROWS_TO_PACK || a->ldb * (ptrdiff_t)sizeof(real) % 4096)) return (panel){b, a->ldb};
    PD_NAME(gemm_pack_rows)(pack, b, a->ldb, k1 - k0, n, w);
    return (panel){pack, w};
}

static void activate(const pd_matmul_args *a, const pd_step *step, real *y, ptrdiff_t rows, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const pd_act_fwd_args act = {y + i * a->ldy, y + i * a->ldy, 1, n, a->alpha};
        a->act(&act, step, 0, 1);
    }
}

/* rows [r0, r1) x columns [j, j + n) += inner terms [k0, k1), or = where k0 is 0 */
static void multiply_panel(const pd_matmul_args *a, const pd_step *step, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t k0,
                           ptrdiff_t k1, ptrdiff_t j, ptrdiff_t n, real *pack) {
    const ptrdiff_t w = tile_width(panel_width(n));
    const panel p = panel_at(a, r1 - r0, k0, k1, j, n, w, pack);
    real bias[TILE_WIDTH]; /* padded: tiles read it at full width */
    if (a->b && !k0) memcpy(bias, (const real *)a->b + j, (size_t)n * sizeof(real));
    tile_args t = {.rs = a->rs, .cs = a->cs, .run = k1 - k0, .runs = 1, .b = p.b, .ldb = p.ldb, .ldc = a->ldy, .n = n};
    for (ptrdiff_t r = r0, m; r < r1; r += m) {
        m = tile_height(r1 - r);
        t.a = (const real *)a->x + r * a->rs + k0 * a->cs;
        t.c = (real *)a->y + r * a->ldy + j;
        t.init = k0 ? t.c : a->b ? bias : NULL;
        t.ldi = k0 ? a->ldy : 0;
        PD_NAME(gemm_tile)(a->cs == 1 ? A_ROWS : A_COLS, w, m)(&t);
        if (a->act && k1 == a->I) activate(a, step, t.c, m, n);
    }
}

/* Rows of the grid of nth threads: the divisor of nth that gives the slowest thread the least to do. */
static int grid_rows(const pd_matmul_args *a, ptrdiff_t panels, int nth) {
    enum { COPY = 8 }; /* copying b costs about as much as so many rows of the product */
    ptrdiff_t least = PTRDIFF_MAX;
    int best = 1;
    for (int rows = 1; rows <= nth; rows++) {
        if (nth % rows) continue;
        const int columns = nth / rows;
        const ptrdiff_t cost = ((a->B + rows - 1) / rows + COPY) * ((panels + columns - 1) / columns);
        if (cost < least) least = cost, best = rows;
    }
    return best;
}

PD_KERNEL(matmul) {
    PD_ARGS(matmul);
    const ptrdiff_t panels = (a->O + TILE_WIDTH - 1) / TILE_WIDTH;
    const int grid = nth == 1 ? 1 : grid_rows(a, panels, nth), across = nth / grid, row = ith / across, column = ith % across;
    const ptrdiff_t r0 = a->B * row / grid, r1 = a->B * (row + 1) / grid;
    const ptrdiff_t c0 = panels * column / across * TILE_WIDTH, c1 = min_(a->O, panels * (column + 1) / across * TILE_WIDTH);
    const ptrdiff_t blocks = a->I ? (a->I + PACK / TILE_WIDTH - 1) / (PACK / TILE_WIDTH) : 1;
    real pack[PACK] __attribute__((aligned(64)));
    for (ptrdiff_t r = r0, end; r < r1; r = end) {
        end = min_(r1, r + ROW_BLOCK);
        for (ptrdiff_t block = 0; block < blocks; block++)
            for (ptrdiff_t j = c0; j < c1; j += TILE_WIDTH)
                multiply_panel(a, step, r, end, a->I * block / blocks, a->I * (block + 1) / blocks, j,
                               min_(TILE_WIDTH, c1 - j), pack);
    }
}
