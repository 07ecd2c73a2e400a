/* wide.h: sums in double that one record leaves to another: vectors of them in memory, and pairs of columns. */
#ifndef PD_WIDE_H
#define PD_WIDE_H

#include "reduce.h"

enum { WIDE_LANES = PD_VBYTES / (int)sizeof(double) };
typedef vdouble vdouble_u __attribute__((aligned(sizeof(double)), may_alias));

/* The first m (1..VL) of VL doubles; the other lanes are zero and their memory is never touched. */
PD_INLINE vwide vwide_load(const double *p, ptrdiff_t m) {
    vwide w = {0};
    if (m == VL)
        for (int i = 0; i < VWIDE; i++) w.part[i] = *(const vdouble_u *)(p + i * WIDE_LANES);
    else
        for (int i = 0; i < VL; i++)
            if (i < m) w.part[i / WIDE_LANES][i % WIDE_LANES] = p[i];
    return w;
}
PD_INLINE void vwide_store(double *p, vwide w, ptrdiff_t m) {
    if (m == VL)
        for (int i = 0; i < VWIDE; i++) *(vdouble_u *)(p + i * WIDE_LANES) = w.part[i];
    else
        for (int i = 0; i < VL; i++)
            if (i < m) p[i] = w.part[i / WIDE_LANES][i % WIDE_LANES];
}

/* A kernel over columns [0, n) is a function block(a, j, W, m), as for PD_COLUMNS, of one or two vectors: as many as
 * leave registers for two sums in double of each. */
#define PD_PAIRS(block, a, n)                                            \
    do {                                                                 \
        ptrdiff_t at_ = 0;                                               \
        for (; at_ + 2 * VL <= (n); at_ += 2 * VL) block(a, at_, 2, VL); \
        PD_FOR_VECTORS (i_, m_, at_, n) block(a, i_, 1, m_);             \
    } while (0)

#endif
