/* Rows of a table by their codes: y[b] = w[x[b]], or NaN if the code names no row (codes are checked where data
 * enters; an array may change later). Backward: dw[v] (+)= the sum of dy[b] over all b with x[b] = v, one chain of
 * additions in order of b; a code that names no row adds nothing.
 * x [B], y dy [B][O], w dw [V][O]; y overwrites. The gradient is split by elements of dw, as its optimizer's step is.
 */
#include "kernel.h"

#include <string.h>

/* Where the row of a code begins, or -1. Codes below 2^(fraction bits + 1) are exact. */
PD_INLINE ptrdiff_t row_at(real code, ptrdiff_t V, ptrdiff_t O) {
    return code >= 0 && code < (real)V ? (ptrdiff_t)code * O : -1;
}

PD_KERNEL(embed_fwd) {
    PD_ARGS(embed_fwd);
    const ptrdiff_t O = a->O;
    const real *x = a->x, *w = a->w;
    real *y = a->y;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        const ptrdiff_t row = row_at(x[i], a->V, O);
        PD_FOR_VECTORS (j, m, 0, O)
            vstore_m(y + i * O + j, row < 0 ? vset((real)__builtin_nan("")) : vload_m(w + row + j, m), m);
    }
}

PD_KERNEL(embed_bwd) {
    PD_ARGS(embed_bwd);
    const ptrdiff_t O = a->O;
    const real *x = a->x, *dy = a->dy;
    real *dw = a->dw;
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    if (!a->add && lo < hi) memset(dw + lo, 0, (size_t)(hi - lo) * sizeof *dw);
    for (ptrdiff_t i = 0; i < a->B; i++) {
        const ptrdiff_t row = row_at(x[i], a->V, O);
        if (row < 0) continue;
        const ptrdiff_t from = row > lo ? row : lo, to = row + O < hi ? row + O : hi;
        PD_FOR_VECTORS (j, m, from, to) vstore_m(dw + j, vload_m(dw + j, m) + vload_m(dy + i * O + (j - row), m), m);
    }
}
