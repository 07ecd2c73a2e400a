/* rng.h: random words that depend on nothing but where they are used: Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the constants are theirs).
 *
 * Element i of a draw gets word i % 4 of the block whose counter is (i / 4, stream, count) under key seed: no state, so
 * any slice, thread or pass draws the same words again. A draw has at most 2^34 elements; `stream` tells draws of one
 * step apart, `count` tells steps apart.
 */
#ifndef PD_RNG_H
#define PD_RNG_H

#include <stdint.h>
#include <string.h>

/* One block per 64-bit lane: vectors in a kernel, which includes vec.h first, single numbers elsewhere. Only the low
 * half of a lane counts; nothing below moves the high half into it. */
#ifdef PD_VEC_H
typedef vlong pd_lanes;
#define PD_PRODUCT(lanes, constant) vmul_low(lanes, (vlong){0} + (constant))
#else
typedef uint64_t pd_lanes;
#define PD_PRODUCT(lanes, constant) ((lanes & 0xFFFFFFFFu) * (constant))
#endif

enum { PD_RANDOM_GROUP = 64, PD_RANDOM_BLOCKS = PD_RANDOM_GROUP / 4 }; /* elements, and blocks, drawn by one call */

/* The words of elements first .. first + 63; first must be a multiple of 64. */
static inline void pd_random(uint32_t words[PD_RANDOM_GROUP], uint64_t first, uint64_t seed, uint32_t stream,
                             uint64_t count) {
    uint64_t blocks[4][PD_RANDOM_BLOCKS];
    for (int j = 0; j < PD_RANDOM_BLOCKS; j++) blocks[0][j] = first / 4 + (uint64_t)j;
    for (int j = 0; j < PD_RANDOM_BLOCKS; j += (int)(sizeof(pd_lanes) / 8)) {
        const pd_lanes zero = {0};
        pd_lanes c0, c1 = zero + stream, c2 = zero + count, c3 = zero + (count >> 32);
        uint64_t k0 = seed & 0xFFFFFFFFu, k1 = seed >> 32;
        memcpy(&c0, &blocks[0][j], sizeof c0);
        for (int round = 0; round < 10; round++) {
            const pd_lanes p0 = PD_PRODUCT(c0, 0xD2511F53u), p1 = PD_PRODUCT(c2, 0xCD9E8D57u);
            c0 = p1 >> 32 ^ c1 ^ k0;
            c1 = p1;
            c2 = p0 >> 32 ^ c3 ^ k1;
            c3 = p0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        memcpy(&blocks[0][j], &c0, sizeof c0);
        memcpy(&blocks[1][j], &c1, sizeof c1);
        memcpy(&blocks[2][j], &c2, sizeof c2);
        memcpy(&blocks[3][j], &c3, sizeof c3);
    }
    for (int j = 0; j < PD_RANDOM_BLOCKS; j++)
        for (int k = 0; k < 4; k++) words[4 * j + k] = (uint32_t)blocks[k][j];
}

#endif
