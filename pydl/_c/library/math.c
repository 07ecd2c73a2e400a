/* exp, log and their kin as pydl's kernels compute them (src/_core/kernels/vmath.h), one number at a time: the same
 * operations in the same order, with every fused multiply-add written out, hence the same bits. Polynomials and
 * constants, which depend on the dtype, are made by constants.py. */

static inline real pd_of_bits(word bits) {
    real x;
    (void)memcpy(&x, &bits, sizeof x);
    return x;
}

static inline word pd_bits(real x) {
    word bits;
    (void)memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline real pd_abs(real x) { return pd_of_bits(pd_bits(x) & ~pd_SIGN); }

static inline real pd_copysign(real size, real sign) {
    return pd_of_bits((pd_bits(size) & ~pd_SIGN) | (pd_bits(sign) & pd_SIGN));
}

/* A limit that is not NaN; a NaN stays one. */
static inline real pd_atleast(real x, real lo) { return (x < lo) ? lo : x; }

static inline real pd_atmost(real x, real hi) { return (x > hi) ? hi : x; }

static inline real pd_clamp(real x, real lo, real hi) { return pd_atmost(pd_atleast(x, lo), hi); }

/* The larger of two numbers; the first NaN, where there is one. */
static inline real pd_larger(real x1, real x2) {
    const real y = (x2 <= x1) ? x1 : x2;
    return (x1 != x1) ? x1 : y;
}

/* x = n log(2) + r, |r| <= log(2) / 2: gives r and 2^(n - 1). */
static inline real pd_reduced(real x, real *half) {
    const real c = pd_clamp(x, pd_EXP_MIN, pd_EXP_MAX);
    const real biased = FMA(c, pd_LOG2E, pd_EXP_MAGIC);
    const real n = biased - pd_EXP_MAGIC;
    *half = pd_of_bits(pd_bits(biased) << pd_FRACTION);
    return FMA(-n, pd_LN2_LO, FMA(-n, pd_LN2_HI, c));
}

/* 2 e^r */
static inline real pd_exp_twice(real r) { return FMA(r, FMA(r, pd_exp_q(r), R(2.0)), R(2.0)); }

static inline real pd_exp(real x) {
    real half;
    const real r = pd_reduced(x, &half);
    return pd_exp_twice(r) * half;
}

static inline real pd_expm1(real x) {
    real half;
    const real r = pd_reduced(x, &half);
    const real q = FMA(r * R(0.5) * r, pd_exp_q(r), r);
    const real y = FMA(half, q, half - R(0.5));
    return (pd_abs(x) < pd_TINY) ? x : (y + y);
}

static inline real pd_tanh(real x) {
    const real e = pd_expm1(pd_abs(x) * R(-2.0));
    return pd_copysign(e / (e + R(2.0)), x);
}

/* The product of exp and the sum are one multiply-add. */
static inline real pd_sigmoid(real x) {
    real half;
    const real r = pd_reduced(-x, &half);
    return R(1.0) / FMA(pd_exp_twice(r), half, R(1.0));
}

/* log(1 + x), x > -1. Of the sums of two products the kernels' compiler, GCC, rounds the second one first. */
static inline real pd_log1p(real x) {
    const real u = x + R(1.0);
    const real v = u - R(1.0);
    const word shifted = pd_bits(u) + (pd_ONE - pd_ROOT);
    const word expo = shifted & ~pd_FRACTIONS;
    const real m = pd_of_bits((shifted & pd_FRACTIONS) + pd_ROOT);
    const real c = ((R(1.0) - (u - v)) + (x - v)) * pd_of_bits(pd_ONE - (expo - pd_ONE));
    const real f = (m - R(1.0)) + ((x < pd_LOG1P_HUGE) ? c : R(0.0));
    const real k = pd_of_bits((expo >> pd_FRACTION) + pd_bits(pd_MAGIC)) - (pd_MAGIC + pd_BIAS);
    const real s = f / (f + R(2.0));
    const real z = s * s;
    const real ff = f * f;
    const real tail = FMA(k, pd_LN2_LO, s * FMA(ff, R(0.5), z * pd_log_r(z)));
    const real y = FMA(k, pd_LN2_HI, f - ((ff * R(0.5)) - tail));
    return pd_copysign((u < pd_INFINITY) ? y : u, x);
}

/* The normal distribution function. */
static inline real pd_normal(real x) {
    real half;
    const real a = pd_atmost(pd_abs(x), R(40.0));
    const real head = pd_of_bits(pd_bits(a) & ~pd_HEAD);
    const real inv = R(1.0) / (a + pd_NORMAL_K);
    const real r = FMA(-(R(0.5) * (a - head)), a + head, pd_reduced(R(-0.5) * head * head, &half));
    const real bell = pd_exp_twice(r) * half;
    const real tail = bell * (inv * pd_normal_q(FMA(R(2.0) * a, inv, R(-1.0))));
    return (x < R(0.0)) ? tail : (R(1.0) - tail);
}
