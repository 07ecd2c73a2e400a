/* counting.c: preloaded into a program, counts what takes memory or a lock from a given moment on.
 *
 * A program that finds the function `counted` calls it to begin (1) and to end (0), which gives the number of calls. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

static volatile long calls;
static volatile int on;

long counted(int begin) {
    if (begin) calls = 0;
    on = begin;
    return calls;
}

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t n) { return calls += on, __libc_malloc(n); }
void free(void *p) {
    calls += on;
    __libc_free(p);
}
void *calloc(size_t n, size_t size) { return calls += on, __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return calls += on, __libc_realloc(p, n); }
void *aligned_alloc(size_t alignment, size_t n) { return calls += on, __libc_memalign(alignment, n); }

int pthread_mutex_lock(pthread_mutex_t *m) {
    static int (*next)(pthread_mutex_t *);
    if (!next) next = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    calls += on;
    return next(m);
}
