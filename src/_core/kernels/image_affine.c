/* Images turned, shifted or zoomed: y[i][j] = the pixel of x at row v and column u, affine functions of i and j. And
 * the gradient: each dy goes back to the pixels that it came from, with the same weights.
 *   x y, or dy dx [B][H][W][C]; overwrites; y must not be x.
 * An image has two numbers s and t of the draw, in [lo, hi) and [lo2, hi2):
 *   kind 0  shifted:  u = j - t W, v = i - s H                    1  turned about its centre by s turns
 *        2  zoomed about its centre:  u = (1 + t) j + .., v = (1 + s) i + ..; `same`: t is s
 * Between pixels: the four around, linearly, or the nearest. Outside of the image: mode 0 `fill`, 1 the nearest pixel,
 * 2 the image mirrored at its edge (d c b a | a b c d), 3 repeated (a b c d | a b c d).
 * u and v are computed in double; |err| <= (4 |x| + slope * (H + W)) eps. */
#include "image.h"

enum { SHIFT, TURN, ZOOM };
enum { FILL, EDGE, MIRROR, REPEAT };

/* u = j u_j + i u_i + u_0, v likewise */
typedef struct {
    double u_j, u_i, u_0, v_j, v_i, v_0;
} affine_map;

/* Cosine and sine of a part of a turn in [-1, 1]; quarters are exact. Taylor series leave 1e-19 up to pi / 4. */
static void turned(double part, double *cosine, double *sine) {
    const int quarter = (int)(4 * part + 8.5) - 8;
    const double r = (part - quarter * 0.25) * 6.283185307179586, r2 = r * r;
    double c = 0, s = 0;
    for (int k = 18; k >= 2; k -= 2) {
        c = (1 + c) * (-r2 / (k * (k - 1)));
        s = (1 + s) * (-r2 / (k * (k + 1)));
    }
    c = 1 + c, s = (1 + s) * r;
    switch (quarter & 3) {
    case 0: *cosine = c, *sine = s; break;
    case 1: *cosine = -s, *sine = c; break;
    case 2: *cosine = -c, *sine = -s; break;
    default: *cosine = s, *sine = -c; break;
    }
}

static affine_map map_of(const pd_image_affine_args *a, image_draw *draw, ptrdiff_t b) {
    const double H = (double)a->H, W = (double)a->W, middle_v = (H - 1) / 2, middle_u = (W - 1) / 2;
    const double s = a->lo + image_number(draw, 2 * b) * (a->hi - a->lo);
    const double t = a->same ? s : a->lo2 + image_number(draw, 2 * b + 1) * (a->hi2 - a->lo2);
    if (a->kind == SHIFT) return (affine_map){1, 0, -t * W, 0, 1, -s * H};
    if (a->kind == ZOOM) return (affine_map){1 + t, 0, -t * middle_u, 0, 1 + s, -s * middle_v};
    double c, d;
    turned(s, &c, &d);
    return (affine_map){c, -d, middle_u - c * middle_u + d * middle_v, d, c, middle_v - d * middle_u - c * middle_v};
}

PD_INLINE ptrdiff_t floored(double v) {
    const ptrdiff_t i = (ptrdiff_t)v;
    return i - (v < (double)i);
}

/* The pixel that stands at place i of n, -1: none */
static ptrdiff_t standing(ptrdiff_t i, ptrdiff_t n, ptrdiff_t mode) {
    if (i >= 0 && i < n) return i;
    if (mode == FILL) return -1;
    if (mode == EDGE) return i < 0 ? 0 : n - 1;
    const ptrdiff_t period = mode == MIRROR ? 2 * n : n, k = (i % period + period) % period;
    return k < n ? k : 2 * n - 1 - k;
}

/* The four pixels between which a value lies (or one, four times), as offsets, -1: none; and their weights. */
typedef struct {
    ptrdiff_t at[4];
    real weight[4];
} around;

