/* Rows of an array into a buffer: y[b] = src[k].data[rows[b]], or row row0 + b where rows is NULL, converted to the
 * dtype of the kernel.  y [B][O], overwritten. Rows are the caller's to check. */
#include "kernel.h"

#define PD_GATHER(type)                                                                   \
    for (ptrdiff_t b = lo; b < hi; b++) {                                                 \
        const int64_t row = step->rows ? step->rows[b] : step->row0 + b;                  \
        const type *x = (const type *)src.data + (ptrdiff_t)row * src.stride;             \
        for (ptrdiff_t j = 0; j < O; j++) y[b * O + j] = (real)x[j];                      \
    }                                                                                     \
    break

PD_KERNEL(gather) {
    PD_ARGS(gather);
    const pd_source src = step->src[a->k];
    const ptrdiff_t O = a->O;
    real *restrict y = a->y;
    ptrdiff_t lo, hi;
    pd_rows(a->B, ith, nth, &lo, &hi);
    switch (src.dtype) {
    case PD_SRC_F32: PD_GATHER(float);
    case PD_SRC_F64: PD_GATHER(double);
    case PD_SRC_U8: PD_GATHER(uint8_t);
    case PD_SRC_I8: PD_GATHER(int8_t);
    case PD_SRC_U16: PD_GATHER(uint16_t);
    case PD_SRC_I16: PD_GATHER(int16_t);
    case PD_SRC_U32: PD_GATHER(uint32_t);
    case PD_SRC_I32: PD_GATHER(int32_t);
    case PD_SRC_U64: PD_GATHER(uint64_t);
    case PD_SRC_I64: PD_GATHER(int64_t);
    }
}
