/* vec.h: one vector type and its inline operations for the ISA and dtype being compiled.
 *
 *   real   float or double (PD_F64)          vreal  VL of them in one register
 *   ireal  the integer of the same width     vint   VL of them; comparisons give all-ones / all-zeros lanes
 *
 * GCC/Clang vector extensions carry everything that has an operator (+ - * / < == & | ^ << >>); what has none is
 * here. This file and the GEMM tile shape are the only places that may look at the ISA.
 * a * b + c contracts to one FMA where the ISA has it (-ffp-contract=fast), so no vfma is needed for speed; vfma
 * exists to say that a contraction is meant.
 */
#ifndef PD_VEC_H
#define PD_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(PD_ISA_avx512)
#define PD_VBYTES 64
#elif defined(PD_ISA_avx2)
#define PD_VBYTES 32
#elif defined(PD_ISA_neon) || defined(PD_ISA_baseline)
#define PD_VBYTES 16
#else
#error "compile kernels with -DPD_ISA_<isa>"
#endif

/* Whose instructions there are for vectors of that size. The widest have none where tests run their kernels on AVX2
 * (PYDL_AVX512_BY_AVX2): operators alone, which the compiler splits. */
#if PD_VBYTES == 64 && defined(__AVX512F__)
#define PD_BY_AVX512
#include <immintrin.h>
#elif PD_VBYTES == 32
#define PD_BY_AVX2
#include <immintrin.h>
#elif PD_VBYTES == 16 && defined(__SSE2__)
#define PD_BY_SSE2
#include <emmintrin.h>
#elif PD_VBYTES == 16 && defined(__aarch64__)
#define PD_BY_NEON
#include <arm_neon.h>
#endif

#ifdef PD_F64
typedef double real;
typedef int64_t ireal;
typedef uint64_t ureal;
#define PD_R(x) x
#else
typedef float real;
typedef int32_t ireal;
typedef uint32_t ureal;
#define PD_R(x) x##f /* a literal in the compiled dtype: PD_R(0.5) */
#endif

typedef real vreal __attribute__((vector_size(PD_VBYTES)));
typedef ireal vint __attribute__((vector_size(PD_VBYTES)));
typedef ureal vuint __attribute__((vector_size(PD_VBYTES)));
enum { VL = PD_VBYTES / (int)sizeof(real) };

#define PD_INLINE static inline __attribute__((always_inline, unused))

/* PD_HW(op): the ISA's own instruction for this dtype, where it has one for every ISA: sqrt, min, max. */
#ifdef PD_F64
#define PD_HW_X86(prefix, op) prefix##_##op##_pd
#define PD_HW_NEON(op) v##op##q_f64
#else
#define PD_HW_X86(prefix, op) prefix##_##op##_ps
#define PD_HW_NEON(op) v##op##q_f32
#endif
#if defined(PD_BY_AVX512)
#define PD_HW(op) PD_HW_X86(_mm512, op)
#elif defined(PD_BY_AVX2)
#define PD_HW(op) PD_HW_X86(_mm256, op)
#elif defined(PD_BY_NEON)
#define PD_HW(op) PD_HW_NEON(op)
#elif defined(PD_BY_SSE2)
#define PD_HW(op) PD_HW_X86(_mm, op)
#endif

/* the constants of the format: bits of the fraction, exponent bias */
#ifdef PD_F64
enum { V_FRACTION = 52, V_BIAS = 1023 };
#else
enum { V_FRACTION = 23, V_BIAS = 127 };
#endif

PD_INLINE vreal vset(real a) { return a - (vreal){0}; }
PD_INLINE vint viset(ireal a) { return a - (vint){0}; }

typedef vreal vreal_u __attribute__((aligned(sizeof(real)), may_alias));
PD_INLINE vreal vload(const real *p) { return *(const vreal_u *)p; }
PD_INLINE void vstore(real *p, vreal v) { *(vreal_u *)p = v; }

/* A mask of the first n (0..VL) lanes: a window on ones, then zeros. (A comparison with the lanes' numbers makes GCC 12
 * fail on SSE2 with 64-bit lanes.) */
PD_INLINE vint vfirst(ptrdiff_t n) {
    static const ireal window[2 * VL] = {[0 ... VL - 1] = -1};
    vint mask;
    memcpy(&mask, window + VL - n, sizeof mask);
    return mask;
}

/* v itself, of which the compiler then knows nothing. It keeps the branches of a tail apart from what is computed: GCC
 * would move products into them, away from the sums that they are fused with in whole vectors, for other bits. */
PD_INLINE vreal vopaque(vreal v) {
#if defined(PD_BY_SSE2)
    __asm__ volatile("" : "+x"(v));
#elif defined(PD_BY_NEON)
    __asm__ volatile("" : "+w"(v));
#else
    __asm__ volatile("" : "+m"(v));
#endif
    return v;
}