static around around_edge(const pd_image_affine_args *a, ptrdiff_t v, ptrdiff_t u, const real weight[4]) {
    around n;
    for (int k = 0; k < 4; k++) {
        const ptrdiff_t row = standing(v + k / 2, a->H, a->mode), column = standing(u + k % 2, a->W, a->mode);
        n.at[k] = row < 0 || column < 0 ? -1 : (row * a->W + column) * a->C;
        n.weight[k] = weight[k];
    }
    return n;
}

/* Pixel (v, u) of an image, of C elements: into y, or, `back`, y added to the pixels of the image. */
PD_INLINE void between(const pd_image_affine_args *a, real *image, double v, double u, real *y, ptrdiff_t C, int back) {
    if (a->nearest) {
        const ptrdiff_t row = standing(floored(v + 0.5), a->H, a->mode);
        const ptrdiff_t column = standing(floored(u + 0.5), a->W, a->mode);
        const int none = row < 0 || column < 0;
        real *pixel = image + (none ? 0 : row * a->W + column) * C;
        for (ptrdiff_t c = 0; c < C; c++) {
            if (!back) y[c] = none ? (real)a->fill : pixel[c];
            else if (!none) pixel[c] += y[c];
        }
        return;
    }
    const ptrdiff_t row = floored(v), column = floored(u);
    const real down = (real)(v - (double)row), right = (real)(u - (double)column), up = 1 - down, left = 1 - right;
    const real weight[4] = {up * left, up * right, down * left, down * right};
    if (row >= 0 && row < a->H - 1 && column >= 0 && column < a->W - 1) {
        real *above = image + (row * a->W + column) * C, *below = above + a->W * C;
        for (ptrdiff_t c = 0; c < C; c++) {
            if (back) {
                above[c] += weight[0] * y[c], above[C + c] += weight[1] * y[c];
                below[c] += weight[2] * y[c], below[C + c] += weight[3] * y[c];
            } else {
                y[c] = (weight[0] * above[c] + weight[1] * above[C + c]) +
                       (weight[2] * below[c] + weight[3] * below[C + c]);
            }
        }
        return;
    }
    const around n = around_edge(a, row, column, weight);
    for (ptrdiff_t c = 0; c < C; c++) {
        real sum = 0;
        for (int k = 0; k < 4; k++) {
            if (!back) sum += n.weight[k] * (n.at[k] < 0 ? (real)a->fill : image[n.at[k] + c]);
            else if (n.at[k] >= 0) image[n.at[k] + c] += n.weight[k] * y[c];
        }
        if (!back) y[c] = sum;
    }
}

PD_INLINE void each_pixel(const pd_image_affine_args *a, const pd_step *step, pd_share share, ptrdiff_t C, int back) {
    const ptrdiff_t H = a->H, W = a->W, size = H * W * C;
    image_draw draw = image_draw_of(a->seed, a->stream, step);
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const affine_map m = map_of(a, &draw, b);
        /* image: what is read between pixels, or added to; y: what is passed over, pixel by pixel */
        real *in = (real *)a->x + b * size, *out = (real *)a->y + b * size;
        real *image = back ? out : in, *y = back ? in : out;
        if (back) memset(image, 0, (size_t)size * sizeof(real));
        for (ptrdiff_t i = 0; i < H; i++) {
            const double u_0 = m.u_i * (double)i + m.u_0, v_0 = m.v_i * (double)i + m.v_0;
            for (ptrdiff_t j = 0; j < W; j++, y += C)
                between(a, image, m.v_j * (double)j + v_0, m.u_j * (double)j + u_0, y, C, back);
        }
    }
}

PD_KERNEL(image_affine_fwd) {
    PD_ARGS(image_affine);
    if (a->C == 1) each_pixel(a, step, share, 1, 0);
    else if (a->C == 3) each_pixel(a, step, share, 3, 0);
    else each_pixel(a, step, share, a->C, 0);
}

PD_KERNEL(image_affine_bwd) {
    PD_ARGS(image_affine);
    each_pixel(a, step, share, a->C, 1);
}
