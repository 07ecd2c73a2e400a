/* gemm_dx: dx = (dy w^T) * act'(s), the derivative applied to rows that are still in cache.
 * dy [B][O]   w panels [ceil(O/width)][I][width]   dx [B][I]   s [B][I] or NULL   add: dx += (act NULL then)
 * By rows. One of two operands has to be turned: vectors run along the inputs, from a turned copy of w, where
 * outputs, rows or registers are few; else along the batch, from a turned copy of dy, and the finished tile is turned
 * when it is stored. Blocks of ROW_BLOCK rows and K_BLOCK outputs keep what is packed in L2. Weights that all rows meet
 * are copied where the panels they come from would push each other out of L1. Bound: see gemm_tile.c. */
#include "blocking.h"
#include "gemm_turn.h"

/* Where a copy of w is the cheaper one (measured over 1 to 512 outputs, 1 to 256 rows): everywhere, if tiles that are
 * TURN high have no more sums than it takes to hide the 4 cycles of a multiply-add, of which 2 begin in each. */
enum { FEW_OUTPUTS = 4 * PANEL, FEW_ROWS = 8, LOW_TILES = TURN * 2 <= 8 };

/* Turned tiles wait here until whole cache lines of dx can be written: its rows often lie a power of two apart, so that
 * few of them fit into L1 at a time. */
enum { STAGE = 64 };

/* stage[j][i] = tile[i][j], for j < rows, i < m */
PD_INLINE void store_transposed(real *stage, const real *tile, ptrdiff_t w, ptrdiff_t m, ptrdiff_t rows) {
    ptrdiff_t j = 0;
    for (; m == TURN && j + TURN <= rows; j += TURN) turn_square(stage + j * STAGE, STAGE, tile + j, w, TURN);
    for (; j < rows; j++)
        for (ptrdiff_t i = 0; i < m; i++) stage[j * STAGE + i] = tile[i * w + j];
}

/* dx[j][i] = stage[j][i], for j < rows, i < n */
static void flush(real *dx, ptrdiff_t ld, const real *stage, ptrdiff_t rows, ptrdiff_t n) {
    for (ptrdiff_t j = 0; j < rows; j++, dx += ld, stage += STAGE)
        PD_FOR_VECTORS (i, m, 0, n) vstore_m(dx + i, vload_m(stage + i, m), m);
}

/* tile[i][j] = dx[j][i]: partial sums */
PD_INLINE void load_transposed(real *tile, const real *dx, ptrdiff_t ld, ptrdiff_t w, ptrdiff_t m, ptrdiff_t rows) {
    ptrdiff_t j = 0;
    for (; m == TURN && j + TURN <= rows; j += TURN) turn_square(tile + j, w, dx + j * ld, ld, TURN);
    for (; j < w; j++)
        for (ptrdiff_t i = 0; i < m; i++) tile[i * w + j] = j < rows ? dx[j * ld + i] : 0;
}

/* Width for a group of rows: the next power of two, or the one below where more than a quarter would be idle. */
static ptrdiff_t group_width(ptrdiff_t left) {
    ptrdiff_t w = 1;
    while (w < left && w < TILE_WIDTH) w *= 2;
    return w > left && left * 4 < w * 3 ? w / 2 : w;
}

/* The weights of m inputs: runs of pw, each `jump` after the one before, side by side and a line apart. */
enum { COPY_LD = K_BLOCK + LINE };
static void copy_weights(real *to, const real *from, ptrdiff_t pw, ptrdiff_t m, ptrdiff_t runs, ptrdiff_t jump) {
    for (ptrdiff_t run = 0; run < runs; run++)
        for (ptrdiff_t i = 0; i < m; i++)
            PD_FOR_VECTORS (o, n, 0, pw)
                vstore_m(to + i * COPY_LD + run * pw + o, vload_m(from + run * jump + i * pw + o, n), n);
}

/* Asks for runs [first, last) of the weights that are copied next, n elements each: they lie where no hardware expects
 * them. */
static void fetch_weights(const real *from, ptrdiff_t n, ptrdiff_t first, ptrdiff_t last, ptrdiff_t jump) {
    for (ptrdiff_t run = first; run < last; run++)
        for (ptrdiff_t o = 0; o < n; o += LINE) PREFETCH(from + run * jump + o);
}

