/* What this machine can do at best, for the figures of kernels to stand beside: built and called by bench/peak.py. */
#include <stddef.h>

#if defined __AVX512F__
#define BYTES 64
#elif defined __AVX__
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12 /* enough for two units of latency four, few enough for sixteen registers */

/* Sums of products in independent chains, 2 * n * CHAINS * BYTES / sizeof(type) flops. */
#define FMA(type)                                                                          \
    double fma_##type(ptrdiff_t n, double start) {                                         \
        typedef type vector __attribute__((vector_size(BYTES)));                           \
        vector c[CHAINS], a = (vector){0} + (type)start, b = a * (type)1e-3;               \
        for (int j = 0; j < CHAINS; j++) c[j] = a + (type)j;                               \
        for (ptrdiff_t i = 0; i < n; i++)                                                  \
            _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++) c[j] = c[j] * a + b; \
        double sum = 0;                                                                    \
        for (int j = 0; j < CHAINS; j++) sum += c[j][0];                                   \
        return sum;                                                                        \
    }
FMA(float)
FMA(double)

int fma_width(void) { return CHAINS * BYTES; }

/* z = x + a * y over n floats, `times` times: 12 * n bytes each. */
void triad(ptrdiff_t times, ptrdiff_t n, const float *x, const float *y, float *z, float a) {
    for (ptrdiff_t t = 0; t < times; t++) {
        for (ptrdiff_t i = 0; i < n; i++) z[i] = x[i] + a * y[i];
        __asm__ volatile("" : : "r"(z) : "memory");
    }
}
