/* conv_dx: dx = act'(s) * (dy convolved with w turned), the input gradient of conv_fwd; with b and act_fwd, the
 * forward pass of a transposed convolution: dx = act(.. + b).
 * dy [B][OH][OW][O]   t by conv_turn   dx s z [B][H][W][C]   b [padded C] or NULL   add: dx += (act NULL then)
 * Pixels SH rows and SW columns apart are read by the same taps: each such set is a convolution of stride 1, on dy
 * with zeros around it. By samples; act runs on blocks that are still in cache. */
#include "conv_dx.h"

PD_KERNEL(conv_dx) {
    PD_ARGS(conv_dx);
    const ptrdiff_t C = a->C, row = a->W * C, image = a->H * row, SH = a->SH, SW = a->SW;
    real *dx = a->dx, *z = a->z && !a->s ? (real *)a->z : dx;
    /* what all sets read: rows and columns of dy from the first of any set's first window on */
    ptrdiff_t top = PTRDIFF_MAX, bottom = PTRDIFF_MIN, left = PTRDIFF_MAX, right = PTRDIFF_MIN;
    for (ptrdiff_t r = 0; r < SH; r++) {
        const taps u = taps_over(r, a->top, a->KH, SH);
        if (!u.n) continue;
        /* with a stride of 1 taps may lie apart: the last one reads (KH - 1) * DH before the first */
        const ptrdiff_t first = SH == 1 ? a->top - (a->KH - 1) * a->DH : u.window;
        top = min_(top, first);
        bottom = max_(bottom, first + (u.n - 1) * a->DH + 1);
    }
    for (ptrdiff_t c = 0; c < SW; c++) {
        const taps v = taps_over(c, a->left, a->KW, SW);
        if (!v.n) continue;
        const ptrdiff_t first = SW == 1 ? a->left - (a->KW - 1) * a->DW : v.window;
        left = min_(left, first);
        right = max_(right, first + (v.n - 1) * a->DW + 1 + (a->W - 1 - c) / SW);
    }
    conv_input in = {.x = a->dy,
                     .H = a->OH,
                     .W = a->OW,
                     .C = a->O,
                     .rows = {(a->H - 1) / SH + 1, top, 1, bottom - top, 1},
                     .column = left,
                     .end = right,
                     .pad = (real *)a->pad + step->thread * a->pad_stride};
    PD_NAME(conv_plan)(&in);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t n = lo; n < hi; n += in.images)
        for (ptrdiff_t t = 0; t < in.rows.n; t += in.block) {
            const ptrdiff_t images = min_(in.images, hi - n), end = min_(in.rows.n, t + in.block);
            const conv_block block = PD_NAME(conv_read)(&in, n, images, t, end);
            const real *w = a->t;
            for (ptrdiff_t r = 0; r < SH; r++)
                for (ptrdiff_t c = 0; c < SW; c++) {
                    const taps u = taps_over(r, a->top, a->KH, SH), v = taps_over(c, a->left, a->KW, SW);
                    const ptrdiff_t I = C / a->G, width = panel_width(I);
                    const conv_product q = {
                        .rows = {(a->H - 1 - r) / SH + (r < a->H), SH == 1 ? top : u.window, 1, u.n, a->DH},
                        .columns = {(a->W - 1 - c) / SW + (c < a->W), SW == 1 ? left : v.window, 1, v.n, a->DW},
                        .C = a->O,
                        .O = C,
                        .G = a->G,
                        .w = w,
                        .b = a->b,
                        .y = z + (r * a->W + c) * C,
                        .image = image,
                        .row = SH * row,
                        .column = SW * C,
                        .add = a->add != 0};
                    w += u.n * v.n * a->O * ((I + width - 1) / width) * width;
                    PD_NAME(conv_walk)(&q, step->caches, &block, n, images, t, min_(end, q.rows.n));
                }
            if (!a->act) continue;
            const ptrdiff_t from = n * image + t * SH * row, rows = (images - 1) * a->H + min_(a->H, end * SH) - t * SH;
            if (a->s) {
                const pd_act_bwd_args act = {.s = (const real *)a->s + from,
                                             .dy = dx + from,
                                             .dx = dx + from,
                                             .B = rows * a->W,
                                             .O = C,
                                             .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            } else {
                const pd_act_fwd_args act = {
                    .x = z + from, .y = dx + from, .B = rows * a->W, .O = C, .alpha = a->alpha};
                a->act(&act, step, PD_WHOLE);
            }
        }
}
