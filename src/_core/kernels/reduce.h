/* reduce.h: what kernels that sum share: sums in double, tails that do not count, blocks of columns.
 *
 * Every sum of terms runs in double, whatever the dtype, lane by lane and then over the lanes in one fixed order: its
 * error does not grow with the batch, and two passes suffice for a variance.
 */
#ifndef PD_REDUCE_H
#define PD_REDUCE_H

#include "kernel.h"

PD_INLINE vint vindex(void) {
    vint v;
    for (int i = 0; i < VL; i++) v[i] = i;
    return v;
}

/* VL doubles: the sums of the lanes of vreals */
typedef struct {
    vdouble part[VWIDE];
} vwide;
typedef union {
    vreal whole;
    vpart part[VWIDE];
} vparts;

PD_INLINE vwide vwiden(vreal v) {
    const vparts u = {v};
    vwide w;
    for (int i = 0; i < VWIDE; i++) w.part[i] = vpart_widen(u.part[i]);
    return w;
}
PD_INLINE vreal vnarrow(vwide w) {
    vparts u;
    for (int i = 0; i < VWIDE; i++) u.part[i] = vpart_narrow(w.part[i]);
    return u.whole;
}
PD_INLINE void vwide_add(vwide *sum, vreal v) {
    const vwide w = vwiden(v);
    for (int i = 0; i < VWIDE; i++) sum->part[i] += w.part[i];
}
/* adds v^2, which cannot overflow where v is float */
PD_INLINE void vwide_add_square(vwide *sum, vreal v) {
    const vwide w = vwiden(v);
    for (int i = 0; i < VWIDE; i++) sum->part[i] += w.part[i] * w.part[i];
}
/* adds u v, in double */
PD_INLINE void vwide_add_product(vwide *sum, vreal u, vreal v) {
    const vwide x = vwiden(u), y = vwiden(v);
    for (int i = 0; i < VWIDE; i++) sum->part[i] += x.part[i] * y.part[i];
}
PD_INLINE double vwide_sum(vwide w) {
    vdouble v = w.part[0];
    for (int i = 1; i < VWIDE; i++) v += w.part[i];
    if (PD_VBYTES > 32) v += PD_SWAP_F64(v, 4);
    if (PD_VBYTES > 16) v += PD_SWAP_F64(v, 2);
    v += PD_SWAP_F64(v, 1);
    return v[0];
}
/* The largest of x[0..n-1], NaN where one of them is, -inf where n is 0. */
PD_INLINE real row_max(const real *x, ptrdiff_t n) {
    vreal top = vset(-(real)__builtin_inf());
    PD_FOR_VECTORS (i, m, 0, n) top = vmax(top, vsel(vfirst((int)m), vload_m(x + i, m), top));
    return vmaximum(top);
}
/* each lane divided by n, in the dtype of the kernel */
PD_INLINE vreal vwide_mean(vwide w, double n) {
    for (int i = 0; i < VWIDE; i++) w.part[i] /= n;
    return vnarrow(w);
}

/* Whether row b counts: mask [rows] of 0 and 1, or NULL if all do. */
PD_INLINE int counts(const real *mask, ptrdiff_t b) { return !mask || mask[b] != 0; }
/* Rows that count among so many. */
PD_INLINE ptrdiff_t counted(const real *mask, ptrdiff_t rows) {
    ptrdiff_t n = mask ? 0 : rows;
    for (ptrdiff_t b = 0; mask && b < rows; b++) n += mask[b] != 0;
    return n;
}

/* A mean as the sum of two numbers: rounded to one alone, that of values far from zero is as far from the true mean as
 * they are from each other. `low` is what is left of it. In double both come from double sums, and low is 0. */
typedef struct {
    vreal high, low;
} vmean;

PD_INLINE vmean vmean_of(double mean) {
    const real high = (real)mean;
    return (vmean){vset(high), vset((real)(mean - (double)high))};
}
/* of each lane: the sum divided by n */
PD_INLINE vmean vwide_mean_of(vwide w, double n) {
    for (int i = 0; i < VWIDE; i++) w.part[i] /= n;
    const vreal high = vnarrow(w);
    const vwide h = vwiden(high);
    for (int i = 0; i < VWIDE; i++) w.part[i] -= h.part[i];
    return (vmean){high, vnarrow(w)};
}
PD_INLINE vreal vcentred(vreal x, vmean mean) { return (x - mean.high) - mean.low; }

/* A kernel over columns [lo, hi) is a function block(a, j, W, m) of W vectors of columns that begin at column j, the
 * last of them with m lanes that count. W = 4 keeps whole lines in use and more sums in flight than one; it only groups
 * columns, so it changes no bit. */
enum { PD_BLOCK = 4 };
#define PD_COLUMNS(block, a, lo, hi)                                                        \
    do {                                                                                    \
        ptrdiff_t j_ = (lo);                                                                \
        for (; j_ + PD_BLOCK * VL <= (hi); j_ += PD_BLOCK * VL) block(a, j_, PD_BLOCK, VL); \
        PD_FOR_VECTORS (i_, m_, j_, hi) block(a, i_, 1, m_);                                \
    } while (0)

/* y = sum, or y += sum */
PD_INLINE void vstore_sum(real *y, vreal sum, ptrdiff_t m, int add) { vstore_m(y, add ? vload_m(y, m) + sum : sum, m); }
/* elements of an optional vector of parameters */
PD_INLINE vreal vload_or(const real *p, ptrdiff_t j, ptrdiff_t m, real otherwise) {
    return p ? vload_m(p + j, m) : vset(otherwise);
}

#endif
