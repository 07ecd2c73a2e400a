/* Windows over images [H][W][C]: window (i, j) of OH x OW has KH x KW taps, DH and DW apart, from pixel
 * (i SH - top, j SW - left) on; taps where there is no pixel are left out. */

typedef struct {
    int32_t H, W, C, OH, OW, O, KH, KW, SH, SW, DH, DW, top, left, G;
} pd_windows;

/* Taps [lo, hi) of those that read positions first, first + step, ... lie within `size`. */
static void pd_taps(int32_t first, int32_t step, int32_t taps, int32_t size, int32_t *lo, int32_t *hi) {
    *lo = (first < 0) ? (((-first) + step - 1) / step) : 0;
    *hi = (first < size) ? (((size - 1 - first) / step) + 1) : 0;
    *hi = (*hi < taps) ? *hi : taps;
    *lo = (*lo < *hi) ? *lo : *hi;
}

/* One window of one group: y += the taps that there are. */
static void pd_window(const real *restrict x, const real *restrict w, real *restrict y, const pd_windows *a, int32_t i,
                      int32_t j) {
    const int32_t inputs = a->C / a->G;
    const int32_t outputs = a->O / a->G;
    const int32_t row = (i * a->SH) - a->top;
    const int32_t column = (j * a->SW) - a->left;
    int32_t u0, u1, v0, v1, u, v;
    pd_taps(row, a->DH, a->KH, a->H, &u0, &u1);
    pd_taps(column, a->DW, a->KW, a->W, &v0, &v1);
    for (u = u0; u < u1; u++) {
        for (v = v0; v < v1; v++) {
            const real *from = &x[(((row + (u * a->DH)) * a->W) + column + (v * a->DW)) * a->C];
            pd_chains(from, &w[((u * a->KW) + v) * inputs * a->O], y, inputs, outputs, a->O);
        }
    }
}

/* Two windows side by side that have the same taps; those of a row of taps are one run, where they are neighbours. */
static void pd_window_pair(const real *restrict x, const real *restrict w, real *restrict y, const pd_windows *a,
                           int32_t i, int32_t j) {
    const int32_t inputs = a->C / a->G;
    const int32_t outputs = a->O / a->G;
    const int32_t row = (i * a->SH) - a->top;
    const int32_t column = (j * a->SW) - a->left;
    const int32_t runs = ((a->DW == 1) && (a->G == 1)) ? 1 : a->KW;
    const int32_t next = a->SW * a->C;
    int32_t u0, u1, u, v;
    pd_taps(row, a->DH, a->KH, a->H, &u0, &u1);
    for (u = u0; u < u1; u++) {
        for (v = 0; v < runs; v++) {
            const real *from = &x[(((row + (u * a->DH)) * a->W) + column + (v * a->DW)) * a->C];
            pd_chains_pair(from, &from[next], &w[((u * a->KW) + v) * inputs * a->O], y, &y[a->O],
                           (a->KW / runs) * inputs, outputs, a->O);
        }
    }
}

/* Convolution.   w [taps][C / G][O]   b [O] or NULL */
static void pd_conv(const real *restrict x, const real *restrict w, const real *restrict b, real *restrict y,
                    const pd_windows *a) {
    const int32_t reach = ((a->KW - 1) * a->DW) + 1;
    int32_t i, j, g;
    for (i = 0; i < (a->OH * a->OW); i++) {
        pd_begin(&y[i * a->O], b, a->O);
    }
    for (i = 0; i < a->OH; i++) {
        j = 0;
        while (j < a->OW) {
            const int32_t column = (j * a->SW) - a->left;
            const int whole = (column >= 0) && ((column + a->SW + reach) <= a->W) && ((j + 1) < a->OW);
            for (g = 0; g < a->G; g++) {
                const int32_t at = g * (a->O / a->G);
                const real *from = &x[g * (a->C / a->G)];
                real *to = &y[(((i * a->OW) + j) * a->O) + at];
                if (whole) {
                    pd_window_pair(from, &w[at], to, a, i, j);
                } else {
                    pd_window(from, &w[at], to, a, i, j);
                }
            }
            j += whole ? 2 : 1;
        }
    }
}

