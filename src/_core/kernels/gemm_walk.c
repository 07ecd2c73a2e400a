/* gemm_walk: rows and panels of y = x w + b, block by block, for the forward pass.
 *
 * Weights that stay in L2 are one block. Larger ones are read once, in blocks of some panels that do, partial sums
 * waiting in y. */
#include "blocking.h"

void PD_NAME(gemm_walk)(const gemm_args *g, const pd_caches *caches, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t p0,
                        ptrdiff_t p1) {
    const ptrdiff_t w = panel_width(g->O);
    const int few = r1 - r0 <= TILE_ROWS, copied = !few && !strips_stay(caches, g->rs, g->cs);
    const ptrdiff_t kept = min_(part_of_l2(caches, 1, 1), PD_WEIGHTS_KEPT / (ptrdiff_t)sizeof(real));
    const int once = few || (p1 - p0) * g->I * w <= kept;
    const ptrdiff_t depth = once ? g->I : K_BLOCK;
    const ptrdiff_t K = block_of(g->I, copied ? min_(K_BLOCK, strip_depth(caches)) : depth);
    const ptrdiff_t panels = once ? p1 - p0 : part_of_l2(caches, 1, PD_BLOCK_OF_W) / (K * w) + 1;
    if (few && r0 < r1) p0 = PD_NAME(gemm_few)(g, r0, r1 - r0, p0, p1);
    ptrdiff_t k = 0;
    do {
        const ptrdiff_t k_end = min_(g->I, k + K);
        for (ptrdiff_t p = p0, q; p < p1; p = q) {
            q = min_(p1, p + panels);
            const gemm_block block = {.x = g->x + k * g->cs,
                                      .w = g->w + p * g->next + k * g->ldw,
                                      .b = g->b ? g->b + p * w : NULL,
                                      .y = g->y + p * w,
                                      .K = k_end - k,
                                      .columns = min_(q * w, g->O) - p * w,
                                      .width = w,
                                      .rs = g->rs,
                                      .cs = g->cs,
                                      .ldy = g->ldy,
                                      .next = g->next,
                                      .ldw = g->ldw,
                                      .list = g->list,
                                      .copied = copied,
                                      .partial = k > 0};
            PD_NAME(gemm_block)(&block, r0, r1);
        }
        k = k_end;
    } while (k < g->I);
}
