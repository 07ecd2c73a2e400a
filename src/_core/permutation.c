/* permutation.c: seeds and orders of rows, the same on every platform. Seeds are the words of SplitMix64 (Steele, Lea,
 * Flood 2014), which has no state but a counter. An order is drawn by the "inside-out" form of Fisher and Yates, each place
 * from a word by one multiplication, without bias (Lemire, "Fast random integer generation in an interval", 2019).
 * Bound: one random access and four multiplications per row. */
#include "pd.h"

__extension__ typedef unsigned __int128 product;

uint64_t pd_derived(uint64_t seed, uint64_t number) {
    uint64_t z = seed + number * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A number below bound. Of the 2^64 words, 2^64 mod bound are one too many: they are drawn again. */
static uint64_t below(uint64_t bound, uint64_t seed, uint64_t *drawn) {
    product p = (product)pd_derived(seed, ++*drawn) * bound;
    if ((uint64_t)p < bound)
        for (const uint64_t many = -bound % bound; (uint64_t)p < many;) p = (product)pd_derived(seed, ++*drawn) * bound;
    return (uint64_t)(p >> 64);
}

void pd_permutation(int64_t *order, ptrdiff_t n, uint64_t seed) {
    uint64_t drawn = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t j = below((uint64_t)i + 1, seed, &drawn); /* of the places so far, this one included */
        order[i] = order[j];
        order[j] = i;
    }
}
