/* image.h: what kernels of augmentation share: the numbers that they draw for images. */
#ifndef PD_IMAGE_H
#define PD_IMAGE_H

#include "kernel.h"
#include "../rng.h"

typedef struct {
    uint32_t words[PD_RANDOM_GROUP];
    ptrdiff_t first; /* the element that words begin with, -1: none are drawn yet */
    uint64_t seed, count;
    uint32_t stream;
} image_draw;

/* The draw of a record with these fields; seed 0 stands for the step's. */
PD_INLINE image_draw image_draw_of(ptrdiff_t seed, ptrdiff_t stream, const pd_step *step) {
    return (image_draw){
        .first = -1, .seed = seed ? (uint64_t)seed : step->seed, .count = step->count, .stream = (uint32_t)stream};
}

/* Number i of it, spread evenly over [0, 1). */
PD_INLINE double image_number(image_draw *d, ptrdiff_t i) {
    const ptrdiff_t first = i - i % PD_RANDOM_GROUP;
    if (first != d->first) {
        d->first = first;
        pd_random(d->words, (uint64_t)first, d->seed, d->stream, d->count);
    }
    return d->words[i - first] * 0x1p-32;
}

#endif
