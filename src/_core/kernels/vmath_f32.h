/* vmath_f32.h: the float32 constants of vmath.h; the double ones are in vmath_f64.h under the same names.
 *
 * Each polynomial interpolates its function at the Chebyshev nodes of the range, in 60 digits, before it is rounded;
 * the error stated is that of the rounded coefficients, relative to what the function computes in the end. */
#define V_LN2_HI 0.693145751953125f /* 16 bits, so that a whole exponent times it is exact */
#define V_LN2_LO 1.42860677e-06f
#define V_EXP_MIN -87.5f /* rounds to 2^-126, whose half flushes to zero */
#define V_EXP_MAX 89.0f  /* rounds to 2^128, and overflows */
#define V_HEAD 12        /* low bits to clear so that a square is exact */

/* 2 (e^r - 1 - r) / r^2 in r, |r| <= 0.39: 2.4e-8 */
static const real v_exp_q[] = {1.0f, 0.333330452f, 0.0833329707f, 0.0167422723f, 0.00278722448f};

/* (log((1+s)/(1-s)) / s - 2) / s^2 in s^2, |s| <= 3 - 2 sqrt(2): 2.6e-9 */
static const real v_log_r[] = {0.666666865f, 0.3998878f, 0.295799494f};

/* (a + K) e^(a^2/2) Phi(-a) in t = (a - K) / (a + K), 0 <= a <= 13.3: 3.0e-8 */
#define V_NORMAL_K 4.0f
static const real v_normal_q[] = {0.755285144f,    -0.607896626f,   0.387136698f,   -0.186522201f,   0.0604068488f,
                                  -0.00753252115f, -0.00352976029f, 0.00157770922f, 0.000211579289f, -0.000115843635f};

/* erf(x) / x - 1 in x^2, |x| <= 1: 5.5e-8 */
static const real v_erf_p[] = {0.128379121f,   -0.376123428f,  0.112803169f,
                               -0.0267150551f, 0.00492176181f, -0.000564805989f};
