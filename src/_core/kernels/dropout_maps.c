/* Dropout of whole columns of a sample's rows, forward and backward: y = x / (1 - rate) where column j of sample s is
 * kept, else 0.  x y [B][O], L rows per sample; y may be x. As in dropout.c a random word decides, here that of element
 * s * O + j. Dropped NaNs are 0. */
#include "kernel.h"
#include "../rng.h"

PD_KERNEL(dropout_maps) {
    PD_ARGS(dropout_maps);
    const ptrdiff_t O = a->O, L = pd_sample(a->L);
    const double range = 4294967296.0, dropped = a->rate * range + 0.5;
    const uint32_t threshold = dropped < range ? (uint32_t)dropped : UINT32_MAX;
    const vreal scale = vset(a->rate < 1 ? (real)(1 / (1 - a->rate)) : 0);
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    uint32_t words[PD_RANDOM_GROUP];
    ireal kept[PD_RANDOM_GROUP + VL] = {0}; /* masks; the last vector may begin at any of them */
    for (ptrdiff_t s = lo; s < hi; s++)
        for (ptrdiff_t j = 0, n; j < O; j += n) { /* n columns whose words are of one group */
            const ptrdiff_t skip = (s * O + j) % PD_RANDOM_GROUP, room = PD_RANDOM_GROUP - skip;
            n = O - j < room ? O - j : room;
            pd_random(words, (uint64_t)(s * O + j - skip), a->seed ? (uint64_t)a->seed : step->seed,
                      (uint32_t)a->stream, step->count);
            for (int k = 0; k < PD_RANDOM_GROUP; k++) kept[k] = words[k] >= threshold ? -1 : 0;
            for (ptrdiff_t r = s * L; r < (s + 1) * L; r++)
                PD_FOR_VECTORS (i, m, 0, n) {
                    vint mask;
                    memcpy(&mask, kept + skip + i, sizeof mask);
                    const ptrdiff_t at = r * O + j + i;
                    vstore_m((real *)a->y + at, vand(mask, vload_m((const real *)a->x + at, m) * scale), m);
                }
        }
}
