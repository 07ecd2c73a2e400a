/* Contrast and brightness of images, one number u of the draw for each, spread over [lo, hi), limited to [low, high]:
 *   image_contrast    y = (x - mean) u + mean, mean that of the image's channel, summed in double
 *   image_brightness  y = x + u (high - low)
 *   x y [B][O], O = pixels * C; y may be x; overwrites.   means [16 * C] scratch
 * |err| <= 4 eps (|x| + |y|). */
#include "image.h"
#include "reduce.h"

enum { REPEATS = 16 }; /* the means stand side by side so often: as many as the longest vector has lanes */

/* The means of the channels of n pixels, again and again. */
static void channel_means(real *means, const real *x, ptrdiff_t n, ptrdiff_t C) {
    PD_FOR_VECTORS (c, m, 0, C) {
        vwide sum = {0};
        for (ptrdiff_t p = 0; p < n; p++) vwide_add(&sum, vload_m(x + p * C + c, m));
        vstore_m(means + c, vwide_mean(sum, (double)n), m);
    }
    for (ptrdiff_t k = C; k < REPEATS * C; k++) means[k] = means[k - C];
}

PD_KERNEL(image_contrast) {
    PD_ARGS(image_tone);
    const ptrdiff_t O = a->O, C = a->C;
    const real low = (real)a->low, high = (real)a->high;
    real *means = (real *)a->means + step->thread * a->means_stride;
    image_draw draw = image_draw_of(a->seed, a->stream, step);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const real *x = (const real *)a->x + b * O;
        real *y = (real *)a->y + b * O;
        const vreal factor = vset((real)(a->lo + image_number(&draw, b) * (a->hi - a->lo)));
        channel_means(means, x, O / C, C);
        for (ptrdiff_t first = 0; first < O; first += REPEATS * C) {
            const ptrdiff_t end = O - first < REPEATS * C ? O : first + REPEATS * C;
            PD_FOR_VECTORS (e, m, first, end) {
                const vreal mean = vload_m(means + (e - first), m);
                vstore_m(y + e, vclamp((vload_m(x + e, m) - mean) * factor + mean, low, high), m);
            }
        }
    }
}

PD_KERNEL(image_brightness) {
    PD_ARGS(image_tone);
    const ptrdiff_t O = a->O;
    const real low = (real)a->low, high = (real)a->high;
    image_draw draw = image_draw_of(a->seed, a->stream, step);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const double u = a->lo + image_number(&draw, b) * (a->hi - a->lo);
        const vreal more = vset((real)(u * (a->high - a->low)));
        PD_FOR_VECTORS (e, m, b * O, (b + 1) * O)
            vstore_m((real *)a->y + e, vclamp(vload_m((const real *)a->x + e, m) + more, low, high), m);
    }
}
