/* gemm_tile: c[m][w] = init + sum over k of a[i][k] * b[k][w], for every height m and width w of gemm.h.
 * c may be init; overwrites n columns. |err| <= 2 K eps |a||b|: one rounding per multiply-add (two without FMA). */
#include "gemm.h"

#if defined(PD_ISA_avx512)
#define TILE_EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14)
#elif defined(PD_ISA_neon)
#define TILE_EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12)
#else
#define TILE_EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6)
#endif

/* n columns of m rows; never inlined: it is the rare edge of a matrix, in a function stamped out 80 times */
__attribute__((noinline)) static void tile_copy(real *to, ptrdiff_t ldt, const real *from, ptrdiff_t ldf, ptrdiff_t m,
                                                ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < m; i++, to += ldt, from += ldf)
        PD_FOR_VECTORS (j, lanes, 0, n) vstore_m(to + j, vload_m(from + j, lanes), lanes);
}

#define TW 1
#include "gemm_tile_width.h"
#define TW 2
#include "gemm_tile_width.h"
#define TW 4
#include "gemm_tile_width.h"
#if PD_VBYTES >= 32 || !defined(PD_F64)
#define TW 8
#include "gemm_tile_width.h"
#endif
#if PD_VBYTES == 64 || (PD_VBYTES == 32 && !defined(PD_F64))
#define TW 16
#include "gemm_tile_width.h"
#endif
#if PD_VBYTES == 64 && !defined(PD_F64)
#define TW 32
#include "gemm_tile_width.h"
#endif

tile_fn PD_NAME(gemm_tile)(int form, ptrdiff_t width, ptrdiff_t m) {
    switch (width) {
    case 1: return tiles_1[form][m - 1];
    case 2: return tiles_2[form][m - 1];
    case 4: return tiles_4[form][m - 1];
#if PD_VBYTES >= 32 || !defined(PD_F64)
    case 8: return tiles_8[form][m - 1];
#endif
#if PD_VBYTES == 64 || (PD_VBYTES == 32 && !defined(PD_F64))
    case 16: return tiles_16[form][m - 1];
#endif
#if PD_VBYTES == 64 && !defined(PD_F64)
    case 32: return tiles_32[form][m - 1];
#endif
    }
    return NULL;
}
