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

    /* ops.matmul (`python -m bench gemm`). Rows that repay packing b, in heights of a tile; where b is larger than so
     * many times L2; and where its rows fall into the same few sets of L1. */
    PD_TILES_TO_PACK = 8,
    PD_TILES_TO_PACK_LARGE = 4,
    PD_LARGE = 4,
    PD_TILES_TO_PACK_APART = 3,
    /* What is packed at a time: on the stack; or, for products of so many multiply-adds, elsewhere, as much as fills
     * 1 / PD_PACKED_OF_L2 of L2. And how many panels meet rows of a that are in L1, at least. */
    PD_PACKED_ON_STACK = 64 * 1024,
    PD_PACKED_BYTES = 512 * 1024,
    PD_PACKED_OF_L2 = 2,
    PD_ELSEWHERE_FROM = 1 << 24,
    PD_PANELS_TOGETHER = 2,
    /* Rows of a that pass before the next columns are packed: so many times L2. More would come from memory (on a Zen 5,
     * 8 instead of 2: 2 % less time for 2048-cube). */
    PD_ROWS_OF_A = 8,

    /* Forward (`python -m bench kernels`). Weights of at most so many bytes, and no larger than L2, are read anew by
     * each few rows of x; of larger ones a block that fills 1 / PD_BLOCK_OF_W of L2 at a time. */
    PD_WEIGHTS_KEPT = 512 * 1024,
    PD_BLOCK_OF_W = 2,

    /* dW (`python -m bench kernels grid`). Panels of dy from which on a copy of columns of x repays: where they push
     * each other out of L1 (not measured on its own), and where they fill more than 1 / PD_BLOCK_OF_X of L2. And what is
     * packed of dy to meet a copy. */
    PD_PANELS_TO_COPY = 2,
    PD_PANELS_TO_COPY_LARGE = 4,
    PD_BLOCK_OF_X = 2,
    PD_PACKED_OF_DY = 256 * 1024,

    /* Convolution (`python -m bench kernels`): bytes of images that are read, with zeros around them, before the next
     * are. */
    PD_BAND = 128 * 1024,
    PD_PANELS_OF_DY = 4, /* of dy that are packed for the kernel's gradient at a time: 4 x 32 KB, within L2 */

    /* Multiply-adds between two barriers, about 10 us on two threads, that repay sharing them out in pieces;
     * `python -m bench steps threads`. */
    PD_PIECES_FROM = 2000000,

    /* Records that are run on a few samples after the other (`python -m bench vision`): from so many bytes of a
     * sample on, in at most so many parts, if each weight is used so often by a sample. */
    PD_DEEP_FROM = 16 * 1024,
    PD_DEEP_PARTS = 4096,
    PD_USES_OF_WEIGHTS = 16,

    /* Bytes of a plan's buffers from which memory is used again even if that takes a further barrier;
     * `python -m bench memory steps`. */
    PD_REUSE_FROM = 64 << 20
};

#endif
