/* Images of another size: y[i][j] = sum over k, l of r[1 + k] c[1 + l] x[r[0] + k][c[0] + l], r = rows[i] and
 * c = columns[j]. r says at which row of x the sum begins, then the weights of KH rows; c likewise.
 *   x [B][H][W][C]   y [B][OH][OW][C]   rows [OH][1 + KH]   columns [OW][1 + KW]   line [W * C] scratch
 * First over rows, whole lines at a time, then over columns, each sum in order. With transposed tables, the gradient.
 * |err| <= (KH + KW) eps sum of |weight x|. */
#include "kernel.h"

/* Where the sum begins, of at most `last` */
PD_INLINE ptrdiff_t beginning(real first, ptrdiff_t last) {
    const ptrdiff_t i = (ptrdiff_t)first;
    return i < 0 ? 0 : i < last ? i : last;
}

PD_INLINE void columns_of(const pd_image_resize_args *a, const real *restrict line, real *restrict y, ptrdiff_t C,
                          ptrdiff_t K) {
    const real *column = a->columns;
    for (ptrdiff_t j = 0; j < a->OW; j++, column += 1 + K, y += C) {
        const real *pixel = line + beginning(column[0], a->W - K) * C;
        for (ptrdiff_t c = 0; c < C; c++) {
            real sum = column[1] * pixel[c];
            for (ptrdiff_t k = 1; k < K; k++) sum += column[1 + k] * pixel[k * C + c];
            y[c] = sum;
        }
    }
}

PD_KERNEL(image_resize) {
    PD_ARGS(image_resize);
    const ptrdiff_t H = a->H, KH = a->KH, width = a->W * a->C;
    real *scratch = (real *)a->line + step->thread * a->line_stride;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        real *y = (real *)a->y + b * a->OH * a->OW * a->C;
        const real *row = a->rows;
        for (ptrdiff_t i = 0; i < a->OH; i++, row += 1 + KH, y += a->OW * a->C) {
            const real *x = (const real *)a->x + (b * H + beginning(row[0], H - KH)) * width, *line = x;
            if (KH > 1 || row[1] != 1) {
                PD_FOR_VECTORS (e, m, 0, width) {
                    vreal sum = vload_m(x + e, m) * row[1];
                    for (ptrdiff_t k = 1; k < KH; k++) sum += vload_m(x + k * width + e, m) * row[1 + k];
                    vstore_m(scratch + e, sum, m);
                }
                line = scratch;
            }
            if (a->KW == 1 && a->C == 3) columns_of(a, line, y, 3, 1);
            else if (a->KW == 2 && a->C == 3) columns_of(a, line, y, 3, 2);
            else if (a->KW == 2 && a->C == 1) columns_of(a, line, y, 1, 2);
            else columns_of(a, line, y, a->C, a->KW);
        }
    }
}
