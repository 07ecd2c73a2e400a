/* Rows of an array into a buffer: y[b] = src[k].data[rows[b]], or row row0 + b where rows is NULL, converted to the
 * dtype of the kernel.  y [B][O], overwritten, unless whoever wants the rows reads them in place. Rows are the caller's
 * to check. */
#include "rows.h"

/* No hardware guesses where the next row of a random order begins: its lines come while this one is copied. */
PD_INLINE void fetch(const void *row, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)row + i);
}

/* Nor where the next batch's rows lie: where they are so few that this core can ask for them all at once, it does. */
enum { AHEAD = 128 }; /* cache lines */

#define PD_FROM(number, type)                                                                                        \
    case number:                                                                                                     \
        for (ptrdiff_t b = lo; b < hi; b++) {                                                                        \
            const int64_t row = step->rows ? step->rows[b] : step->row0 + b;                                         \
            const type *x = (const type *)src.data + (ptrdiff_t)row * src.stride;                                    \
            if (step->rows && b + 1 < hi)                                                                            \
                fetch((const type *)src.data + (ptrdiff_t)step->rows[b + 1] * src.stride, O * (ptrdiff_t)sizeof *x); \
            for (ptrdiff_t j = 0; j < O; j++) y[b * O + j] = (real)x[j];                                             \
        }                                                                                                            \
        break;

PD_KERNEL(gather) {
    PD_ARGS(gather);
    const pd_source src = step->src[a->k];
    const ptrdiff_t O = a->O;
    real *restrict y = a->y;
    if (a->in_place && rows_readable(&src)) return;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    switch (src.dtype) {
        PD_FROM(PD_SRC_F32, float)
        PD_FROM(PD_SRC_F64, double)
        PD_FROM(PD_SRC_U8, uint8_t)
        PD_FROM(PD_SRC_I8, int8_t)
        PD_FROM(PD_SRC_U16, uint16_t)
        PD_FROM(PD_SRC_I16, int16_t)
        PD_FROM(PD_SRC_U32, uint32_t)
        PD_FROM(PD_SRC_I32, int32_t)
        PD_FROM(PD_SRC_U64, uint64_t)
        PD_FROM(PD_SRC_I64, int64_t)
    }
    next_rows next = rows_ahead(step, a->k, O, lo, hi);
    if (rows_left(&next) <= AHEAD) rows_fetch(&next, AHEAD);
}
