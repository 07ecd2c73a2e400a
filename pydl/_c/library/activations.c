/* Activations, point by point; alpha is their parameter. rows.py makes the loops over elements. */

static inline real pd_act_relu(real x) { return (x <= R(0.0)) ? R(0.0) : x; }

static inline real pd_act_leaky_relu(real x, real alpha) { return (x <= R(0.0)) ? (alpha * x) : x; }

static inline real pd_act_elu(real x, real alpha) {
    const real y = alpha * pd_expm1(x);
    return (x < R(0.0)) ? y : x;
}

static inline real pd_act_celu(real x, real alpha) {
    const real y = alpha * pd_expm1(x / alpha);
    return (x < R(0.0)) ? y : x;
}

static inline real pd_act_selu(real x) {
    const real y = pd_SELU_BELOW * pd_expm1(x);
    return (x < R(0.0)) ? y : (pd_SELU * x);
}

static inline real pd_act_gelu(real x) { return pd_atleast(x, R(-40.0)) * pd_normal(x); }

static inline real pd_act_gelu_tanh(real x) {
    const real c = pd_atleast(x, R(-40.0));
    return c * pd_sigmoid(c * FMA(c * c, R(0.071354816272600248), R(1.5957691216057308)));
}

static inline real pd_act_sigmoid(real x) { return pd_sigmoid(x); }

static inline real pd_act_tanh(real x) { return pd_tanh(x); }

static inline real pd_act_softplus(real x) { return pd_atleast(x, R(0.0)) + pd_log1p(pd_exp(-pd_abs(x))); }

static inline real pd_act_exponential(real x) { return pd_exp(x); }

static inline real pd_act_softsign(real x) {
    const real c = pd_clamp(x, R(-1e30), R(1e30));
    return c / (R(1.0) + pd_abs(c));
}

static inline real pd_act_silu(real x) { return pd_atleast(x, R(-1000.0)) * pd_sigmoid(x); }

static inline real pd_act_mish(real x) {
    const real e = pd_exp(pd_atmost(x, R(40.0)));
    const real w = e * (e + R(2.0));
    return pd_atleast(x, R(-1000.0)) * (w / (w + R(2.0)));
}

static inline real pd_act_hard_sigmoid(real x) { return pd_clamp(x + R(3.0), R(0.0), R(6.0)) / R(6.0); }

static inline real pd_act_squareplus(real x, real alpha) {
    const real d = pd_abs(x);
    const real m = pd_atmost(d, R(1e18));
    const real h = (d + SQRT(FMA(m, m, alpha))) / R(2.0);
    const real y = (d < R(1e18)) ? h : d;
    return (x < R(0.0)) ? (alpha / R(4.0) / y) : y;
}

static inline real pd_act_relu6(real x, real alpha) { return pd_clamp(x, R(0.0), alpha); }

static inline real pd_act_hard_tanh(real x) { return pd_clamp(x, R(-1.0), R(1.0)); }

static inline real pd_act_hard_silu(real x) {
    return pd_atleast(x, R(-3.0)) * (pd_clamp(x + R(3.0), R(0.0), R(6.0)) / R(6.0));
}

static inline real pd_act_hard_shrink(real x, real alpha) { return (pd_abs(x) <= alpha) ? R(0.0) : x; }

static inline real pd_act_soft_shrink(real x, real alpha) {
    return (pd_abs(x) <= alpha) ? R(0.0) : (x - pd_copysign(alpha, x));
}

static inline real pd_act_tanh_shrink(real x) { return x - pd_tanh(x); }

static inline real pd_act_log_sigmoid(real x) { return pd_atmost(x, R(0.0)) - pd_log1p(pd_exp(-pd_abs(x))); }

static inline real pd_act_sparse_plus(real x) {
    const real h = (pd_clamp(x, R(-1.0), R(1.0)) + R(1.0)) / R(2.0);
    return (x >= R(1.0)) ? x : (h * h);
}

static inline real pd_act_sparse_sigmoid(real x) { return (pd_clamp(x, R(-1.0), R(1.0)) + R(1.0)) / R(2.0); }

/* The lanes of a sum in double, in the order of a vector register of 256 bits. */
static inline double pd_lanes_sum(double *s) {
    int32_t h;
    int32_t i;
    for (h = pd_LANES / 2; h > 0; h /= 2) {
        for (i = 0; i < h; i++) {
            s[i] += s[i + h];
        }
    }
    return s[0];
}

static inline real pd_row_max(const real *restrict x, int32_t n) {
    real top = x[0];
    int32_t i;
    for (i = 1; i < n; i++) {
        top = pd_larger(top, x[i]);
    }
    return top;
}

/* y = e^(x - max x), and their sum. */
static double pd_exp_sum(const real *x, real *y, int32_t n) {
    double s[pd_LANES] = {0};
    const real top = pd_row_max(x, n);
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = pd_exp(x[i] - top);
    }
    for (i = 0; i < n; i++) {
        s[i % pd_LANES] += (double)y[i];
    }
    return pd_lanes_sum(s);
}

static void pd_act_softmax(real *restrict y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        const real inv = (real)(1.0 / pd_exp_sum(y, y, n));
        for (i = 0; i < n; i++) {
            y[i] *= inv;
        }
        y = &y[n];
    }
}

static void pd_act_log_softmax(real *restrict y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        double s[pd_LANES] = {0};
        const real top = pd_row_max(y, n);
        real log_sum;
        for (i = 0; i < n; i++) {
            s[i % pd_LANES] += (double)pd_exp(y[i] - top);
        }
        log_sum = pd_log1p((real)(pd_lanes_sum(s) - 1.0));
        for (i = 0; i < n; i++) {
            y[i] = (y[i] - top) - log_sum;
        }
        y = &y[n];
    }
}

/* How many of x - top are above t, and their sum. */
static int32_t pd_above(const real *restrict x, int32_t n, real top, real t, double *sum) {
    double s[pd_LANES] = {0};
    int32_t many = 0;
    int32_t i;
    for (i = 0; i < n; i++) {
        const real z = x[i] - top;
        if (z > t) {
            s[i % pd_LANES] += (double)z;
            many++;
        }
    }
    *sum = pd_lanes_sum(s);
    return many;
}

/* The threshold t for which the sum of max(x - t, 0) is 1: of the numbers above the last t, until they are the same. */
static void pd_act_sparsemax(real *restrict y, int32_t rows, int32_t n) {
    int32_t r;
    int32_t i;
    for (r = 0; r < rows; r++) {
        const real top = pd_row_max(y, n);
        real t = R(-1.0);
        double sum;
        int32_t before = n + 1;
        int32_t many = pd_above(y, n, top, t, &sum);
        while ((many > 0) && (many < before)) {
            t = (real)((sum - 1.0) / (double)many);
            before = many;
            many = pd_above(y, n, top, t, &sum);
        }
        for (i = 0; i < n; i++) {
            y[i] = pd_atleast((y[i] - top) - t, R(0.0));
        }
        y = &y[n];
    }
}
