/* shares.h: which samples a share of a record's work is; kernels take them, and whoever runs kernels counts on it. */
#ifndef PD_SHARES_H
#define PD_SHARES_H

#include "pd.h"

static inline ptrdiff_t min_(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t max_(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* Where unit `at` of `of` begins among n things. */
static inline ptrdiff_t pd_cut(ptrdiff_t n, int at, int of) { return n * at / of; }

/* In how many parts a thread runs its samples, of so many that one thread would. */
static inline int pd_parts(int parts, int nth) { return parts > nth ? parts / nth : 1; }

/* Rows per sample: 0 stands for 1. */
static inline ptrdiff_t pd_sample(ptrdiff_t L) { return L > 1 ? L : 1; }

/* Rows [lo, hi) of B, of which each sample has L. Every PD_SPLIT_ROWS kernel splits so, and only so. Shares are whole
 * samples, so that records with rows of different kinds keep to the same samples; only if there are fewer samples than
 * shares are samples divided. Shares are whole groups of 8 samples if there are many: the GEMM's tiles like that. */
static inline void pd_rows(ptrdiff_t B, ptrdiff_t L, pd_share share, ptrdiff_t *lo, ptrdiff_t *hi) {
    *lo = 0;
    *hi = B;
    if (share.of == 1 && share.parts <= 1) return;
    ptrdiff_t rows = pd_sample(L), samples = (B + rows - 1) / rows; /* the last one may be short */
    if (samples < share.of) {
        samples = B;
        rows = 1;
    }
    const ptrdiff_t g = samples >= (ptrdiff_t)16 * share.of ? 8 : 1, groups = (samples + g - 1) / g;
    ptrdiff_t first = min_(pd_cut(groups, share.lo, share.of) * g, samples);
    ptrdiff_t last = min_(pd_cut(groups, share.hi, share.of) * g, samples);
    if (share.parts > 1) {
        const ptrdiff_t all = last - first;
        last = first + pd_cut(all, share.part + 1, share.parts);
        first += pd_cut(all, share.part, share.parts);
    }
    *lo = min_(first * rows, B);
    *hi = min_(last * rows, B);
}

/* Bands [lo, hi) of B samples, each of so many. Every PD_SPLIT_BANDS kernel splits so: by samples, or, if those are
 * fewer than shares, by bands. */
static inline void pd_bands(ptrdiff_t B, ptrdiff_t bands, pd_share share, ptrdiff_t *lo, ptrdiff_t *hi) {
    if (B < share.of) {
        *lo = pd_cut(B * bands, share.lo, share.of);
        *hi = pd_cut(B * bands, share.hi, share.of);
        return;
    }
    pd_rows(B, 1, share, lo, hi);
    *lo *= bands;
    *hi *= bands;
}

#endif
