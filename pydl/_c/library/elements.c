/* What works element by element or moves elements, and normalization. y may be x where it is not `restrict`. */

static inline void pd_move(real *restrict y, const real *restrict x, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = x[i];
    }
}

static void pd_copy(const real *restrict x, real *restrict y, int32_t rows, int32_t n, int32_t from, int32_t to) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        for (i = 0; i < n; i++) {
            y[(r * to) + i] = x[(r * from) + i];
        }
    }
}

static void pd_add(const real *x1, const real *x2, real *y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = x1[i] + x2[i];
    }
}

static void pd_subtract(const real *x1, const real *x2, real *y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = x1[i] - x2[i];
    }
}

static void pd_multiply(const real *x1, const real *x2, real *y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = x1[i] * x2[i];
    }
}

static void pd_maximum(const real *x1, const real *x2, real *y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = pd_larger(x1[i], x2[i]);
    }
}

static void pd_minimum(const real *x1, const real *x2, real *y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        const real less = (x2[i] >= x1[i]) ? x1[i] : x2[i];
        y[i] = (x1[i] != x1[i]) ? x1[i] : less;
    }
}

static void pd_affine(const real *x, real *y, int32_t n, real factor, real term) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = FMA(factor, x[i], term);
    }
}

static void pd_prelu(const real *x, const real *w, real *y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        for (i = 0; i < n; i++) {
            const real v = x[(r * n) + i];
            y[(r * n) + i] = (v > R(0.0)) ? v : (w[i] * v);
        }
    }
}

static void pd_repeat(const real *restrict x, real *restrict y, int32_t n, int32_t times) {
    int32_t i;
    int32_t k;
    for (i = 0; i < n; i++) {
        for (k = 0; k < times; k++) {
            y[(i * times) + k] = x[i];
        }
    }
}

/* y[i] = x[at[i]], zero where at[i] is below 0. */
static void pd_pick(const real *restrict x, const int32_t *restrict at, real *restrict y, int32_t n) {
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = (at[i] < 0) ? R(0.0) : x[at[i]];
    }
}

/* Rows of a table by their codes; a code that names no row gives NaN. */
static void pd_embed(const real *restrict x, const real *restrict w, real *restrict y, int32_t rows, int32_t n,
                     int32_t codes) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        const int there = (x[r] >= R(0.0)) && (x[r] < (real)codes);
        for (i = 0; i < n; i++) {
            y[(r * n) + i] = there ? w[((int32_t)x[r] * n) + i] : NAN;
        }
    }
}

/* Which rows have an element that is not `value`; of y, the others are zero. */
static void pd_mask_steps(const real *x, real *y, real *restrict mask, int32_t rows, int32_t n, real value) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        int any = 0;
        for (i = 0; i < n; i++) {
            any |= !(x[(r * n) + i] == value);
        }
        mask[r] = (real)any;
        for (i = 0; (y != NULL) && (i < n); i++) {
            y[(r * n) + i] = any ? x[(r * n) + i] : R(0.0);
        }
    }
}

static void pd_keep_steps(const real *x, const real *restrict mask, real *y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        for (i = 0; i < n; i++) {
            y[(r * n) + i] = (mask[r] != R(0.0)) ? x[(r * n) + i] : R(0.0);
        }
    }
}

/* The mean of the rows that count, summed in double; zero if none does.   mask [rows] or NULL */
static void pd_mean_steps(const real *restrict x, const real *restrict mask, real *restrict y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    int32_t c;
    int32_t many = 0;
    for (r = 0; r < rows; r++) {
        many += ((mask == NULL) || (mask[r] != R(0.0))) ? 1 : 0;
    }
    for (c = 0; c < n; c += 16) {
        const int32_t columns = ((n - c) < 16) ? (n - c) : 16;
        double s[16] = {0};
        for (r = 0; r < rows; r++) {
            for (i = 0; ((mask == NULL) || (mask[r] != R(0.0))) && (i < columns); i++) {
                s[i] += (double)x[(r * n) + c + i];
            }
        }
        for (i = 0; i < columns; i++) {
            y[c + i] = (real)(s[i] / ((many > 0) ? (double)many : 1.0));
        }
    }
}

/* y = (x - mean) scale + shift, by columns. */
static void pd_batch_norm(const real *x, const real *restrict mean, const real *restrict scale,
                          const real *restrict shift, real *y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        for (i = 0; i < n; i++) {
            y[(r * n) + i] = FMA(x[(r * n) + i] - mean[i], scale[i], shift[i]);
        }
    }
}

/* 1 / sqrt(mean of (x - high - low)^2 + eps), in double */
static real pd_rstd(const real *restrict x, int32_t n, real high, real low, double eps) {
    double s[pd_LANES] = {0};
    int32_t i;
    for (i = 0; i < n; i++) {
        const double c = (double)((x[i] - high) - low);
        s[i % pd_LANES] = fma(c, c, s[i % pd_LANES]);
    }
    return (real)(1.0 / sqrt((pd_lanes_sum(s) / (double)n) + eps));
}

static void pd_scale_row(const real *x, real *y, int32_t n, real high, real low, real rstd, const real *restrict gamma,
                         const real *restrict beta) {
    int32_t i;
    for (i = 0; i < n; i++) {
        const real normal = ((x[i] - high) - low) * rstd;
        y[i] = (normal * ((gamma != NULL) ? gamma[i] : R(1.0))) + ((beta != NULL) ? beta[i] : R(0.0));
    }
}

/* By rows; the mean is the sum of two numbers, so that values far from zero keep their digits. */
static void pd_layer_norm(const real *x, const real *restrict gamma, const real *restrict beta, real *y, int32_t rows,
                          int32_t n, double eps) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        const real *from = &x[r * n];
        double s[pd_LANES] = {0};
        double mean;
        real high;
        real low;
        for (i = 0; i < n; i++) {
            s[i % pd_LANES] += (double)from[i];
        }
        mean = pd_lanes_sum(s) / (double)n;
        high = (real)mean;
        low = (real)(mean - (double)high);
        pd_scale_row(from, &y[r * n], n, high, low, pd_rstd(from, n, high, low, eps), gamma, beta);
    }
}

static void pd_rms_norm(const real *x, const real *restrict gamma, const real *restrict beta, real *y, int32_t rows,
                        int32_t n, double eps) {
    int32_t r;
    for (r = 0; r < rows; r++) {
        const real rstd = pd_rstd(&x[r * n], n, R(0.0), R(0.0), eps);
        pd_scale_row(&x[r * n], &y[r * n], n, R(0.0), R(0.0), rstd, gamma, beta);
    }
}

/* Each row divided by its length, of at least 1e-12. */
static void pd_unit_norm(real *restrict y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        double s = 0.0;
        real inv;
        for (i = 0; i < n; i++) {
            s += (double)y[(r * n) + i] * (double)y[(r * n) + i];
        }
        inv = (real)fmin(1.0 / sqrt(s), 1e12);
        for (i = 0; i < n; i++) {
            y[(r * n) + i] *= inv;
        }
    }
}

/* Each row by a scale and a shift of its own. */
static void pd_scale_rows(real *restrict y, const real *restrict scale, const real *restrict shift, int32_t rows,
                          int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        for (i = 0; i < n; i++) {
            y[(r * n) + i] = FMA(y[(r * n) + i], scale[r], shift[r]);
        }
    }
}
