/* arena.c: aligned memory for buffers, from the C library or from whoever said that he has some, and products of sizes
 * that cannot wrap. */
#include "allocator.h"
#include "pd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 }; /* a cache line, and the widest vector */

static void *(*allocate)(size_t alignment, size_t bytes) = aligned_alloc;
static void (*release)(void *) = free;
static atomic_long in_use; /* pieces of memory */

int pd_use_allocator(void *(*allocate_)(size_t alignment, size_t bytes), void (*release_)(void *)) {
    if (atomic_load(&in_use) != 0) return -1;
    allocate = allocate_ ? allocate_ : aligned_alloc;
    release = release_ ? release_ : free;
    return 0;
}

void *pd_alloc(size_t bytes) {
    if (bytes > (size_t)PTRDIFF_MAX - ALIGN) return NULL;
    const size_t rounded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    void *p = allocate(ALIGN, rounded ? rounded : ALIGN);
    if (!p) return NULL;
    memset(p, 0, rounded);
    atomic_fetch_add_explicit(&in_use, 1, memory_order_relaxed);
    return p;
}

void *pd_grow(void *p, size_t bytes, size_t more) {
    void *q = pd_alloc(more);
    if (!q) return NULL;
    if (bytes) memcpy(q, p, bytes);
    pd_free(p);
    return q;
}

void pd_free(void *p) {
    if (!p) return;
    atomic_fetch_sub_explicit(&in_use, 1, memory_order_relaxed);
    release(p);
}

int pd_mul(ptrdiff_t a, ptrdiff_t b, ptrdiff_t *out) {
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, out) ? -1 : 0;
}
