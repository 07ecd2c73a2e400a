/* tuning.h: numbers that were measured, each with the command that measures it again. Sizes of memory are in bytes.
 *
 * A change of any of them changes no bit of a result.
 */
#ifndef PD_TUNING_H
#define PD_TUNING_H

enum {
    /* What the products pack at a time; `python -m bench kernels grid`. */
    PD_K_BLOCK = 512, /* inner terms: a block of a panel, K_BLOCK x 128 bytes, stays in L2 while rows stream past */
    PD_ROW_BLOCK = 128, /* rows of dy for dX: 128 x K_BLOCK x 4 bytes = 256 KB, within L2 */
    PD_BATCH_BLOCK = 256, /* rows of dy for dW: 256 x 128 bytes = 32 KB, within L1 */
    PD_NARROW = 4, /* outputs at most for which gemm_dw wants rows an equal way apart, not listed */

    /* Multiply-adds between two barriers, about 10 us on two threads, that repay sharing them out in pieces;
     * `python -m bench steps threads`. */
    PD_PIECES_FROM = 2000000,

    /* Bytes of a plan's buffers from which memory is used again even if that takes a further barrier;
     * `python -m bench memory steps`. */
    PD_REUSE_FROM = 64 << 20
};

#endif
