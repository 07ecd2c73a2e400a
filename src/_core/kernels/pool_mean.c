/* Mean pooling: y (+)= the sum of a window's taps / how many of them exist, summed in double in row-major order; `sum`:
 * not divided. Backward: dx[p] (+)= the sum, over the windows that have a tap at p in row-major order, of dy / how many
 * taps of that window exist, in double; `sum`: not divided.
 * x dx [B][H][W][C], y dy [B][OH][OW][C]. |err| <= eps |y|, and eps |dx|, but for cancellation. */
#include "windows.h"

PD_INLINE vreal vwide_scaled(vwide w, double factor) {
    for (int i = 0; i < VWIDE; i++) w.part[i] *= factor;
    return vnarrow(w);
}

PD_INLINE void mean(const pd_pool_mean_fwd_args *a, pd_window w, int N, ptrdiff_t m, pd_lanes_at lanes) {
    vwide sum[4] = {0};
    PD_FOR_TAPS(a, w, tap)
    for (int i = 0; i < N; i++) vwide_add(&sum[i], vload_lanes(w.x + tap + i * VL, lanes, m));
    const double taps = (double)((w.rows.hi - w.rows.lo) * (w.cols.hi - w.cols.lo));
    for (int i = 0; i < N; i++)
        vstore_sum((real *)a->y + w.o + i * VL, vwide_scaled(sum[i], a->sum ? 1 : 1 / taps), m, a->add != 0);
}

PD_KERNEL(pool_mean_fwd) {
    PD_ARGS(pool_mean_fwd);
    PD_FOR_WINDOWS(mean, a, share);
}

/* N vectors of dx at a position, from the windows [rows) x [cols), of which `dy` is the first of the image. */
PD_INLINE void spread(const pd_pool_mean_bwd_args *a, const real *dy, real *dx, pd_range rows, pd_range cols, int N,
                      ptrdiff_t m) {
    vwide sum[4] = {0};
    for (ptrdiff_t oh = rows.lo; oh < rows.hi; oh++)
        for (ptrdiff_t ow = cols.lo; ow < cols.hi; ow++) {
            const pd_range h = taps_on_axis(oh * a->sh - a->top, a->KH, a->H);
            const pd_range v = taps_on_axis(ow * a->sw - a->left, a->KW, a->W);
            const double part = a->sum ? 1 : 1 / (double)((h.hi - h.lo) * (v.hi - v.lo));
            for (int i = 0; i < N; i++) {
                const vwide t = vwiden(vload_m(dy + (oh * a->OW + ow) * a->C + i * VL, m));
                for (int k = 0; k < VWIDE; k++) sum[i].part[k] += t.part[k] * part;
            }
        }
    for (int i = 0; i < N; i++) vstore_sum(dx + i * VL, vnarrow(sum[i]), m, a->add != 0);
}

PD_KERNEL(pool_mean_bwd) {
    PD_ARGS(pool_mean_bwd);
    const ptrdiff_t C = a->C;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t r = lo * a->H; r < hi * a->H; r++) {
        const pd_range rows = windows_at(r % a->H, a->top, a->KH, a->sh, a->OH);
        const real *dy = (const real *)a->dy + r / a->H * a->OH * a->OW * C;
        for (ptrdiff_t iw = 0; iw < a->W; iw++) {
            const pd_range cols = windows_at(iw, a->left, a->KW, a->sw, a->OW);
            real *dx = (real *)a->dx + (r * a->W + iw) * C;
            ptrdiff_t j = 0;
            for (; j + 4 * VL <= C; j += 4 * VL) spread(a, dy + j, dx + j, rows, cols, 4, VL);
            PD_FOR_VECTORS (i, m, j, C) spread(a, dy + i, dx + i, rows, cols, 1, m);
        }
    }
}
