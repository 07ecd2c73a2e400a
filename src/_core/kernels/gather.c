/* Rows of an array into a buffer: y[b] = src[k].data[rows[b]], or row row0 + b where rows is NULL, converted to the
 * dtype of the kernel.  y [B][O], overwritten. Rows are the caller's to check. */
#include "kernel.h"

/* No hardware guesses where the next row of a random order begins: its lines come while this one is copied. */
PD_INLINE void fetch(const void *row, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)row + i);
}

/* Nor where the next batch's rows lie: where they are so few that this core can ask for them all at once, it does. */
enum { AHEAD = 128 }; /* cache lines */
PD_INLINE void look_ahead(const int64_t *rows, const char *data, ptrdiff_t stride, ptrdiff_t bytes, ptrdiff_t lo,
                          ptrdiff_t hi) {
    if (!rows || (hi - lo) * (1 + (bytes + 62) / 64) > AHEAD) return;
    for (ptrdiff_t b = lo; b < hi; b++) {
        const char *row = data + (ptrdiff_t)rows[b] * stride;
        fetch(row, bytes);
        __builtin_prefetch(row + bytes - 1);
    }
}

#define PD_FROM(number, type)                                                                                        \
    case number:                                                                                                     \
        for (ptrdiff_t b = lo; b < hi; b++) {                                                                        \
            const int64_t row = step->rows ? step->rows[b] : step->row0 + b;                                         \
            const type *x = (const type *)src.data + (ptrdiff_t)row * src.stride;                                    \
            if (step->rows && b + 1 < hi)                                                                            \
                fetch((const type *)src.data + (ptrdiff_t)step->rows[b + 1] * src.stride, O * (ptrdiff_t)sizeof *x); \
            for (ptrdiff_t j = 0; j < O; j++) y[b * O + j] = (real)x[j];                                             \
        }                                                                                                            \
        look_ahead(step->next, src.data, src.stride *(ptrdiff_t)sizeof(type), O *(ptrdiff_t)sizeof(type), lo, hi);   \
        break;

PD_KERNEL(gather) {
    PD_ARGS(gather);
    const pd_source src = step->src[a->k];
    const ptrdiff_t O = a->O;
    real *restrict y = a->y;
    ptrdiff_t lo, hi;
    pd_rows(a->B, ith, nth, &lo, &hi);
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
}
