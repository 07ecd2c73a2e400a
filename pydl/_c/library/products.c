/* Products. Each output is one chain of fused multiply-adds over the inputs in order, which begins with the bias, so its
 * bits depend on no grouping. Weights lie by inputs, then outputs: the inner loops run over neighbouring outputs, of
 * which compilers make vectors, and take four inputs at a time, so that sums are seldom loaded and stored. */

/* y = b, or zero where there is none. */
static inline void pd_begin(real *restrict y, const real *restrict b, int32_t n) {
    int32_t j;
    for (j = 0; j < n; j++) {
        y[j] = (b != NULL) ? b[j] : R(0.0);
    }
}

/* y += x w, for n outputs.   w rows ld apart */
static void pd_chains(const real *restrict x, const real *restrict w, real *restrict y, int32_t inputs, int32_t n,
                      int32_t ld) {
    int32_t k = 0;
    int32_t j;
    while ((inputs - k) >= 4) {
        const real *w0 = &w[k * ld];
        const real *w1 = &w0[ld];
        const real *w2 = &w1[ld];
        const real *w3 = &w2[ld];
        const real x0 = x[k];
        const real x1 = x[k + 1];
        const real x2 = x[k + 2];
        const real x3 = x[k + 3];
        for (j = 0; j < n; j++) {
            y[j] = FMA(x3, w3[j], FMA(x2, w2[j], FMA(x1, w1[j], FMA(x0, w0[j], y[j]))));
        }
        k += 4;
    }
    if ((inputs - k) == 3) {
        const real *w0 = &w[k * ld];
        const real *w1 = &w0[ld];
        const real *w2 = &w1[ld];
        const real x0 = x[k];
        const real x1 = x[k + 1];
        const real x2 = x[k + 2];
        for (j = 0; j < n; j++) {
            y[j] = FMA(x2, w2[j], FMA(x1, w1[j], FMA(x0, w0[j], y[j])));
        }
        k += 3;
    }
    while (k < inputs) {
        const real *w0 = &w[k * ld];
        const real x0 = x[k];
        for (j = 0; j < n; j++) {
            y[j] = FMA(x0, w0[j], y[j]);
        }
        k++;
    }
}

/* The same for two rows at a time, which read the weights together: ya += xa w, yb += xb w. */
static void pd_chains_pair(const real *restrict xa, const real *restrict xb, const real *restrict w, real *restrict ya,
                           real *restrict yb, int32_t inputs, int32_t n, int32_t ld) {
    const int32_t whole = inputs - (inputs % 4);
    int32_t k;
    int32_t j;
    for (k = 0; k < whole; k += 4) {
        const real *w0 = &w[k * ld];
        const real *w1 = &w0[ld];
        const real *w2 = &w1[ld];
        const real *w3 = &w2[ld];
        const real a0 = xa[k];
        const real a1 = xa[k + 1];
        const real a2 = xa[k + 2];
        const real a3 = xa[k + 3];
        const real b0 = xb[k];
        const real b1 = xb[k + 1];
        const real b2 = xb[k + 2];
        const real b3 = xb[k + 3];
        for (j = 0; j < n; j++) {
            ya[j] = FMA(a3, w3[j], FMA(a2, w2[j], FMA(a1, w1[j], FMA(a0, w0[j], ya[j]))));
            yb[j] = FMA(b3, w3[j], FMA(b2, w2[j], FMA(b1, w1[j], FMA(b0, w0[j], yb[j]))));
        }
    }
    pd_chains(&xa[whole], &w[whole * ld], ya, inputs - whole, n, ld);
    pd_chains(&xb[whole], &w[whole * ld], yb, inputs - whole, n, ld);
}

/* y = x w + b.   x [rows][inputs]   w [inputs][outputs]   b [outputs] or NULL   y [rows][outputs] */
static void pd_dense(const real *restrict x, const real *restrict w, const real *restrict b, real *restrict y,
                     int32_t rows, int32_t inputs, int32_t outputs) {
    int32_t r;
    for (r = 0; r < rows; r++) {
        pd_begin(&y[r * outputs], b, outputs);
    }
    for (r = 0; r < (rows - 1); r += 2) {
        real *to = &y[r * outputs];
        pd_chains_pair(&x[r * inputs], &x[(r + 1) * inputs], w, to, &to[outputs], inputs, outputs, outputs);
    }
    if ((rows % 2) == 1) {
        r = rows - 1;
        pd_chains(&x[r * inputs], w, &y[r * outputs], inputs, outputs, outputs);
    }
}
