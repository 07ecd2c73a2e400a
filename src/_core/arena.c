/* arena.c: aligned memory for buffers, and products of sizes that cannot wrap. */
#include "pd.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 }; /* a cache line, and the widest vector */

void *pd_alloc(size_t bytes) {
    if (bytes > (size_t)PTRDIFF_MAX - ALIGN) return NULL;
    const size_t rounded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    void *p = aligned_alloc(ALIGN, rounded ? rounded : ALIGN);
    if (p) memset(p, 0, rounded);
    return p;
}

void *pd_grow(void *p, size_t bytes, size_t more) {
    void *q = pd_alloc(more);
    if (!q) return NULL;
    if (bytes) memcpy(q, p, bytes);
    pd_free(p);
    return q;
}

void pd_free(void *p) { free(p); }

int pd_mul(ptrdiff_t a, ptrdiff_t b, ptrdiff_t *out) {
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, out) ? -1 : 0;
}
