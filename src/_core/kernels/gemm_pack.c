/* gemm_pack: a block of a matrix as a panel that tiles read, to[k][w] with zeros from column n on; w a power of two.
 *   rows      to[k][j] = from[k][j]
 *   columns   to[k][j] = from[j][k] */
#include "gemm_turn.h"

/* m columns (0..VL) of every row, padded to a vector, or to w where that is less */
PD_INLINE void pack_vectors(real *to, ptrdiff_t w, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t m) {
    if (m == VL)
        for (ptrdiff_t k = 0; k < K; k++) vstore(to + k * w, vload(from + k * ld));
    else
        for (ptrdiff_t k = 0; k < K; k++) vstore_m(to + k * w, vload_n(from + k * ld, (int)m), min_(w, VL));
}

void PD_NAME(gemm_pack_rows)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w) {
    if (n == w && w == 2 * VL) { /* in one pass: the memory of a row is touched once */
        for (ptrdiff_t k = 0; k < K; k++) {
            const vreal v0 = vload(from + k * ld), v1 = vload(from + k * ld + VL);
            vstore(to + k * w, v0);
            vstore(to + k * w + VL, v1);
        }
        return;
    }
    for (ptrdiff_t j = 0; j < w; j += VL) pack_vectors(to + j, w, from + j, ld, K, n > j ? min_(VL, n - j) : 0);
}

void PD_NAME(gemm_pack_columns)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w) {
    if (w < TURN || K < TURN) {
        for (ptrdiff_t k = 0; k < K; k++)
            for (ptrdiff_t j = 0; j < w; j++) to[k * w + j] = j < n ? from[j * ld + k] : 0;
        return;
    }
    for (ptrdiff_t j = 0; j < w; j += TURN)
        for (ptrdiff_t k = 0; k < K; k += TURN) {
            const ptrdiff_t at = min_(k, K - TURN); /* the last square overlaps the one before it */
            turn_square(to + at * w + j, w, from + j * ld + at, ld, n - j);
        }
}
