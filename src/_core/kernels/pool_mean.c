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
    for (int i = 0; i < N; i++) vwide_add(&sum[i], vload_lanes(w.x + tap + i * lanes.next_x, lanes, m));
    const double taps = (double)((w.rows.hi - w.rows.lo) * (w.cols.hi - w.cols.lo));
    for (int i = 0; i < N; i++)
        vstore_sum((real *)a->y + w.o + i * lanes.next_o, vwide_scaled(sum[i], a->sum ? 1 : 1 / taps), m, a->add != 0);
}

PD_KERNEL(pool_mean_fwd) {
    PD_ARGS(pool_mean_fwd);
    PD_FOR_WINDOWS(mean, a, share);
}

/* Of how many taps what they share is one part: a division that few windows need, as most have all their taps. */
typedef struct {
    ptrdiff_t taps;
    double one;
} pd_part;

PD_INLINE double part_of(pd_part *part, ptrdiff_t taps) {
    if (taps != part->taps) *part = (pd_part){taps, 1 / (double)taps};
    return part->one;
}

/* N vectors of dx at a position, from the windows [rows) x [cols); `dy`: of the first one of the image. */
PD_INLINE void spread(const pd_pool_mean_bwd_args *a, const real *dy, real *dx, pd_range rows, pd_range cols,
                      pd_part *of, int N, ptrdiff_t m) {
    vwide sum[4] = {0};
    for (ptrdiff_t oh = rows.lo; oh < rows.hi; oh++)
        for (ptrdiff_t ow = cols.lo; ow < cols.hi; ow++) {
            const pd_range h = taps_on_axis(oh * a->SH - a->top, a->KH, a->H);
            const pd_range v = taps_on_axis(ow * a->SW - a->left, a->KW, a->W);
            const double part = a->sum ? 1 : part_of(of, (h.hi - h.lo) * (v.hi - v.lo));
            for (int i = 0; i < N; i++) {
                const vwide t = vwiden(vload_m(dy + (oh * a->OW + ow) * a->C + i * VL, m));
                for (int k = 0; k < VWIDE; k++) sum[i].part[k] += t.part[k] * part;
            }
        }
    for (int i = 0; i < N; i++) vstore_sum(dx + i * VL, vnarrow(sum[i]), m, a->add != 0);
}

/* A row of dx where no windows overlap: each position has a part of one dy, or of none. h: taps above each other that
 * exist, 0 if there is no window. */
static void spread_apart(const pd_pool_mean_bwd_args *a, const real *dy, real *dx, ptrdiff_t h, pd_part *of) {
    const ptrdiff_t C = a->C;
    ptrdiff_t done = 0;
    for (ptrdiff_t ow = 0; ow < a->OW && h > 0; ow++, dy += C) {
        const ptrdiff_t first = ow * a->SW - a->left;
        const pd_range v = taps_on_axis(first, a->KW, a->W);
        const ptrdiff_t from = first + v.lo, to = first + v.hi;
        const double part = a->sum ? 1 : part_of(of, h * (to - from));
        if (!a->add) memset(dx + done * C, 0, (size_t)((from - done) * C) * sizeof(real));
        done = to;
        for (ptrdiff_t c = 0; C < VL && c < C; c++) /* masked stores, one by one, would take longer */
            for (ptrdiff_t i = from * C + c; i < to * C; i += C)
                dx[i] = (a->add ? dx[i] : 0) + (real)((double)dy[c] * part);
        for (ptrdiff_t j = 0; C >= VL && j < C; j += VL) {
            const ptrdiff_t m = C - j < VL ? C - j : VL;
            const vreal t = vwide_scaled(vwiden(vload_m(dy + j, m)), part);
            for (ptrdiff_t iw = from; iw < to; iw++) vstore_sum(dx + iw * C + j, t, m, a->add != 0);
        }
    }
    if (!a->add) memset(dx + done * C, 0, (size_t)((a->W - done) * C) * sizeof(real));
}

PD_KERNEL(pool_mean_bwd) {
    PD_ARGS(pool_mean_bwd);
    const ptrdiff_t C = a->C;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    const int apart = a->KH <= a->SH && a->KW <= a->SW;
    pd_part part = {1, 1};
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *dy = (const real *)a->dy + b * a->OH * a->OW * C;
        pd_range rows = {0, 0};
        for (ptrdiff_t ih = 0; ih < a->H; ih++) {
            pd_range cols = {0, 0};
            windows_at(&rows, ih, a->top, a->KH, a->SH, a->OH);
            if (apart) {
                const pd_range h = taps_on_axis(rows.lo * a->SH - a->top, a->KH, a->H);
                spread_apart(a, dy + rows.lo * a->OW * C, (real *)a->dx + (b * a->H + ih) * a->W * C,
                             rows.lo < rows.hi ? h.hi - h.lo : 0, &part);
                continue;
            }
            for (ptrdiff_t iw = 0; iw < a->W; iw++) {
                real *dx = (real *)a->dx + ((b * a->H + ih) * a->W + iw) * C;
                ptrdiff_t j = 0;
                windows_at(&cols, iw, a->left, a->KW, a->SW, a->OW);
                for (; j + 4 * VL <= C; j += 4 * VL) spread(a, dy + j, dx + j, rows, cols, &part, 4, VL);
                PD_FOR_VECTORS (i, m, j, C) spread(a, dy + i, dx + i, rows, cols, &part, 1, m);
            }
        }
    }
}
