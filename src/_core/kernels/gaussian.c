/* Gaussian noise: y = x + std z or, where `factor`, y = x (1 + std z), z standard normal; of the latter, the backward
 * pass is the same with dy for x.  x y [B][O]; y may be x; overwrites.
 *
 * Box and Muller (1958): in each group of 64 elements of the whole batch, elements k and k + 32 are r cos(t) and
 * r sin(t), r = sqrt(-2 log(u)), of words k and k + 32 (rng.h): u is the upper 24 bits of the first one, plus one,
 * times 2^-24; of the second, the upper 2 bits are a quadrant and the next 24 a place in it. All of that is exact in
 * float, so z is the same in float and double up to rounding. |z| <= 5.77. Error: 8 eps (1 + |z|) of z. */
#include "kernel.h"
#include "vmath.h"
#include "../rng.h"

enum { HALF = PD_RANDOM_GROUP / 2 };

/* Taylor series in t^2 of sin(t) / t and cos(t), which for |t| <= pi / 4 leave 1e-19. */
static const real SIN[] = {PD_R(1.0),
                           PD_R(-1.6666666666666667e-01),
                           PD_R(8.3333333333333333e-03),
                           PD_R(-1.9841269841269841e-04),
                           PD_R(2.7557319223985891e-06),
                           PD_R(-2.5052108385441719e-08),
                           PD_R(1.6059043836821615e-10),
                           PD_R(-7.6471637318198165e-13),
                           PD_R(2.8114572543455208e-15)};
static const real COS[] = {PD_R(1.0),
                           PD_R(-0.5),
                           PD_R(4.1666666666666667e-02),
                           PD_R(-1.3888888888888889e-03),
                           PD_R(2.4801587301587302e-05),
                           PD_R(-2.7557319223985891e-07),
                           PD_R(2.0876756987868099e-09),
                           PD_R(-1.1470745597729725e-11),
                           PD_R(4.7794773323873853e-14)};

/* 64 standard normal numbers of as many words */
static void normals(real z[PD_RANDOM_GROUP], const uint32_t words[PD_RANDOM_GROUP]) {
    real u[HALF], angle[HALF], cos_sign[HALF], sin_sign[HALF];
    ireal turned[HALF];
    for (int k = 0; k < HALF; k++) {
        const uint32_t w = words[k + HALF];
        const int32_t quadrant = (int32_t)(w >> 30), place = (int32_t)((w >> 6) & 0xFFFFFF);
        u[k] = (real)(int32_t)((words[k] >> 8) + 1) * PD_R(0x1p-24);
        angle[k] = (real)(2 * place + 1 - (1 << 24)) * (PD_R(0x1p-25) * PD_R(1.5707963267948966));
        turned[k] = quadrant & 1 ? -1 : 0;
        cos_sign[k] = (quadrant + 1) & 2 ? -1 : 1;
        sin_sign[k] = quadrant & 2 ? -1 : 1;
    }
    for (int k = 0; k < HALF; k += VL) {
        const vreal t = vload(angle + k), t2 = t * t, r = vsqrt(vlog(vload(u + k)) * -2);
        const vreal s = vpoly(t2, SIN) * t, c = vpoly(t2, COS);
        vint odd;
        memcpy(&odd, turned + k, sizeof odd);
        vstore(z + k, r * vsel(odd, s, c) * vload(cos_sign + k));
        vstore(z + HALF + k, r * vsel(odd, c, s) * vload(sin_sign + k));
    }
}

PD_KERNEL(gaussian) {
    PD_ARGS(gaussian);
    const real *x = a->x;
    real *y = a->y;
    const vreal std = vset((real)a->std);
    const uint64_t seed = a->seed ? (uint64_t)a->seed : step->seed;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    lo *= a->O;
    hi *= a->O;
    uint32_t words[PD_RANDOM_GROUP];
    real z[PD_RANDOM_GROUP + VL] = {0}; /* the last vector may begin at any of them */
    for (ptrdiff_t first = lo - lo % PD_RANDOM_GROUP; first < hi; first += PD_RANDOM_GROUP) {
        const ptrdiff_t begin = first < lo ? lo : first, next = first + PD_RANDOM_GROUP, end = next < hi ? next : hi;
        pd_random(words, (uint64_t)first, seed, (uint32_t)a->stream, step->count);
        normals(z, words);
        PD_FOR_VECTORS (i, m, begin, end) {
            const vreal v = vload_m(x + i, m), noise = vload(z + (i - first)) * std;
            vstore_m(y + i, a->factor ? v * (1 + noise) : v + noise, m);
        }
    }
}
