/* vmath.h: exp, log and their kin for vreal.
 *
 * Written once for both dtypes and every ISA; the constants that differ are in vmath_f32.h and vmath_f64.h. All are
 * branch-free. NaN gives NaN, infinities and zeros give their limits with the right sign. The ULP bounds stated are
 * the largest seen by tests/core/test_vmath.py over dense grids, rounded up; they hold with and without FMA, so no step
 * relies on a contraction, and none is harmed by one.
 */
#ifndef PD_VMATH_H
#define PD_VMATH_H

#include "vec.h"
#ifdef PD_F64
#include "vmath_f64.h"
#else
#include "vmath_f32.h"
#endif

#define V_LOG2E PD_R(1.4426950408889634)
#define V_SQRT2 PD_R(1.4142135623730951)
/* A sum with it leaves an integer in the low bits of the result, as the 1.5 keeps the exponent fixed. */
#define V_MAGIC (PD_R(1.5) * (real)((int64_t)1 << V_FRACTION))
#define V_TINY (PD_R(0.5) / (real)((int64_t)1 << V_FRACTION)) /* half an ulp of 1 */
#define V_INF ((real)__builtin_inf())

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
#define vpoly(x, c) vhorner(x, c, (int)(sizeof(c) / sizeof(*(c))))
PD_INLINE vreal vhorner(vreal x, const real *c, int n) {
    vreal p = vset(c[n - 1]);
#pragma GCC unroll 32
    for (int i = n - 2; i >= 0; i--) p = vfma(p, x, vset(c[i]));
    return p;
}

/* x - d = n log(2) + r with |r| <= log(2)/2 + |d|. Gives r and half = 2^(n-1), the half so that n may reach the
 * overflow threshold; at the low end it is zero. The exponent bias rides in the magic number. */
PD_INLINE vreal vexp_reduce(vreal x, vreal d, vreal *half) {
    const vreal magic = vset(V_MAGIC + (V_BIAS - 1));
    x = vclamp(x, V_EXP_MIN, V_EXP_MAX);
    const vreal biased = x * vset(V_LOG2E) + magic, n = biased - magic;
    *half = (vreal)((vint)biased << V_FRACTION);
    return ((x - n * vset(V_LN2_HI)) - n * vset(V_LN2_LO)) - d;
}

/* e^(x - d) for a small d >= 0 (0.04 in float32, 2e-5 in double), the rounding error of an x computed before. */
PD_INLINE vreal vexp_minus(vreal x, vreal d) {
    vreal half;
    const vreal r = vexp_reduce(x, d, &half), two = vset(2);
    return vfma(r, vfma(r, vpoly(r, v_exp_q), two), two) * half;
}

/* e^x: 2 ulp. Results below 2^-125.5 (double: 2^-1021.5) flush to zero; those above the largest number are inf. */
PD_INLINE vreal vexp(vreal x) { return vexp_minus(x, (vreal){0}); }

/* e^x - 1: 3 ulp (about x = 0.35 the errors of q count twice in 2 q + 1, which is hardly larger than q), else 2 */
PD_INLINE vreal vexpm1(vreal x) {
    vreal half;
    const vreal r = vexp_reduce(x, (vreal){0}, &half);
    const vreal q = vfma(r * vset(PD_R(0.5)) * r, vpoly(r, v_exp_q), r); /* e^r - 1 */
    const vreal y = vfma(half, q, half - vset(PD_R(0.5)));
    return vsel((vint)(vabs(x) < vset(V_TINY)), x, y + y);
}

/* u = 2^k m with m in [sqrt(1/2), sqrt(2)), for u normal; expo holds k + bias in the exponent field. */
PD_INLINE vreal vfrexp(vreal u, vint *expo) {
    const vint one = (vint)vset(1), root = (vint)vset(PD_R(0.5) * V_SQRT2);
    const vint bits = (vint)((vuint)u + (vuint)(one - root)), fraction = viset(((ireal)1 << V_FRACTION) - 1);
    *expo = bits & ~fraction;
    return (vreal)((bits & fraction) + root);
}

/* k log(2) + log(1 + f) for the biased exponent of vfrexp, lowered by drop, and sqrt(1/2) <= 1 + f <= sqrt(2).
 * With s = f / (2 + f): log(1 + f) = 2 s + s^3 R(s^2) = f - (f^2/2 - s (f^2/2 + s^2 R)), where f is exact. */
