/* gemm_fwd, gemm_fwd_panels: z = x w + b, y = act(z).
 * x [B][I]   w panels [ceil(O/width)][I][width]   b [padded O] or NULL   y [B][O]   z [B][O] or NULL
 * By rows, or by panels of w: a training step's threads then each read the weights that they updated themselves, which
 * are in their own caches (act must not be a row-wise one). Overwrites; y and z must not overlap x. Where z is kept,
 * the product goes there and y = act(z); else the activation runs in place on what is still in cache. Bound: see
 * gemm_tile.c. */
#include "gemm.h"
#include "rows.h"

enum { LEAST_ROWS = 32 }; /* of a block: enough of them to make up for bringing a panel in */

static gemm_args product(const pd_gemm_fwd_args *a, const pd_step *step) {
    const ptrdiff_t w = panel_width(a->O);
    const batch_rows x = rows_of(a->x, a->I, a->in_place, a->k, step);
    return (gemm_args){x.x, a->w, a->b, a->z ? a->z : a->y, a->I, a->O, x.stride, 1, a->O, a->I * w, w, x.list};
}

/* y = act(z) on columns [j0, j1) of rows [lo, hi). */
static void activate(const pd_gemm_fwd_args *a, const pd_step *step, ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t j0,
                     ptrdiff_t j1) {
    if (!a->act || lo >= hi || j0 >= j1) return;
    const real *z = a->z ? a->z : a->y;
    const ptrdiff_t whole = j1 - j0 == a->O, rows = whole ? hi - lo : 1;
    for (ptrdiff_t r = lo; r < hi; r += rows) {
        const pd_act_fwd_args act = {
            .x = z + r * a->O + j0, .y = (real *)a->y + r * a->O + j0, .B = rows, .O = j1 - j0, .alpha = a->alpha};
        a->act(&act, step, PD_WHOLE);
    }
}

/* Rows [r0, r1) of panels [p0, p1). */
static void rows_of_panels(const pd_gemm_fwd_args *a, const pd_step *step, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t p0,
                           ptrdiff_t p1) {
    const gemm_args g = product(a, step);
    const ptrdiff_t w = panel_width(a->O);
    PD_NAME(gemm_walk)(&g, step->caches, r0, r1, p0, p1);
    activate(a, step, r0, r1, p0 * w, min_(a->O, p1 * w));
}

PD_KERNEL(gemm_fwd) {
    PD_ARGS(gemm_fwd);
    const ptrdiff_t w = panel_width(a->O);
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    rows_of_panels(a, step, lo, hi, 0, (a->O + w - 1) / w);
}

/* Shares are panels, and blocks of rows of the panels they begin and end in. */
PD_KERNEL(gemm_fwd_panels) {
    PD_ARGS(gemm_fwd);
    const ptrdiff_t w = panel_width(a->O), panels = (a->O + w - 1) / w, B = a->B;
    const ptrdiff_t blocks = (B - 1) / LEAST_ROWS + 1;
    const ptrdiff_t lo = pd_cut(panels * blocks, share.lo, share.of), hi = pd_cut(panels * blocks, share.hi, share.of);
    const ptrdiff_t p0 = lo / blocks, p1 = hi / blocks, r0 = lo % blocks * LEAST_ROWS, r1 = hi % blocks * LEAST_ROWS;
    if (p0 == p1) {
        if (r0 < r1) rows_of_panels(a, step, r0, r1, p0, p0 + 1);
        return;
    }
    const ptrdiff_t whole = p0 + (r0 > 0);
    if (p0 < whole) rows_of_panels(a, step, r0, B, p0, whole);
    if (whole < p1) rows_of_panels(a, step, 0, B, whole, p1);
    if (r1 > 0) rows_of_panels(a, step, 0, r1, p1, p1 + 1);
}
