/* rows.h: reductions of one row, for kernels that normalise over it. A row is one thread's work, in one order. */
#ifndef PD_ROWS_H
#define PD_ROWS_H

#include "kernel.h"

/* A sum over a row, vector by vector; after every 4,096 elements the lanes are folded into a double. */
typedef struct {
    vreal lanes;
    ptrdiff_t count;
    double total;
} row_sum;

PD_INLINE void row_add(row_sum *s, vreal v) {
    s->lanes += v;
    s->count += VL;
    if (s->count < 4096) return;
    s->total += (double)vsum(s->lanes);
    s->lanes = (vreal){0};
    s->count = 0;
}
PD_INLINE double row_total(const row_sum *s) { return s->total + (double)vsum(s->lanes); }

/* v with fill in the lanes from m on */
PD_INLINE vreal vfill(vreal v, ptrdiff_t m, real fill) { return m == VL ? v : vsel(vfirst((int)m), v, vset(fill)); }

/* The largest of x[0..n-1], NaN where one of them is, -inf where n is 0. */
PD_INLINE real row_max(const real *x, ptrdiff_t n) {
    const real least = -(real)__builtin_inf();
    vreal most = vset(least);
    PD_FOR_VECTORS(i, m, 0, n) most = vmax(most, vfill(vload_m(x + i, m), m, least));
    return vmaximum(most);
}

#endif
