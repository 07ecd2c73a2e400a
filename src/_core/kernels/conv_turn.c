/* conv_turn: weights as conv_dx reads them. For each of SH x SW ways in which windows lie over a pixel, by rows, the
 * taps that read it, last first: t panels [G][ceil(C/G/width)][taps * O/G][width], from w panels
 * [G][..][KH*KW*C/G][width]. Shares are panels. A copy: exact; the padding of t is zero. */
#include "conv_dx.h"

PD_KERNEL(conv_turn) {
    PD_ARGS(conv_turn);
    const ptrdiff_t I = a->C / a->G, O = a->O / a->G, K = a->KH * a->KW * I;
    const ptrdiff_t from = panel_width(O), w = panel_width(I), panels = (I + w - 1) / w,
                    outputs = (O + from - 1) / from;
    const ptrdiff_t all = a->SH * a->SW * a->G * panels;
    const ptrdiff_t lo = pd_cut(all, share.lo, share.of), hi = pd_cut(all, share.hi, share.of);
    real *to = a->t;
    for (ptrdiff_t r = 0, at = 0; r < a->SH; r++)
        for (ptrdiff_t c = 0; c < a->SW; c++) {
            const taps rows = taps_over(r, a->top, a->KH, a->SH), columns = taps_over(c, a->left, a->KW, a->SW);
            const ptrdiff_t depth = rows.n * columns.n * O;
            for (ptrdiff_t g = 0; g < a->G; g++)
                for (ptrdiff_t p = 0; p < panels; p++, at++, to += depth * w) {
                    if (at < lo || at >= hi) continue;
                    real *k = to;
                    for (ptrdiff_t u = rows.n - 1; u >= 0; u--)
                        for (ptrdiff_t v = columns.n - 1; v >= 0; v--) {
                            const ptrdiff_t tap = (rows.first + u * a->SH) * a->KW + columns.first + v * a->SW;
                            for (ptrdiff_t o = 0; o < outputs; o++) {
                                const real *w_ = (const real *)a->w + ((g * outputs + o) * K + tap * I + p * w) * from;
                                const ptrdiff_t n = min_(from, O - o * from);
                                PD_NAME(gemm_pack_columns)(k, w_, from, n, min_(w, I - p * w), w);
                                k += n * w;
                            }
                        }
                }
        }
}
