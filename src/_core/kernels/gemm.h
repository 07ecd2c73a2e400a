/* gemm.h: what the GEMM kernels share: the register tile and the walk over rows and panels.
 *
 * Every product of a Dense layer is a grid of tiles c[m][width] = init + sum over k of a[i][k] * b[k][width], k in
 * order, one fused multiply-add each. An element's bits therefore depend neither on its place in a tile, nor on the
 * tile's shape, nor on blocking over k (partial sums go through memory in the same dtype), nor on the thread count.
 *
 *   product     rows i of the tile       k               b
 *   forward     rows of x                inputs          panel of w                       a[i][k] along rows
 *   dX          inputs (rows of w)       outputs         dy transposed, packed            along panel rows, in runs
 *   dW          inputs (columns of x)    batch rows      panel of dy, packed              down columns
 */
#ifndef PD_GEMM_H
#define PD_GEMM_H

#include "../tuning.h"
#include "kernel.h"

/* Tile shape: rows x (up to two vectors). Accumulators, one row of b and one broadcast must fit the register file:
 * 32 registers: 14 * 2 + 2 + 1 = 31;  16 registers: 6 * 2 + 2 + 1 = 15. */
#if defined(PD_ISA_avx512)
enum { TILE_ROWS = 14 };
#elif defined(PD_ISA_neon)
enum { TILE_ROWS = 12 };
#else
enum { TILE_ROWS = 6 };
#endif
/* Height of dX's tiles, and side of the squares that it turns in registers. */
#if defined(PD_ISA_avx512)
enum { TURN = 8 };
#else
enum { TURN = 4 };
#endif
enum { TILE_WIDTH = 2 * VL };

enum { K_BLOCK = PD_K_BLOCK, ROW_BLOCK = PD_ROW_BLOCK, BATCH_BLOCK = PD_BATCH_BLOCK };

typedef struct {
    const real *a; /* a(i, k) = a[i * rs + k * cs]; rs or cs is 1 as the form says */
    ptrdiff_t rs, cs;
    const ptrdiff_t *at; /* NULL, or what stands for i * rs (A_ROWS) or k * cs (A_COLS) in that; run is K then */
    ptrdiff_t run, runs, jump; /* k covers `runs` runs of `run`; a moves on by jump after each */
    const real *b;             /* b(k, j) = b[k * ldb + j], full width readable */
    ptrdiff_t ldb;
    const real *init; /* NULL: zero; rows ldi apart (0: the same row, full width readable) */
    ptrdiff_t ldi;
    real *c;
    ptrdiff_t ldc;
    ptrdiff_t n; /* columns that exist, <= width: no others of c are read or written */
} tile_args;

typedef void (*tile_fn)(const tile_args *t);
enum { A_ROWS, A_COLS, TILE_FORMS }; /* cs == 1, rs == 1 */

/* The tile of m rows (1..TILE_ROWS) and a width that is a power of two up to TILE_WIDTH. */
tile_fn PD_NAME(gemm_tile)(int form, ptrdiff_t width, ptrdiff_t m);

/* A block of K inner terms and n columns as to[K][w], zero from column n on; w >= n is a power of two: gemm_pack.c. */
void PD_NAME(gemm_pack_rows)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w);
void PD_NAME(gemm_pack_columns)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w);

enum { PANEL = 128 / (int)sizeof(real) }; /* full width: two AVX-512 registers */

PD_INLINE ptrdiff_t panel_width(ptrdiff_t units) {
    ptrdiff_t w = 1;
    while (w < units && w < PANEL) w *= 2;
    return w;
}

/* Height of the tile that starts with `left` rows to go: as even as the number of tiles allows. */
PD_INLINE ptrdiff_t tile_height(ptrdiff_t left) {
    const ptrdiff_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + tiles - 1) / tiles;
}

/* Tiles across one panel or packed block of width w (a power of two). */
PD_INLINE ptrdiff_t tile_width(ptrdiff_t w) { return min_(w, TILE_WIDTH); }

/* y = x w + b:  x(r, k) = x[r * rs + k * cs], or list[r] for r where there is a list (cs is 1 then), y rows ldy
 * apart, b padded or NULL, w(k, j) of panel p at w + p * next + k * ldw + j */
typedef struct {
    const real *x, *w, *b;
    real *y;
    ptrdiff_t I, O, rs, cs, ldy, next, ldw;
    const int64_t *list;
} gemm_args;

/* One block of it: K inner terms of x and w, some columns, in panels of a width; all pointers are at their first. */
typedef struct {
    const real *x, *w, *b;
    real *y;
    ptrdiff_t K, columns, width, rs, cs, ldy, next, ldw;
    const int64_t *list;
    int copied;  /* rows of x are copied, strip by strip; K is strip_depth at most then */
    int partial; /* y holds the terms before these; else b is added to them */
} gemm_block;
void PD_NAME(gemm_block)(const gemm_block *g, ptrdiff_t r0, ptrdiff_t r1);

/* rows [r0, r1) x panels [p0, p1) of y = x w + b, overwritten */
void PD_NAME(gemm_walk)(const gemm_args *g, const pd_caches *caches, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t p0,
                        ptrdiff_t p1);

/* The same for `rows` from r, where they are few and panels are of full width; returns the first panel left to do. */
ptrdiff_t PD_NAME(gemm_few)(const gemm_args *g, ptrdiff_t r, ptrdiff_t rows, ptrdiff_t p0, ptrdiff_t p1);

#endif