/* The first n (0..VL) elements; the other lanes are zero and their memory is never touched. Where there is no masked
 * instruction the loop has a fixed length, else GCC makes it a call of memcpy, which spills every vector register. */
PD_INLINE vreal vload_n(const real *p, int n) {
#if defined(PD_BY_AVX512) && defined(PD_F64)
    return (vreal)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#elif defined(PD_BY_AVX512)
    return (vreal)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(PD_BY_AVX2) && defined(PD_F64)
    return (vreal)_mm256_maskload_pd(p, (__m256i)vfirst(n));
#elif defined(PD_BY_AVX2)
    return (vreal)_mm256_maskload_ps(p, (__m256i)vfirst(n));
#else
    vreal v = {0};
#pragma GCC unroll 8
    for (int i = 0; i < VL; i++)
        if (i < n) v[i] = p[i];
    return vopaque(v);
#endif
}
PD_INLINE void vstore_n(real *p, vreal v, int n) {
#if defined(PD_BY_AVX512) && defined(PD_F64)
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif defined(PD_BY_AVX512)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(PD_BY_AVX2) && defined(PD_F64)
    _mm256_maskstore_pd(p, (__m256i)vfirst(n), (__m256d)v);
#elif defined(PD_BY_AVX2)
    _mm256_maskstore_ps(p, (__m256i)vfirst(n), (__m256)v);
#else
    v = vopaque(v);
#pragma GCC unroll 8
    for (int i = 0; i < VL; i++)
        if (i < n) p[i] = v[i];
#endif
}

/* Lane i is p[at[i]]. */
PD_INLINE vreal vgather(const real *p, vint at) {
#if defined(PD_BY_AVX512) && defined(PD_F64)
    return (vreal)_mm512_i64gather_pd((__m512i)at, p, 8);
#elif defined(PD_BY_AVX512)
    return (vreal)_mm512_i32gather_ps((__m512i)at, p, 4);
#elif defined(PD_BY_AVX2) && defined(PD_F64)
    return (vreal)_mm256_i64gather_pd(p, (__m256i)at, 8);
#elif defined(PD_BY_AVX2)
    return (vreal)_mm256_i32gather_ps(p, (__m256i)at, 4);
#else
    vreal v = {0};
    for (int i = 0; i < VL; i++) v[i] = p[at[i]];
    return v;
#endif
}

PD_INLINE vreal vfma(vreal a, vreal b, vreal c) { return a * b + c; }

