/* matmul: y = op(a) op(b) + bias, row-major, as two records.
 *   pack_b   w panels [ceil(O/width)][I][width] of b [I][O], or of its transpose [O][I], rows ldb apart; zero-padded
 *   matmul   x(r, k) = x[r * rs + k * cs], rs or cs 1   y [B][O], rows ldy apart   b [padded O] or NULL
 * matmul splits a grid of row blocks x panels evenly among the threads. Bound: see gemm_tile.c. */
#include "gemm.h"

PD_KERNEL(pack_b) {
    PD_ARGS(pack_b);
    const ptrdiff_t I = a->I, O = a->O, w = panel_width(O);
    const real *b = a->b;
    real *out = a->w;
    ptrdiff_t lo, hi;
    pd_flat(a->n, ith, nth, &lo, &hi);
    for (ptrdiff_t row = lo / w; row < hi / w; row++) {
        const ptrdiff_t p = row / I, i = row - p * I, n = min_(w, O - p * w);
        const real *from = a->transposed ? b + p * w * a->ldb + i : b + i * a->ldb + p * w;
        const ptrdiff_t stride = a->transposed ? a->ldb : 1;
        for (ptrdiff_t j = 0; j < w; j++) out[row * w + j] = j < n ? from[j * stride] : 0;
    }
}

PD_KERNEL(matmul) {
    PD_ARGS(matmul);
    const gemm_args g = {a->x, a->w, a->b, a->y, a->I, a->O, a->rs, a->cs, a->ldy};
    const ptrdiff_t w = panel_width(a->O), panels = (a->O + w - 1) / w;
    const ptrdiff_t block = 8 * TILE_ROWS, blocks = (a->B + block - 1) / block, tasks = blocks * panels;
    for (ptrdiff_t task = tasks * ith / nth; task < tasks * (ith + 1) / nth; task++) {
        const ptrdiff_t p = task / blocks, r = task % blocks * block, end = min_(a->B, r + block);
        PD_NAME(gemm_walk)(&g, r, end, p, p + 1);
        if (!a->act) continue;
        for (ptrdiff_t i = r; i < end; i++) {
            real *y = (real *)a->y + i * a->ldy + p * w;
            const pd_act_fwd_args act = {y, y, 1, min_(w, a->O - p * w), a->alpha};
            a->act(&act, step, 0, 1);
        }
    }
}
