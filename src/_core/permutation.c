/* permutation.c: a random order of rows: the "inside-out" form of Fisher and Yates, each place drawn without bias by one
 * multiplication (Lemire, "Fast random integer generation in an interval", 2019) from a word of SplitMix64 (Steele, Lea,
 * Flood 2014). The same on every platform. Bound: one random access and three multiplications per row. */
#include "pd.h"

__extension__ typedef unsigned __int128 product;

static uint64_t word(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A number below bound. Of the 2^64 words, 2^64 mod bound are one too many: they are drawn again. */
static uint64_t below(uint64_t bound, uint64_t *state) {
    product p = (product)word(state) * bound;
    if ((uint64_t)p < bound)
        for (const uint64_t many = -bound % bound; (uint64_t)p < many;) p = (product)word(state) * bound;
    return (uint64_t)(p >> 64);
}

void pd_permutation(int64_t *order, ptrdiff_t n, uint64_t seed) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t j = below((uint64_t)i + 1, &seed); /* of the places so far, this one included */
        order[i] = order[j];
        order[j] = i;
    }
}
