/* gemm_turn.h: squares of TURN x TURN elements turned in registers. */
#ifndef PD_GEMM_TURN_H
#define PD_GEMM_TURN_H

#include "gemm.h"

typedef real square_row __attribute__((vector_size(TURN * sizeof(real))));
typedef square_row square_row_u __attribute__((aligned(sizeof(real)), may_alias));

/* The first and the second half of two rows, interleaved: places in the one, then in the other. */
#if PD_VBYTES == 64
#define FIRST_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#else
#define FIRST_HALVES 0, 4, 1, 5
#define SECOND_HALVES 2, 6, 3, 7
#endif
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else /* GCC before 12 */
typedef ireal square_mask __attribute__((vector_size(TURN * sizeof(real))));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (square_mask){__VA_ARGS__})
#endif

/* rows of a square -> its columns: log2(TURN) rounds, each interleaving row i with row i + TURN / 2 */
PD_INLINE void transpose(square_row *s) {
#pragma GCC unroll 3
    for (int round = 1; round < TURN; round *= 2) {
        square_row t[TURN];
#pragma GCC unroll 8
        for (int i = 0; i < TURN / 2; i++) {
            t[2 * i] = SHUFFLE(s[i], s[i + TURN / 2], FIRST_HALVES);
            t[2 * i + 1] = SHUFFLE(s[i], s[i + TURN / 2], SECOND_HALVES);
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
