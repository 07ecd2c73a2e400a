/* blocking.h: how large the blocks of a product are and which operands are copied, from the caches of the CPU.
 *
 * Rows a power of two apart fall into a few sets of a cache and push one another out, although there is room elsewhere.
 * A copy has them side by side. Where none is needed none is made: prefetching brings in what lies anywhere else. */
#ifndef PD_BLOCKING_H
#define PD_BLOCKING_H

#include "gemm.h"

enum {
    LINE = 64 / (int)sizeof(real),              /* elements of a cache line */
    STRIP = 24 * 1024 / (int)sizeof(real), /* elements of a copied strip of rows: 24 KB of the stack */
    STRIP_LD = STRIP / TILE_ROWS / LINE * LINE, /* from row to row of it: a line more than inner terms */
    LOOKED_AHEAD = 16, /* lines that prefetching has under way */
    STREAMS = 2 /* what streams past a tile while it reads the same lines again and again: b and c */
};

/* Asks for a line of what will be copied, L1 being full of what is in use. */
#define PREFETCH(p) __builtin_prefetch(p, 0, 3)

/* Lines of the fullest set that `rows` lines fall into, one every `stride` elements. */
PD_INLINE ptrdiff_t lines_in_a_set(const pd_cache *cache, ptrdiff_t rows, ptrdiff_t stride) {
    ptrdiff_t way = cache->bytes / cache->ways;
    if (way < cache->line) way = cache->line;
    ptrdiff_t apart = way; /* greatest common divisor: rows lie a multiple of it apart in a way */
    for (ptrdiff_t rest = stride * (ptrdiff_t)sizeof(real) % way; rest;) {
        const ptrdiff_t next = apart % rest;
        apart = rest;
        rest = next;
    }
    if (apart < cache->line) apart = cache->line;
    const ptrdiff_t places = way / apart;
    return (rows + places - 1) / places;
}

/* Whether such lines stay in L1 beside so many ways of other things. Fewer of them than there are ways always do. */
PD_INLINE int rows_stay(const pd_caches *caches, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t others) {
    return rows + others <= caches->l1.ways || lines_in_a_set(&caches->l1, rows, stride) + others <= caches->l1.ways;
}

/* Inner terms of a strip, at most: half of L1. */
PD_INLINE ptrdiff_t strip_depth(const pd_caches *caches) {
    const ptrdiff_t terms = caches->l1.bytes / 2 / (TILE_ROWS * (ptrdiff_t)sizeof(real)) / LINE * LINE - LINE;
    return max_(LINE, min_(terms, STRIP_LD - LINE));
}

/* Whether tiles may read the rows of a where they lie: each reads one line of every row at a time. */
PD_INLINE int strips_stay(const pd_caches *caches, ptrdiff_t rs, ptrdiff_t cs) {
    return cs != 1 || rows_stay(caches, TILE_ROWS, rs, STREAMS);
}

/* Whether tiles may read b where it lies, a line of each row: those fetched ahead stay until they are used. */
PD_INLINE int rows_ahead_stay(const pd_caches *caches, ptrdiff_t ldb) {
    return rows_stay(caches, LOOKED_AHEAD, ldb, STREAMS);
}

/* Whether tiles of dW may read columns of x where they lie: each reads a line of every row, the next one the same lines
 * again, beside a panel of dy. */
PD_INLINE int columns_stay(const pd_caches *caches, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t w) {
    const ptrdiff_t panel = rows * w * (ptrdiff_t)sizeof(real) * caches->l1.ways / (caches->l1.bytes + 1) + 1;
    return rows_stay(caches, rows, stride, panel);
}

/* Whether tiles of dX may read inputs' weights where they lie: a few lines of each panel, for all rows of the batch. */
PD_INLINE int weights_stay(const pd_caches *caches, ptrdiff_t panels, ptrdiff_t stride) {
    return rows_stay(caches, panels, stride, STREAMS);
}

/* Bytes of L2 for a part of a block, in elements. */
PD_INLINE ptrdiff_t part_of_l2(const pd_caches *caches, ptrdiff_t times, ptrdiff_t part) {
    return caches->l2.bytes * times / part / (ptrdiff_t)sizeof(real);
}

/* The size of the even blocks of at most `most` that n falls into. */
PD_INLINE ptrdiff_t block_of(ptrdiff_t n, ptrdiff_t most) {
    if (n <= most || n <= 1) return max_(n, 1);
    const ptrdiff_t blocks = (n - 1) / max_(most, 1) + 1;
    return (n - 1) / blocks + 1;
}

#endif
