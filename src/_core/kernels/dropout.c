/* Dropout, forward and backward: y = x / (1 - rate) where element i is kept, else 0.  x y [B][O]; y may be x;
 * overwrites. Element i of the whole batch is dropped when its random word (rng.h) is below rate * 2^32, so the
 * backward pass finds the same elements again without a stored mask. Dropped NaNs are 0. */
#include "kernel.h"
#include "../rng.h"

PD_KERNEL(dropout) {
    PD_ARGS(dropout);
    const real *x = a->x;
    real *y = a->y;
    const double range = 4294967296.0, dropped = a->rate * range + 0.5;
    const uint32_t threshold = dropped < range ? (uint32_t)dropped : UINT32_MAX;
    const vreal scale = vset(a->rate < 1 ? (real)(1 / (1 - a->rate)) : 0);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    lo *= a->O;
    hi *= a->O;
    uint32_t words[PD_RANDOM_GROUP];
    ireal kept[PD_RANDOM_GROUP + VL] = {0}; /* masks; the last vector may begin at any of them */
    for (ptrdiff_t first = lo - lo % PD_RANDOM_GROUP; first < hi; first += PD_RANDOM_GROUP) {
        const ptrdiff_t begin = first < lo ? lo : first, next = first + PD_RANDOM_GROUP, end = next < hi ? next : hi;
        pd_random(words, (uint64_t)first, a->seed ? (uint64_t)a->seed : step->seed, (uint32_t)a->stream, step->count);
        for (int k = 0; k < PD_RANDOM_GROUP; k++) kept[k] = words[k] >= threshold ? -1 : 0;
        PD_FOR_VECTORS (i, m, begin, end) {
            vint mask;
            memcpy(&mask, kept + (i - first), sizeof mask);
            vstore_m(y + i, vand(mask, vload_m(x + i, m) * scale), m);
        }
    }
}
