/* gemm_turn.h: squares of TURN x TURN elements turned in registers. */
#ifndef PD_GEMM_TURN_H
#define PD_GEMM_TURN_H

#include "gemm.h"

typedef real square_row __attribute__((vector_size(TURN * sizeof(real))));
typedef square_row square_row_u __attribute__((aligned(sizeof(real)), may_alias));
typedef ireal square_mask __attribute__((vector_size(TURN * sizeof(real))));

/* rows of a square -> its columns: log2(TURN) rounds, each interleaving row i with row i + TURN / 2 */
PD_INLINE void transpose(square_row *s) {
    square_mask low, high;
    for (int i = 0; i < TURN; i++) {
        low[i] = i / 2 + (i % 2) * TURN;
        high[i] = low[i] + TURN / 2;
    }
#pragma GCC unroll 3
    for (int round = 1; round < TURN; round *= 2) {
        square_row t[TURN];
#pragma GCC unroll 8
        for (int i = 0; i < TURN / 2; i++) {
            t[2 * i] = __builtin_shuffle(s[i], s[i + TURN / 2], low);
            t[2 * i + 1] = __builtin_shuffle(s[i], s[i + TURN / 2], high);
        }
#pragma GCC unroll 8
        for (int i = 0; i < TURN; i++) s[i] = t[i];
    }
}

/* to[j][i] = from[i][j] for i < rows, zero for the other i < TURN; j < TURN */
PD_INLINE void turn_square(real *to, ptrdiff_t ldt, const real *from, ptrdiff_t ldf, ptrdiff_t rows) {
    square_row s[TURN];
#pragma GCC unroll 8
    for (int i = 0; i < TURN; i++) {
        s[i] = (square_row){0};
        if (i < rows) s[i] = *(const square_row_u *)(from + i * ldf);
    }
    transpose(s);
#pragma GCC unroll 8
    for (int i = 0; i < TURN; i++) *(square_row_u *)(to + i * ldt) = s[i];
}

#endif
