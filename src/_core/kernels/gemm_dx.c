/* gemm_dx: dx = (dy w^T) * act'(s), the derivative applied to rows that are still in cache.
 * dy [B][O]   w panels [ceil(O/width)][I][width]   dx [B][I]   s [B][I] or NULL   add: dx += (act NULL then)
 * By rows. Vectors run along the batch: dy is packed transposed, w is broadcast from panels as it lies, so no
 * transposed copy of the weights exists; the finished tile is turned when it is stored. Bound: see gemm_tile.c. */
#include "gemm.h"

/* pack[o][j] = dy[r + j][o], zero where o or j lies outside. */
static void pack_transposed(real *pack, const real *dy, ptrdiff_t rows, ptrdiff_t O, ptrdiff_t padded, ptrdiff_t w) {
    for (ptrdiff_t j = 0; j < w; j++)
        for (ptrdiff_t o = 0; o < padded; o++) pack[o * w + j] = j < rows && o < O ? dy[j * O + o] : 0;
}

/* dx[j][i] (+)= tile[i][j] */
static void store_transposed(real *dx, ptrdiff_t ld, const real *tile, ptrdiff_t w, ptrdiff_t m, ptrdiff_t rows, int add) {
    for (ptrdiff_t j = 0; j < rows; j++)
        for (ptrdiff_t i = 0; i < m; i++) dx[j * ld + i] = add ? dx[j * ld + i] + tile[i * w + j] : tile[i * w + j];
}

/* Width for a group of rows: the next power of two, or the one below where more than a quarter would be idle. */
static ptrdiff_t group_width(ptrdiff_t left) {
    ptrdiff_t w = 1;
    while (w < left && w < TILE_WIDTH) w *= 2;
    return w > left && left * 4 < w * 3 ? w / 2 : w;
}

PD_KERNEL(gemm_dx) {
    PD_ARGS(gemm_dx);
    const ptrdiff_t I = a->I, O = a->O, pw = panel_width(O), panels = (O + pw - 1) / pw;
    const real *dy = a->dy, *weights = a->w;
    real *dx = a->dx, *pack = (real *)a->pack + ith * a->pack_stride, tile[TILE_ROWS * TILE_WIDTH];
    ptrdiff_t lo, hi;
    pd_rows(a->B, ith, nth, &lo, &hi);
    for (ptrdiff_t r = lo, rows; r < hi; r += rows) {
        const ptrdiff_t w = group_width(hi - r);
        rows = min_(w, hi - r);
        pack_transposed(pack, dy + r * O, rows, O, panels * pw, w);
        for (ptrdiff_t i = 0, m; i < I; i += m) {
            m = tile_height(I - i);
            const tile_args t = {.a = weights + i * pw, .rs = pw, .cs = 1, .run = pw, .runs = panels, .jump = I * pw,
                                 .b = pack, .ldb = w, .c = tile, .ldc = w, .n = w};
            PD_NAME(gemm_tile)(A_ROWS, w, m)(&t);
            store_transposed(dx + r * I + i, I, tile, w, m, rows, a->add != 0);
        }
        if (!a->act) continue;
        const pd_act_bwd_args act = {(const real *)a->s + r * I, dx + r * I, dx + r * I, rows, I, a->alpha};
        a->act(&act, step, 0, 1);
    }
}