/* Transposed convolution: each of H x W x C numbers of y is a chain over the windows of x [OH][OW][O] that read it, of
 * those the last tap first.   w [taps][G][O / G][C / G]   b [C] or NULL */
static void pd_conv_transposed(const real *restrict x, const real *restrict w, const real *restrict b, real *restrict y,
                               const pd_windows *a) {
    const int32_t inputs = a->O / a->G;
    const int32_t outputs = a->C / a->G;
    int32_t i, j, u, v, g;
    for (i = 0; i < a->H; i++) {
        for (j = 0; j < a->W; j++) {
            real *to = &y[((i * a->W) + j) * a->C];
            pd_begin(to, b, a->C);
            for (u = a->KH - 1; u >= 0; u--) {
                const int32_t row = i + a->top - (u * a->DH);
                if ((row < 0) || ((row % a->SH) != 0) || ((row / a->SH) >= a->OH)) {
                    continue;
                }
                for (v = a->KW - 1; v >= 0; v--) {
                    const int32_t column = j + a->left - (v * a->DW);
                    if ((column < 0) || ((column % a->SW) != 0) || ((column / a->SW) >= a->OW)) {
                        continue;
                    }
                    for (g = 0; g < a->G; g++) {
                        const real *from = &x[(((((row / a->SH) * a->OW) + (column / a->SW)) * a->G) + g) * inputs];
                        const real *tap = &w[((((u * a->KW) + v) * a->G) + g) * inputs * outputs];
                        pd_chains(from, tap, &to[g * outputs], inputs, outputs, outputs);
                    }
                }
            }
        }
    }
}

/* Each channel by itself.   w [taps][O]   b [O] or NULL */
static void pd_depthwise(const real *restrict x, const real *restrict w, const real *restrict b, real *restrict y,
                         const pd_windows *a) {
    int32_t i, j, u, v, c, u0, u1, v0, v1;
    for (i = 0; i < a->OH; i++) {
        const int32_t row = (i * a->SH) - a->top;
        pd_taps(row, a->DH, a->KH, a->H, &u0, &u1);
        for (j = 0; j < a->OW; j++) {
            const int32_t column = (j * a->SW) - a->left;
            real *to = &y[((i * a->OW) + j) * a->O];
            pd_taps(column, a->DW, a->KW, a->W, &v0, &v1);
            pd_begin(to, b, a->O);
            for (u = u0; u < u1; u++) {
                for (v = v0; v < v1; v++) {
                    const real *from = &x[(((row + (u * a->DH)) * a->W) + column + (v * a->DW)) * a->O];
                    const real *tap = &w[((u * a->KW) + v) * a->O];
                    for (c = 0; c < a->O; c++) {
                        to[c] = FMA(from[c], tap[c], to[c]);
                    }
                }
            }
        }
    }
}

/* The largest of each window; NaN where one is. */
static void pd_pool_max(const real *restrict x, real *restrict y, const pd_windows *a) {
    int32_t i, j, u, v, c, u0, u1, v0, v1;
    for (i = 0; i < a->OH; i++) {
        const int32_t row = (i * a->SH) - a->top;
        pd_taps(row, 1, a->KH, a->H, &u0, &u1);
        for (j = 0; j < a->OW; j++) {
            const int32_t column = (j * a->SW) - a->left;
            real *to = &y[((i * a->OW) + j) * a->C];
            pd_taps(column, 1, a->KW, a->W, &v0, &v1);
            pd_move(to, &x[(((row + u0) * a->W) + column + v0) * a->C], a->C);
            for (u = u0; u < u1; u++) {
                for (v = v0; v < v1; v++) {
                    const real *from = &x[(((row + u) * a->W) + column + v) * a->C];
                    for (c = 0; c < a->C; c++) {
                        to[c] = pd_larger(to[c], from[c]);
                    }
                }
            }
        }
    }
}

