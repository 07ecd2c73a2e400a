/* Max pooling: y = the largest of a window's taps, exactly; NaN where one of them is. `at`: which tap it was, of
 * several the first in row-major order, the first NaN if there is one.
 * Backward: dx[p] (+)= the sum, over the windows in row-major order, of the dy whose tap p is.
 * x dx [B][H][W][C], y dy at [B][OH][OW][C]. |err| of dx <= windows over a position * eps * sum |dy|. */
#include "windows.h"

enum { BYTE_TAPS = 256 }; /* whose numbers fit a byte */

typedef uint8_t vbytes __attribute__((vector_size(VL)));

PD_INLINE void store_taps(void *at, ptrdiff_t i, vint tap, ptrdiff_t m, int wide) {
    if (!wide && m == VL) {
        const vbytes bytes = __builtin_convertvector(tap, vbytes);
        memcpy((uint8_t *)at + i, &bytes, sizeof bytes);
        return;
    }
    for (int j = 0; j < m; j++) {
        if (wide) ((uint32_t *)at)[i + j] = (uint32_t)tap[j];
        else ((uint8_t *)at)[i + j] = (uint8_t)tap[j];
    }
}

PD_INLINE void largest(const pd_pool_max_fwd_args *a, pd_window w, int N, ptrdiff_t m, pd_lanes_at lanes, int keep) {
    vreal best[4];
    vint tap_of[4];
    const ptrdiff_t first = w.at + (w.rows.lo * a->W + w.cols.lo) * a->C;
    for (int i = 0; i < N; i++) {
        best[i] = vload_lanes(w.x + first + i * lanes.next_x, lanes, m);
        tap_of[i] = viset((ireal)(w.rows.lo * a->KW + w.cols.lo));
    }
    PD_FOR_TAPS(a, w, tap) {
        const vint number = viset((ireal)(kh * a->KW + kw));
        for (int i = 0; i < N; i++) {
            const vreal v = vload_lanes(w.x + tap + i * lanes.next_x, lanes, m);
            const vint more = ~((vint)(v <= best[i]) | visnan(best[i])); /* larger, or the first NaN */
            best[i] = vsel(more, v, best[i]);
            if (keep) tap_of[i] = (more & number) | (~more & tap_of[i]);
        }
    }
    for (int i = 0; i < N; i++) {
        vstore_m((real *)a->y + w.o + i * lanes.next_o, best[i], m);
        if (keep) store_taps(a->at, w.o + i * lanes.next_o, tap_of[i], m, a->wide != 0);
    }
}

PD_INLINE void largest_alone(const pd_pool_max_fwd_args *a, pd_window w, int N, ptrdiff_t m, pd_lanes_at lanes) {
    largest(a, w, N, m, lanes, 0);
}
PD_INLINE void largest_and_tap(const pd_pool_max_fwd_args *a, pd_window w, int N, ptrdiff_t m, pd_lanes_at lanes) {
    largest(a, w, N, m, lanes, 1);
}

PD_KERNEL(pool_max_fwd) {
    PD_ARGS(pool_max_fwd);
    if (a->at) PD_FOR_WINDOWS(largest_and_tap, a, share);
    else PD_FOR_WINDOWS(largest_alone, a, share);
}

/* Elements from the first tap of a window to tap number `tap`. */
PD_INLINE ptrdiff_t offset_of(const pd_pool_max_bwd_args *a, ptrdiff_t tap) {
    return (tap / a->KW * a->W + tap % a->KW) * a->C;
}

PD_KERNEL(pool_max_bwd) {
    PD_ARGS(pool_max_bwd);
    const ptrdiff_t C = a->C, row = a->W * C;
    ptrdiff_t lo, hi, offsets[BYTE_TAPS] = {0};
    for (ptrdiff_t k = 0; k < a->KH * a->KW && k < BYTE_TAPS; k++) offsets[k] = offset_of(a, k);
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        real *dx = (real *)a->dx + b * a->H * row;
        ptrdiff_t blank = a->add ? a->H : 0; /* rows from here on hold nothing yet */
        for (ptrdiff_t oh = 0; oh < a->OH; oh++) {
            const ptrdiff_t ih = oh * a->SH - a->top, reached = ih + a->KH < a->H ? ih + a->KH : a->H;
            if (blank < reached) memset(dx + blank * row, 0, (size_t)((reached - blank) * row) * sizeof(real));
            if (blank < reached) blank = reached;
            for (ptrdiff_t ow = 0; ow < a->OW; ow++) {
                const ptrdiff_t o = ((b * a->OH + oh) * a->OW + ow) * C, at = ih * row + (ow * a->SW - a->left) * C;
                const real *dy = (const real *)a->dy + o;
                if (a->wide)
                    for (ptrdiff_t c = 0; c < C; c++)
                        dx[at + c + offset_of(a, ((const uint32_t *)a->at)[o + c])] += dy[c];
                else
                    for (ptrdiff_t c = 0; c < C; c++) dx[at + c + offsets[((const uint8_t *)a->at)[o + c]]] += dy[c];
            }
        }
        if (blank < a->H) memset(dx + blank * row, 0, (size_t)((a->H - blank) * row) * sizeof(real));
    }
}