/* Products of the low halves of 64-bit lanes; the high halves may hold anything. */
typedef uint64_t vlong __attribute__((vector_size(PD_VBYTES)));
PD_INLINE vlong vmul_low(vlong a, vlong b) {
#if defined(PD_BY_AVX512)
    return (vlong)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(PD_BY_AVX2)
    return (vlong)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(PD_BY_SSE2)
    return (vlong)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(PD_BY_NEON)
    return (vlong)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

/* mask lanes are all ones or all zeros: mask ? a : b */
PD_INLINE vreal vsel(vint mask, vreal a, vreal b) { return (vreal)((mask & (vint)a) | (~mask & (vint)b)); }
PD_INLINE vreal vand(vint mask, vreal a) { return (vreal)(mask & (vint)a); }

PD_INLINE vint vsignbits(void) { return viset((ireal)1 << (sizeof(real) * 8 - 2)) << 1; }
PD_INLINE vreal vabs(vreal a) { return (vreal)((vint)a & ~vsignbits()); }
PD_INLINE vreal vcopysign(vreal mag, vreal sgn) {
    return (vreal)(((vint)mag & ~vsignbits()) | ((vint)sgn & vsignbits()));
}
PD_INLINE vint visnan(vreal a) { return (vint)(a != a); }

/* a limited by a number that is not NaN; a NaN stays NaN. (x86 gives the second operand where one is NaN.) */
PD_INLINE vreal vatleast(vreal a, real lo) {
#if defined(PD_HW)
    return (vreal)PD_HW(max)(vset(lo), a);
#else
    return vsel((vint)(a < vset(lo)), vset(lo), a);
#endif
}
PD_INLINE vreal vatmost(vreal a, real hi) {
#if defined(PD_HW)
    return (vreal)PD_HW(min)(vset(hi), a);
#else
    return vsel((vint)(a > vset(hi)), vset(hi), a);
#endif
}
PD_INLINE vreal vclamp(vreal a, real lo, real hi) { return vatmost(vatleast(a, lo), hi); }

/* NaN in either operand gives NaN, as NumPy's maximum and minimum do. */
PD_INLINE vreal vmax(vreal a, vreal b) { return vsel((vint)(a > b) | visnan(a), a, b); }
PD_INLINE vreal vmin(vreal a, vreal b) { return vsel((vint)(a < b) | visnan(a), a, b); }

PD_INLINE vreal vsqrt(vreal a) {
#if defined(PD_HW)
    return (vreal)PD_HW(sqrt)(a);
#else
    for (int i = 0; i < VL; i++) a[i] = __builtin_sqrt(a[i]);
    return a;
#endif
}

/* Nearest integer, ties to even, for |a| < 2^(V_FRACTION-1): the sum pushes the fraction bits out of the register. */
PD_INLINE vreal vround(vreal a) {
    const vreal magic = vset((real)1.5 * (real)((int64_t)1 << V_FRACTION));
    return (a + magic) - magic;
}
/* The same, as an integer. */
PD_INLINE vint vround_int(vreal a) {
    const vreal magic = vset((real)1.5 * (real)((int64_t)1 << V_FRACTION));
    return (vint)(a + magic) - (vint)magic;
}
/* Shift right that brings in zeros; x86 has no arithmetic one for 64-bit lanes before AVX-512. */
PD_INLINE vint vshr(vint a, int n) { return (vint)((vuint)a >> n); }
PD_INLINE vreal vfrom_int(vint a) { return __builtin_convertvector(a, vreal); }
/* 2^n for integer lanes in the normal range. */
PD_INLINE vreal vpow2(vint n) { return (vreal)((n + viset(V_BIAS)) << V_FRACTION); }

/* As many doubles as fit a vector, and as many elements. GCC 12 would convert half a vector of AVX at a time. */
enum { VWIDE = (int)(sizeof(double) / sizeof(real)) };
typedef double vdouble __attribute__((vector_size(PD_VBYTES)));
typedef real vpart __attribute__((vector_size(PD_VBYTES / VWIDE)));
#if defined(PD_BY_AVX512) && !defined(PD_F64)
PD_INLINE vdouble vpart_widen(vpart v) { return (vdouble)_mm512_cvtps_pd((__m256)v); }
PD_INLINE vpart vpart_narrow(vdouble v) { return (vpart)_mm512_cvtpd_ps((__m512d)v); }
#elif defined(PD_BY_AVX2) && !defined(PD_F64)
PD_INLINE vdouble vpart_widen(vpart v) { return (vdouble)_mm256_cvtps_pd((__m128)v); }
PD_INLINE vpart vpart_narrow(vdouble v) { return (vpart)_mm256_cvtpd_ps((__m256d)v); }
#else
PD_INLINE vdouble vpart_widen(vpart v) { return __builtin_convertvector(v, vdouble); }
PD_INLINE vpart vpart_narrow(vdouble v) { return __builtin_convertvector(v, vpart); }
#endif

/* Lanes i and i ^ h change places (h a literal power of two below the number of lanes): of a vreal, of doubles. */
#define PD_LANES_2(h) 0 ^ (h), 1 ^ (h)
#define PD_LANES_4(h) PD_LANES_2(h), 2 ^ (h), 3 ^ (h)
#define PD_LANES_8(h) PD_LANES_4(h), 4 ^ (h), 5 ^ (h), 6 ^ (h), 7 ^ (h)
#define PD_LANES_16(h) PD_LANES_8(h), 8 ^ (h), 9 ^ (h), 10 ^ (h), 11 ^ (h), 12 ^ (h), 13 ^ (h), 14 ^ (h), 15 ^ (h)
#if PD_VBYTES == 16
#define PD_LANES_F64 PD_LANES_2
#define PD_LANES_F32 PD_LANES_4
#elif PD_VBYTES == 32
#define PD_LANES_F64 PD_LANES_4
#define PD_LANES_F32 PD_LANES_8
#else
#define PD_LANES_F64 PD_LANES_8
#define PD_LANES_F32 PD_LANES_16
#endif
#ifdef PD_F64
#define PD_LANES PD_LANES_F64
#else
#define PD_LANES PD_LANES_F32
#endif
#define PD_SWAP(v, h) __builtin_shufflevector(v, v, PD_LANES((h) & (VL - 1)))
#define PD_SWAP_F64(v, h) __builtin_shufflevector(v, v, PD_LANES_F64((h) & (PD_VBYTES / 8 - 1)))

/* Horizontal reductions in one fixed order (pairwise halves), whatever the ISA's shuffles. */
PD_INLINE real vsum(vreal v) {
    if (VL > 8) v += PD_SWAP(v, 8);
    if (VL > 4) v += PD_SWAP(v, 4);
    if (VL > 2) v += PD_SWAP(v, 2);
    v += PD_SWAP(v, 1);
    return v[0];
}
PD_INLINE real vmaximum(vreal v) {
    if (VL > 8) v = vmax(v, PD_SWAP(v, 8));
    if (VL > 4) v = vmax(v, PD_SWAP(v, 4));
    if (VL > 2) v = vmax(v, PD_SWAP(v, 2));
    v = vmax(v, PD_SWAP(v, 1));
    return v[0];
}
PD_INLINE int vany(vint mask) {
    ireal any = 0;
    for (int i = 0; i < VL; i++) any |= mask[i];
    return any != 0;
}

#endif
