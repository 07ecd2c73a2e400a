/* rows.h: where the rows of a batch lie, and those of the next one.
 *
 * Rows of a source that has the kernel's dtype need not be copied: records that are told so (in_place) read them where
 * they lie. Random rows of a large array are in no cache, and no hardware guesses which comes next; so whoever has time
 * asks for the next batch's. */
#ifndef PD_ROWS_H
#define PD_ROWS_H

#include "kernel.h"

/* Row r of the batch is at x + (list ? list[r] : r) * stride. */
typedef struct {
    const real *x;
    ptrdiff_t stride;
    const int64_t *list;
} batch_rows;

PD_INLINE int rows_readable(const pd_source *src) {
    return src->dtype == (sizeof(real) == sizeof(float) ? PD_SRC_F32 : PD_SRC_F64);
}

/* The rows of source k in place, where they can be read so, or else those of buffer x [B][I]. */
PD_INLINE batch_rows rows_of(const void *x, ptrdiff_t I, ptrdiff_t in_place, ptrdiff_t k, const pd_step *step) {
    if (!in_place || !rows_readable(step->src + k)) return (batch_rows){x, I, NULL};
    const pd_source *src = step->src + k;
    const real *first = src->data;
    return (batch_rows){first + (step->rows ? 0 : step->row0 * src->stride), src->stride, step->rows};
}

/* The cache lines of rows [row, end) of the next batch that are still to be asked for. */
typedef struct {
    const char *x;
    ptrdiff_t stride; /* bytes from one row to the next */
    const int64_t *list;
    ptrdiff_t row, end, line, lines; /* next line of the row, lines of each */
} next_rows;

PD_INLINE next_rows rows_ahead(const pd_step *step, ptrdiff_t k, ptrdiff_t I, ptrdiff_t lo, ptrdiff_t hi) {
    static const uint8_t bytes[PD_SRC_DTYPES] = {[PD_SRC_F32] = 4, [PD_SRC_F64] = 8, [PD_SRC_U8] = 1,  [PD_SRC_I8] = 1,
                                                 [PD_SRC_U16] = 2, [PD_SRC_I16] = 2, [PD_SRC_U32] = 4, [PD_SRC_I32] = 4,
                                                 [PD_SRC_U64] = 8, [PD_SRC_I64] = 8};
    const pd_source *src = step->src + k;
    const ptrdiff_t size = bytes[src->dtype];
    return (next_rows){.x = src->data,
                       .stride = src->stride * size,
                       .list = step->next,
                       .row = lo,
                       .end = step->next ? hi : lo,
                       .lines = (I * size + 126) / 64}; /* it may begin anywhere in a line */
}

PD_INLINE ptrdiff_t rows_left(const next_rows *n) { return (n->end - n->row) * n->lines - n->line; }

/* Ask for so many lines, or as many as are left. */
PD_INLINE void rows_fetch(next_rows *n, ptrdiff_t lines) {
    for (; lines > 0 && n->row < n->end; lines--) {
        __builtin_prefetch(n->x + (ptrdiff_t)n->list[n->row] * n->stride + n->line * 64);
        if (++n->line < n->lines) continue;
        n->line = 0;
        n->row++;
    }
}

#endif