/* The mean of the taps that exist, summed in double. */
static void pd_pool_mean(const real *restrict x, real *restrict y, const pd_windows *a) {
    int32_t i, j, u, v, c, d, u0, u1, v0, v1;
    for (i = 0; i < a->OH; i++) {
        const int32_t row = (i * a->SH) - a->top;
        pd_taps(row, 1, a->KH, a->H, &u0, &u1);
        for (j = 0; j < a->OW; j++) {
            const int32_t column = (j * a->SW) - a->left;
            pd_taps(column, 1, a->KW, a->W, &v0, &v1);
            for (c = 0; c < a->C; c += 16) {
                const int32_t n = ((a->C - c) < 16) ? (a->C - c) : 16;
                const double part = 1.0 / (double)((u1 - u0) * (v1 - v0));
                real *to = &y[(((i * a->OW) + j) * a->C) + c];
                double s[16] = {0};
                for (u = u0; u < u1; u++) {
                    for (v = v0; v < v1; v++) {
                        const real *from = &x[((((row + u) * a->W) + column + v) * a->C) + c];
                        for (d = 0; d < n; d++) {
                            s[d] += (double)from[d];
                        }
                    }
                }
                for (d = 0; d < n; d++) {
                    to[d] = (real)(s[d] * part);
                }
            }
        }
    }
}

/* Each pixel of x [OH][OW][C] SH x SW times. */
static void pd_upsample(const real *restrict x, real *restrict y, const pd_windows *a) {
    int32_t i, j;
    for (i = 0; i < a->H; i++) {
        for (j = 0; j < a->W; j++) {
            pd_move(&y[((i * a->W) + j) * a->C], &x[(((i / a->SH) * a->OW) + (j / a->SW)) * a->C], a->C);
        }
    }
}

/* y[i][j] = x[i - top][j - left], or `fill` where there is no such pixel. */
static void pd_place(const real *restrict x, real *restrict y, const pd_windows *a, real fill) {
    int32_t i, j, c;
    for (i = 0; i < a->OH; i++) {
        for (j = 0; j < a->OW; j++) {
            const int32_t row = i - a->top;
            const int32_t column = j - a->left;
            const int there = (row >= 0) && (row < a->H) && (column >= 0) && (column < a->W);
            real *to = &y[((i * a->OW) + j) * a->C];
            for (c = 0; c < a->C; c++) {
                to[c] = there ? x[(((row * a->W) + column) * a->C) + c] : fill;
            }
        }
    }
}

/* Another size.   rows [OH][1 + KH], columns [OW][1 + KW]: where each of y begins in x, then its weights
 * line [W][C] scratch */
static void pd_resize(const real *restrict x, const real *restrict rows, const real *restrict columns, real *restrict y,
                      real *restrict line, const pd_windows *a) {
    const int32_t width = a->W * a->C;
    int32_t i, j, k, e, c;
    for (i = 0; i < a->OH; i++) {
        const real *r = &rows[i * (1 + a->KH)];
        const real *from = &x[(int32_t)r[0] * width];
        for (e = 0; e < width; e++) {
            real s = from[e] * r[1];
            for (k = 1; k < a->KH; k++) {
                s = FMA(from[(k * width) + e], r[1 + k], s);
            }
            line[e] = s;
        }
        for (j = 0; j < a->OW; j++) {
            const real *q = &columns[j * (1 + a->KW)];
            const real *pixel = &line[(int32_t)q[0] * a->C];
            real *to = &y[((i * a->OW) + j) * a->C];
            for (c = 0; c < a->C; c++) {
                real s = q[1] * pixel[c];
                for (k = 1; k < a->KW; k++) {
                    s = FMA(q[1 + k], pixel[(k * a->C) + c], s);
                }
                to[c] = s;
            }
        }
    }
}
