/* gemm_fwd: z = x w + b, y = act(z).
 * x [B][I]   w panels [ceil(O/width)][I][width]   b [padded O] or NULL   y [B][O]   z [B][O] or NULL
 * By rows; overwrites; y and z must not overlap x. Where z is kept, the product goes there and y = act(z); else the
 * activation runs in place on rows that are still in cache. Bound: see gemm_tile.c. */
#include "gemm.h"

PD_KERNEL(gemm_fwd) {
    PD_ARGS(gemm_fwd);
    real *y = a->y, *z = a->z ? a->z : a->y;
    const ptrdiff_t w = panel_width(a->O), panels = (a->O + w - 1) / w;
    const gemm_args g = {a->x, a->w, a->b, z, a->I, a->O, a->I, 1, a->O, a->I * w, w};
    ptrdiff_t lo, hi;
    pd_rows(a->B, ith, nth, &lo, &hi);
    PD_NAME(gemm_walk)(&g, lo, hi, 0, panels);
    if (!a->act || lo == hi) return;
    const pd_act_fwd_args act = {z + lo * a->O, y + lo * a->O, hi - lo, a->O, a->alpha};
    a->act(&act, step, 0, 1);
}
