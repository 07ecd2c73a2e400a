/* conv_dx.h: which taps of windows read a pixel. */
#ifndef PD_CONV_DX_H
#define PD_CONV_DX_H

#include "conv.h"

/* Taps first, first + stride, ... , n of them: those of K that read positions at, at + stride, ... from windows that
 * begin at i * stride - before. The last one's window for position `at` is window `window`. */
typedef struct {
    ptrdiff_t first, n, window;
} taps;

PD_INLINE taps taps_over(ptrdiff_t at, ptrdiff_t before, ptrdiff_t K, ptrdiff_t stride) {
    const ptrdiff_t first = ((at + before) % stride + stride) % stride,
                    n = first < K ? (K - 1 - first) / stride + 1 : 0;
    /* an exact division: what is left over is `first` in both */
    return (taps){first, n, (at + before - first) / stride - (n - 1)};
}

#endif
