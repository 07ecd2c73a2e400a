/* windows.h: windows over the positions of images, for kernels that reduce each to one number per channel.
 *
 * Images lie as [B][H][W][C]. Window (oh, ow) begins at row oh * SH - top and column ow * SW - left and has KH x KW
 * taps in row-major order; those outside the image do not exist. Vectors run along channels or, where those are few,
 * along the channels of several windows in a row. */
#ifndef PD_WINDOWS_H
#define PD_WINDOWS_H

#include "reduce.h"

/* Numbers [lo, hi). */
typedef struct {
    ptrdiff_t lo, hi;
} pd_range;

/* Of the taps of a window that begins at `first`, those on an axis of so many positions. */
PD_INLINE pd_range taps_on_axis(ptrdiff_t first, ptrdiff_t taps, ptrdiff_t size) {
    return (pd_range){first < 0 ? -first : 0, size - first < taps ? size - first : taps};
}
/* Moves on to the windows, of `out`, that have a tap at a position, from those of one before. `before`: top, left */
PD_INLINE void windows_at(pd_range *r, ptrdiff_t position, ptrdiff_t before, ptrdiff_t taps, ptrdiff_t stride,
                          ptrdiff_t out) {
    while (r->hi < out && r->hi * stride - before <= position) r->hi++;
    while (r->lo < r->hi && r->lo * stride - before + taps <= position) r->lo++;
}

/* What a block of a kernel reads and writes: windows whose taps [rows) x [cols) exist.
 *   x: its image   at: element of x at the first tap, be it there or not   o: first element that it writes */
typedef struct {
    const real *x;
    ptrdiff_t at, o;
    pd_range rows, cols;
} pd_window;

/* Lanes of a vector that lie apart: lane i is x[lanes.at[i]]; of a vector along channels, `apart` is 0. And from one
 * vector of a block to the next, where it reads and where it writes. */
typedef struct {
    int apart;
    vint at;
    ptrdiff_t next_x, next_o;
} pd_lanes_at;

PD_INLINE vreal vload_lanes(const real *x, pd_lanes_at lanes, ptrdiff_t m) {
    return lanes.apart ? vgather(x, lanes.at) : vload_m(x, m);
}

/* Few channels: a vector holds those of VL / C windows, each sw positions behind the one before it. */
PD_INLINE vint lanes_of_windows(ptrdiff_t C, ptrdiff_t sw) {
    vint at = {0};
    for (ptrdiff_t i = 0; i < VL / C * C; i++) at[i] = (ireal)(i / C * sw * C + i % C);
    return at;
}

/* for each tap of a pd_window w: kh, kw and its element `tap` of w.x */
#define PD_FOR_TAPS(a, w, tap)                                                                         \
    for (ptrdiff_t kh = (w).rows.lo; kh < (w).rows.hi; kh++)                                           \
        for (ptrdiff_t kw = (w).cols.lo, tap = (w).at + (kh * (a)->W + kw) * (a)->C; kw < (w).cols.hi; \
             kw++, tap += (a)->C)

/* A kernel over the windows of its share is a function block(a, w, N, m, lanes) of N vectors of outputs, the last of
 * them with m lanes that count: of neighbouring channels or, where those are few, of four neighbouring windows, so that
 * what is computed one after the other in each is not waited for. N only groups vectors, so it changes no bit. */
#define PD_FOR_WINDOWS(block, a, share)                                                                               \
    do {                                                                                                              \
        const ptrdiff_t C_ = (a)->C, group_ = 2 * C_ <= VL ? VL / C_ : 1;                                             \
        const pd_lanes_at along_ = {0, {0}, VL, VL}, beside_ = {0, {0}, (a)->SW * C_, C_};                            \
        pd_lanes_at apart_ = {1, {0}, 0, 0};                                                                          \
        if (group_ > 1) apart_.at = lanes_of_windows(C_, (a)->SW);                                                    \
        /* windows before this one have all their columns, but for those that begin in front of the image */          \
        const ptrdiff_t room_ = (a)->W - (a)->KW + (a)->left, whole_ = room_ < 0 ? 0 : room_ / (a)->SW + 1;           \
        ptrdiff_t lo_, hi_;                                                                                           \
        pd_bands((a)->B, (a)->OH, share, &lo_, &hi_);                                                                 \
        for (ptrdiff_t r_ = lo_; r_ < hi_; r_++) {                                                                    \
            const ptrdiff_t b_ = r_ / (a)->OH, ih_ = r_ % (a)->OH * (a)->SH - (a)->top;                               \
            pd_window w_ = {.x = (const real *)(a)->x + b_ * (a)->H * (a)->W * C_,                                    \
                            .rows = taps_on_axis(ih_, (a)->KH, (a)->H)};                                              \
            for (ptrdiff_t ow_ = 0, n_; ow_ < (a)->OW; ow_ += n_) {                                                   \
                const ptrdiff_t iw_ = ow_ * (a)->SW - (a)->left, end_ = whole_ < (a)->OW ? whole_ : (a)->OW;          \
                n_ = iw_ < 0 || ow_ >= end_ ? 1 : end_ - ow_ < group_ ? end_ - ow_ : group_;                          \
                w_.cols = taps_on_axis(iw_, (a)->KW, (a)->W);                                                         \
                w_.at = (ih_ * (a)->W + iw_) * C_;                                                                    \
                w_.o = (r_ * (a)->OW + ow_) * C_;                                                                     \
                if (group_ > 1) {                                                                                     \
                    /* lanes that do not count read what the first one reads */                                       \
                    const pd_lanes_at lanes_ = {1, apart_.at & vfirst(n_ * C_), 0, 0};                                \
                    block(a, w_, 1, n_ * C_, lanes_);                                                                 \
                    continue;                                                                                         \
                }                                                                                                     \
                ptrdiff_t j_ = 0;                                                                                     \
                if (C_ < 4 * VL && iw_ >= 0 && ow_ + 4 <= end_) {                                                     \
                    n_ = 4;                                                                                           \
                    for (; j_ < C_; j_ += VL, w_.at += VL, w_.o += VL)                                                \
                        block(a, w_, 4, C_ - j_ < VL ? C_ - j_ : VL, beside_);                                        \
                    continue;                                                                                         \
                }                                                                                                     \
                for (; j_ + 4 * VL <= C_; j_ += 4 * VL, w_.at += 4 * VL, w_.o += 4 * VL) block(a, w_, 4, VL, along_); \
                for (; j_ + 2 * VL <= C_; j_ += 2 * VL, w_.at += 2 * VL, w_.o += 2 * VL) block(a, w_, 2, VL, along_); \
                for (; j_ < C_; j_ += VL, w_.at += VL, w_.o += VL)                                                    \
                    block(a, w_, 1, C_ - j_ < VL ? C_ - j_ : VL, along_);                                             \
            }                                                                                                         \
        }                                                                                                             \
    } while (0)

#endif