/* Rows [r, r + rows) of dx, from outputs [k, k + depth); k is the start of a panel. */
static void turned_outputs(const pd_gemm_dx_args *a, const pd_caches *caches, real *pack, ptrdiff_t r, ptrdiff_t rows,
                           ptrdiff_t k, ptrdiff_t depth) {
    const ptrdiff_t I = a->I, O = a->O, pw = panel_width(O);
    const real *dy = (const real *)a->dy + r * O + k, *weights = (const real *)a->w + k * I;
    const int partial = k > 0 || a->add;
    real *dx = (real *)a->dx + r * I, tile[TURN * TILE_WIDTH], stage[ROW_BLOCK * STAGE];
    const ptrdiff_t outputs = min_(depth, O - k);
    real copied[TURN * COPY_LD] __attribute__((aligned(64)));
    const int stay = weights_stay(caches, depth / pw, I * pw);
    for (ptrdiff_t j = 0, w; j < rows; j += w) {
        w = group_width(rows - j);
        PD_NAME(gemm_pack_columns)(pack + j * depth, dy + j * O, O, outputs, min_(w, rows - j), w);
        memset(pack + j * depth + outputs * w, 0, (size_t)((depth - outputs) * w) * sizeof(real));
    }
    for (ptrdiff_t i0 = 0; i0 < I; i0 += STAGE) {
        const ptrdiff_t n = min_(STAGE, I - i0);
        for (ptrdiff_t i = 0, m; i < n; i += m) {
            m = min_(TURN, n - i);
            const ptrdiff_t runs = depth / pw, next = i0 + i + m;
            if (!stay) copy_weights(copied, weights + (i0 + i) * pw, pw, m, runs, I * pw);
            for (ptrdiff_t j = 0, w; j < rows; j += w) { /* all rows meet these inputs' weights while they are in L1 */
                w = group_width(rows - j);
                const ptrdiff_t group = min_(w, rows - j);
                if (!stay)
                    fetch_weights(weights + next * pw, min_(TURN, I - next) * pw, runs * j / rows,
                                  runs * (j + group) / rows, I * pw);
                if (partial) load_transposed(tile, dx + j * I + i0 + i, I, w, m, group);
                const tile_args t = {.a = stay ? weights + (i0 + i) * pw : copied,
                                     .rs = stay ? pw : COPY_LD,
                                     .cs = 1,
                                     .run = stay ? pw : depth,
                                     .runs = stay ? runs : 1,
                                     .jump = I * pw,
                                     .b = pack + j * depth,
                                     .ldb = w,
                                     .init = partial ? tile : NULL,
                                     .ldi = w,
                                     .c = tile,
                                     .ldc = w,
                                     .n = w};
                PD_NAME(gemm_tile)(A_ROWS, w, m)(&t);
                store_transposed(stage + j * STAGE + i, tile, w, m, group);
            }
        }
        flush(dx + i0, I, stage, rows, n);
    }
}

/* Outputs whose turned weights, for the inputs of a tile, fill half of L1: whole panels. */
static ptrdiff_t turned_depth(const pd_caches *caches) {
    const ptrdiff_t panels = caches->l1.bytes / 2 / (TILE_WIDTH * PANEL * (ptrdiff_t)sizeof(real));
    return min_(K_BLOCK, max_(1, panels) * PANEL);
}

/* The same from a copy of w that is turned panel by panel, and met by all rows while it is in L1. */
static void turned_weights(const pd_gemm_dx_args *a, const pd_caches *caches, real *pack, ptrdiff_t r0, ptrdiff_t rows,
                           ptrdiff_t k0, ptrdiff_t depth) {
    (void)caches;
    const ptrdiff_t I = a->I, O = a->O, pw = panel_width(O), outputs = min_(depth, O - k0);
    for (ptrdiff_t i = 0, n; i < I; i += n) {
        const real *w = (const real *)a->w + k0 * I + i * pw;
        n = min_(TILE_WIDTH, I - i);
        for (ptrdiff_t k = 0; k < outputs; k += pw)
            PD_NAME(gemm_pack_columns)(pack + k * TILE_WIDTH, w + k * I, pw, min_(pw, outputs - k), n, TILE_WIDTH);
        for (ptrdiff_t r = r0, m; r < r0 + rows; r += m) {
            m = tile_height(r0 + rows - r);
            real *c = (real *)a->dx + r * I + i;
            const tile_args t = {.a = (const real *)a->dy + r * O + k0,
                                 .rs = O,
                                 .cs = 1,
                                 .run = outputs,
                                 .runs = 1,
                                 .b = pack,
                                 .ldb = TILE_WIDTH,
                                 .init = k0 || a->add ? c : NULL,
                                 .ldi = I,
                                 .c = c,
                                 .ldc = I,
                                 .n = n};
            PD_NAME(gemm_tile)(A_ROWS, TILE_WIDTH, m)(&t);
        }
    }
}

PD_KERNEL(gemm_dx) {
    PD_ARGS(gemm_dx);
    const ptrdiff_t pw = panel_width(a->O), padded = (a->O + pw - 1) / pw * pw;
    real *pack = (real *)a->pack + step->thread * a->pack_stride;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    const int turn_weights = LOW_TILES || a->O < FEW_OUTPUTS || hi - lo <= FEW_ROWS;
    const ptrdiff_t depth = turn_weights ? turned_depth(step->caches) : K_BLOCK;
    for (ptrdiff_t r = lo, rows; r < hi; r += rows) {
        rows = min_(ROW_BLOCK, hi - r);
        for (ptrdiff_t k = 0; k < padded; k += depth)
            (turn_weights ? turned_weights : turned_outputs)(a, step->caches, pack, r, rows, k,
                                                             min_(depth, padded - k));
        if (!a->act) continue;
        real *dx = (real *)a->dx + r * a->I;
        const pd_act_bwd_args act = {
            .s = (const real *)a->s + r * a->I, .dy = dx, .dx = dx, .B = rows, .O = a->I, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}
