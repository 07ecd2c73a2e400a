/* PReLU: y = x where x > 0, else w x, with a slope w for each column (He, Zhang, Ren, Sun 2015).
 * dx = dy where x > 0, else w dy; by columns, dw = sum over rows of x dy where x <= 0 (added to where `add`).
 * x y dy dx [B][O]  w dw [O]; y may be x, dx may be dy. Rounded once; the sum in double, in row order. */
#include "reduce.h"

PD_KERNEL(prelu_fwd) {
    PD_ARGS(prelu_fwd);
    const real *w = a->w;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->O;
        real *y = (real *)a->y + b * a->O;
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const vreal v = vload_m(x + j, m);
            vstore_m(y + j, vsel((vint)(v > 0), v, vload_m(w + j, m) * v), m);
        }
    }
}

PD_KERNEL(prelu_bwd) {
    PD_ARGS(prelu_bwd);
    const real *w = a->w;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * a->O, *dy = (const real *)a->dy + b * a->O;
        real *dx = (real *)a->dx + b * a->O;
        PD_FOR_VECTORS (j, m, 0, a->O) {
            const vreal g = vload_m(dy + j, m);
            vstore_m(dx + j, vsel((vint)(vload_m(x + j, m) > 0), g, vload_m(w + j, m) * g), m);
        }
    }
}

PD_INLINE void slopes(const pd_prelu_grad_args *a, ptrdiff_t j, const int W, ptrdiff_t m) {
    const ptrdiff_t n = a->n;
    const real *x = (const real *)a->x + j, *dy = (const real *)a->dy + j;
    vwide sum[PD_BLOCK] = {0};
    for (ptrdiff_t b = 0; b < a->B; b++)
        for (int v = 0; v < W; v++) {
            const ptrdiff_t i = b * n + v * VL;
            vwide_add(&sum[v], vatmost(vload_m(x + i, m), 0) * vload_m(dy + i, m));
        }
    for (int v = 0; v < W; v++) vstore_sum((real *)a->dw + j + v * VL, vnarrow(sum[v]), m, a->add != 0);
}

PD_KERNEL(prelu_grad) {
    PD_ARGS(prelu_grad);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    PD_COLUMNS(slopes, a, lo, hi);
}
