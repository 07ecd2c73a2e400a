/* conv_input: the pixels that a block of windows reads, with zeros where there are none: where they lie, if all
 * exist. */
#include "conv.h"

PD_INLINE ptrdiff_t rows_read(const conv_input *in, ptrdiff_t windows) {
    return (windows - 1) * in->rows.stride + conv_reach(&in->rows);
}

void PD_NAME(conv_plan)(conv_input *in) {
    const ptrdiff_t line = (in->end - in->column) * in->C, whole = rows_read(in, in->rows.n) * line;
    const ptrdiff_t room = max_(PD_BAND / (ptrdiff_t)sizeof(real), rows_read(in, 1) * line);
    in->images = max_(1, room / max_(1, whole));
    in->block = in->rows.n;
    if (whole > room) in->block = block_of(in->rows.n, (room / line - conv_reach(&in->rows)) / in->rows.stride + 1);
}

/* Elements [0, n) of a row of pixels; those outside [lo, hi) are zero. */
static void copy_row(real *to, const real *from, ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t n) {
    const vreal zero = {0};
    PD_FOR_VECTORS (i, m, 0, lo) vstore_m(to + i, zero, m);
    PD_FOR_VECTORS (i, m, lo, hi) vstore_m(to + i, vload_m(from + i - lo, m), m);
    PD_FOR_VECTORS (i, m, hi, n) vstore_m(to + i, zero, m);
}

conv_block PD_NAME(conv_read)(const conv_input *in, ptrdiff_t n, ptrdiff_t images, ptrdiff_t t0, ptrdiff_t t1) {
    const ptrdiff_t C = in->C, top = in->rows.first + t0 * in->rows.stride, high = rows_read(in, t1 - t0);
    const ptrdiff_t image = in->H * in->W * C;
    const real *x = in->x + n * image;
    if (top >= 0 && top + high <= in->H && in->column >= 0 && in->end <= in->W)
        return (conv_block){x, image, in->W * C};
    const ptrdiff_t ld = (in->end - in->column) * C;
    const ptrdiff_t lo = min_(max_(0, -in->column) * C, ld), hi = max_(lo, min_(in->end, in->W) * C - in->column * C);
    for (ptrdiff_t i = 0; i < images; i++)
        for (ptrdiff_t r = 0; r < high; r++) {
            real *to = in->pad + (i * high + r) * ld;
            const ptrdiff_t row = top + r;
            const real *from = x + i * image + (row * in->W + max_(0, in->column)) * C;
            if (row < 0 || row >= in->H) copy_row(to, from, ld, ld, ld);
            else copy_row(to, from, lo, hi, ld);
        }
    return (conv_block){in->pad - top * ld - in->column * C, high * ld, ld};
}
