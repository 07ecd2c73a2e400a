/* gemm_pack: a block of a matrix as a panel that tiles read, to[k][w], its last w - n columns zero; w a power of two.
 *   rows         to[k][j] = from[k][j]
 *   transposed   to[k][j] = from[j][k] */
#include "gemm.h"

/* m columns (1..VL) of every row */
PD_INLINE void pack_vectors(real *to, ptrdiff_t w, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t m) {
    if (m == VL)
        for (ptrdiff_t k = 0; k < K; k++) vstore(to + k * w, vload(from + k * ld));
    else if (w >= VL)
        for (ptrdiff_t k = 0; k < K; k++) vstore(to + k * w, vload_n(from + k * ld, (int)m));
    else
        for (ptrdiff_t k = 0; k < K; k++) vstore_n(to + k * w, vload_n(from + k * ld, (int)m), (int)w);
}

void PD_NAME(gemm_pack_rows)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w) {
    if (n == w && w == 2 * VL) { /* a whole line or two at a time */
        for (ptrdiff_t k = 0; k < K; k++) {
            const vreal v0 = vload(from + k * ld), v1 = vload(from + k * ld + VL);
            vstore(to + k * w, v0);
            vstore(to + k * w + VL, v1);
        }
        return;
    }
    for (ptrdiff_t j = 0; j < w; j += VL) pack_vectors(to + j, w, from + j, ld, K, min_(VL, n > j ? n - j : 0));
}

void PD_NAME(gemm_pack_transposed)(real *to, const real *from, ptrdiff_t ld, ptrdiff_t K, ptrdiff_t n, ptrdiff_t w) {
    for (ptrdiff_t k = 0; k < K; k++)
        for (ptrdiff_t j = 0; j < w; j++) to[k * w + j] = j < n ? from[j * ld + k] : 0;
}
