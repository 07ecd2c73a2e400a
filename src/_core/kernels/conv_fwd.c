/* conv_fwd: z = x * w + b, y = act(z), * the convolution of conv.h.
 * x [B][H][W][C]   w panels [G][ceil(O/G/width)][KH*KW*C/G][width]   b [padded O] or NULL   y z [B][OH][OW][O]
 * By samples, or rows of their windows. Overwrites; y and z must not overlap x. Where z is kept, the product goes
 * there and y = act(z); else the activation runs in place on what is still in cache. A weight that is Inf or NaN
 * makes NaN of the zeros around an image. */
#include "conv.h"

PD_KERNEL(conv_fwd) {
    PD_ARGS(conv_fwd);
    const ptrdiff_t O = a->O, image = a->OH * a->OW * O;
    real *y = a->y, *z = a->z ? (real *)a->z : y;
    const conv_product q = {.rows = {a->OH, -a->top, a->SH, a->KH, a->DH},
                            .columns = {a->OW, -a->left, a->SW, a->KW, a->DW},
                            .C = a->C,
                            .O = O,
                            .G = a->G,
                            .w = a->w,
                            .b = a->b,
                            .y = z,
                            .image = image,
                            .row = a->OW * O,
                            .column = O};
    conv_input in = {.x = a->x,
                     .H = a->H,
                     .W = a->W,
                     .C = a->C,
                     .rows = q.rows,
                     .column = -a->left,
                     .end = (a->OW - 1) * a->SW + conv_reach(&q.columns) - a->left,
                     .pad = (real *)a->pad + step->thread * a->pad_stride};
    PD_NAME(conv_plan)(&in);
    ptrdiff_t r, hi;
    pd_bands(a->B, a->OH, share, &r, &hi);
    for (ptrdiff_t rows; r < hi; r += rows) {
        /* whole images, or rows of one */
        const ptrdiff_t n = r / a->OH, t = r % a->OH, whole = t == 0 ? min_(in.images, (hi - r) / a->OH) : 0;
        const ptrdiff_t images = max_(1, whole), high = whole ? in.block : min_(in.block, min_(a->OH - t, hi - r));
        const conv_block block = PD_NAME(conv_read)(&in, n, images, t, t + high);
        PD_NAME(conv_walk)(&q, step->caches, &block, n, images, t, t + high);
        rows = images * high;
        if (!a->act) continue;
        const ptrdiff_t at = n * image + t * q.row;
        const pd_act_fwd_args act = {.x = z + at, .y = y + at, .B = rows * a->OW, .O = O, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}
