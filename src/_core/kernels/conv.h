/* conv.h: what the convolution kernels share: where windows lie, the images they read, the walk over register tiles.
 *
 * A convolution is a product whose rows of x overlap: a row is a window, which the tile of gemm.h reads as `runs` of
 * neighbouring channels. No window is ever copied. Where windows reach beyond an image, a block of images, or of rows
 * of one, is copied with zeros around it into the thread's scratch. An output's terms are added up in the order of
 * w's rows (taps, then channels), whatever the block. */
#ifndef PD_CONV_H
#define PD_CONV_H

#include "blocking.h"

/* Windows along an axis: the t-th reads positions first + t * stride + tap * step, for tap < taps. */
typedef struct {
    ptrdiff_t n, first, stride, taps, step;
} conv_axis;

PD_INLINE ptrdiff_t conv_reach(const conv_axis *a) { return (a->taps - 1) * a->step + 1; }

/* Images that windows read, and how much of them at a time. */
typedef struct {
    const real *x; /* [image][H][W][C] */
    ptrdiff_t H, W, C;
    conv_axis rows;        /* of windows; those of several kinds lie side by side, `taps` are the most of them */
    ptrdiff_t column, end; /* columns [column, end) are read */
    real *pad;
    ptrdiff_t images, block; /* at a time: so many images, or so many rows of windows of one */
} conv_input;

/* A block: pixel (row, column) of its i-th image is at x + i * image + row * ld + column * C. */
typedef struct {
    const real *x;
    ptrdiff_t image, ld;
} conv_block;

/* Sets images and block. */
void PD_NAME(conv_plan)(conv_input *in);
/* What rows [t0, t1) of windows of some images from n on read. */
conv_block PD_NAME(conv_read)(const conv_input *in, ptrdiff_t n, ptrdiff_t images, ptrdiff_t t0, ptrdiff_t t1);

/* y(i, j) = b + sum over taps (u, v) and channels of x(rows (i, u), columns (j, v)) w(u, v), for each of G groups */
typedef struct {
    conv_axis rows, columns;
    ptrdiff_t C, O, G;   /* channels in and out, of all groups */
    const real *w, *b;   /* panels [G][..][taps * C / G][width]; b padded, or NULL */
    real *y;             /* of window (0, 0) of image 0 */
    ptrdiff_t image, row, column; /* from one image, row, column of windows to the next in y */
    int add;                      /* y holds something to add to */
} conv_product;
/* Rows [t0, t1) of windows of some images from n on. */
void PD_NAME(conv_walk)(const conv_product *q, const pd_caches *caches, const conv_block *in, ptrdiff_t n,
                        ptrdiff_t images, ptrdiff_t t0, ptrdiff_t t1);

#endif