PD_INLINE vreal vlog_sum(vreal f, vint expo, vreal drop) {
    const vreal magic = vset(V_MAGIC);
    const vreal k = (vreal)(vshr(expo, V_FRACTION) + (vint)magic) - (magic + drop);
    const vreal s = f / (f + vset(2)), z = s * s, h = f * f * vset(PD_R(0.5));
    const vreal tail = vfma(s, vfma(z, vpoly(z, v_log_r), h), k * vset(V_LN2_LO));
    return vfma(k, vset(V_LN2_HI), f - (h - tail));
}

/* What log and log1p are at and beyond the ends of their domain: u = 0, u < 0, inf, NaN. */
PD_INLINE vreal vlog_ends(vreal u, vreal y) {
    y = vsel((vint)(u < vset(V_INF)), y, u);
    y = vsel((vint)(u == 0), vset(-V_INF), y);
    return vsel((vint)(u < 0), vset((real)__builtin_nan("")), y);
}

/* log(x): 1 ulp, denormals included */
PD_INLINE vreal vlog(vreal x) {
    const real shift = V_FRACTION + 1;
    const vint low = (vint)(x < vpow2(viset(1 - V_BIAS)));
    vint expo;
    const vreal m = vfrexp(vsel(low, x * vpow2(viset(V_FRACTION + 1)), x), &expo);
    return vlog_ends(x, vlog_sum(m - 1, expo, vset(V_BIAS) + vand(low, vset(shift))));
}

/* log(1 + x): 2 ulp. The rounding error c of u = 1 + x joins m - 1, scaled alike; a huge u needs none. */
PD_INLINE vreal vlog1p(vreal x) {
    const vreal u = x + 1, v = u - 1;
    vint expo;
    const vreal m = vfrexp(u, &expo);
    const vint one = (vint)vset(1), small = (vint)(x < vset((real)((int64_t)1 << (V_FRACTION + 2))));
    const vreal c = ((1 - (u - v)) + (x - v)) * (vreal)(one - (expo - one)); /* times 2^-k */
    return vcopysign(vlog_ends(u, vlog_sum(m - 1 + vand(small, c), expo, vset(V_BIAS))), x);
}

/* tanh(x) = -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x: 3 ulp (just below 1, where an ulp is half of one
 * of the denominator's), else 2 */
PD_INLINE vreal vtanh(vreal x) {
    const vreal e = vexpm1(vabs(x) * -2);
    return vcopysign(e / (e + 2), x);
}

/* 1 / (1 + e^-x): 3 ulp (two roundings after those of exp). Where e^-x overflows the result flushes to zero. */
PD_INLINE vreal vsigmoid(vreal x) { return 1 / (1 + vexp(-x)); }

/* The same (4 ulp) and its slope, which is as accurate where the sigmoid is next to 1. */
PD_INLINE vreal vsigmoid_slope(vreal x, vreal *slope) {
    const vreal e = vexp(-vabs(x)), near = 1 / (1 + e), far = e * near;
    *slope = near * far;
    return vsel((vint)(x < 0), far, near);
}

/* Phi(x), the standard normal distribution function, and *bell = e^(-x^2/2): 5 ulp, in the lower tail too (the worst is
 * just below 1/2, where an ulp is half of what it is above).
 * Phi(-a) = e^(-a^2/2) Q(t) / (a + K) with t = (a - K) / (a + K), the substitution of Shepherd and Laframboise (1981).
 * a^2/2 is split in an exact head and a rest, else its rounding would cost a^2/2 ulp in the tail. */
PD_INLINE vreal vnormal(vreal x, vreal *bell) {
    const vreal a = vatmost(vabs(x), 40), head = (vreal)((vint)a & viset(-((ireal)1 << V_HEAD)));
    const vreal half = vset(PD_R(0.5)), inv = 1 / (a + vset(V_NORMAL_K));
    *bell = vexp_minus(-half * head * head, half * (a - head) * (a + head));
    const vreal tail = *bell * (inv * vpoly(2 * a * inv - 1, v_normal_q));
    return vsel((vint)(x < 0), tail, 1 - tail);
}

/* erf(x): 2 ulp. A polynomial up to 1, beyond it 1 - 2 Phi(-sqrt(2) |x|). */
PD_INLINE vreal verf(vreal x) {
    vreal bell;
    const vreal far = 1 - 2 * vnormal(vabs(x) * -V_SQRT2, &bell);
    return vsel((vint)(vabs(x) < 1), vfma(x, vpoly(x * x, v_erf_p), x), vcopysign(far, x));
}

#endif
