/* failing_malloc.c: a preloaded library whose nth allocation after failing_malloc_arm(n) fails, once. 0 disarms. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static atomic_long left; /* allocations up to the one that fails; 0 and below: none will */

long failing_malloc_arm(long n);
long failing_malloc_arm(long n) { return atomic_exchange(&left, n); }

static int fails(void) { return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1; }

/* dlsym may ask for memory before it has found where memory comes from. */
static char early[1 << 16];
static size_t early_used;

static void *early_bytes(size_t bytes) {
    void *p = early + early_used;
    early_used += (bytes + 15) / 16 * 16;
    return early_used <= sizeof early ? p : NULL;
}
static int is_early(const void *p) { return (uintptr_t)p - (uintptr_t)early < sizeof early; }

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void (*free)(void *);
} real;
static int looking;

/* Whether the real functions are known. */
static int known(void) {
    if (real.free) return 1;
    if (looking) return 0;
    looking = 1;
    real.malloc = dlsym(RTLD_NEXT, "malloc");
    real.calloc = dlsym(RTLD_NEXT, "calloc");
    real.realloc = dlsym(RTLD_NEXT, "realloc");
    real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real.free = dlsym(RTLD_NEXT, "free");
    return 1;
}

static void *refused(void) {
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t bytes) { return fails() ? refused() : known() ? real.malloc(bytes) : early_bytes(bytes); }

void *calloc(size_t n, size_t bytes) {
    return fails() ? refused() : known() ? real.calloc(n, bytes) : early_bytes(n * bytes); /* which is zero */
}

void *realloc(void *p, size_t bytes) {
    if (fails()) return refused();
    if (known() && !is_early(p)) return real.realloc(p, bytes);
    void *q = malloc(bytes);
    const size_t most = p ? (size_t)(early + sizeof early - (char *)p) : 0;
    return q && p ? memcpy(q, p, bytes < most ? bytes : most) : q;
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return fails() || !known() ? refused() : real.aligned_alloc(alignment, bytes);
}

int posix_memalign(void **p, size_t alignment, size_t bytes) {
    return fails() || !known() ? ENOMEM : real.posix_memalign(p, alignment, bytes);
}

void free(void *p) {
    if (p && !is_early(p) && known()) real.free(p);
}
