/* status.c: errors in words, versions, and what the library finds out once. */
#include "lib.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Thread_local char message[512];

int lib_fail(int status, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    return status;
}

const char *pydl_last_error(void) { return message; }

const char *pydl_status_name(int status) {
    switch (status) {
    case PYDL_OK: return "PYDL_OK";
    case PYDL_NO_MEMORY: return "PYDL_NO_MEMORY";
    case PYDL_BAD_ARGUMENT: return "PYDL_BAD_ARGUMENT";
    case PYDL_BAD_FILE: return "PYDL_BAD_FILE";
    case PYDL_IO: return "PYDL_IO";
    case PYDL_UNSUPPORTED_CPU: return "PYDL_UNSUPPORTED_CPU";
    }
    return "unknown status";
}

const char *pydl_version(void) { return PYDL_VERSION; }
int pydl_abi_version(void) { return PYDL_ABI_VERSION; }

int pydl_set_allocator(void *(*allocate)(size_t alignment, size_t bytes), void (*release)(void *)) {
    if (!allocate != !release)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_set_allocator: expected both functions, or NULL for both");
    if (pd_use_allocator(allocate, release) != 0)
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_set_allocator: expected no memory in use, found some: call it first of "
                        "all, or when all models are freed");
    return PYDL_OK;
}

/* Products choose their blocks by the caches of the CPU. Whoever loads first finds them out; others wait for it. */
void lib_find_caches(void) {
    enum { UNKNOWN, ASKING, KNOWN };
    static atomic_int state = UNKNOWN;
    int expected = UNKNOWN;
    if (atomic_load_explicit(&state, memory_order_acquire) == KNOWN) return;
    if (atomic_compare_exchange_strong(&state, &expected, ASKING)) {
        const pd_cpuid cpu = pd_cpu_read();
        const pd_caches caches = pd_cpu_caches(&cpu);
        pd_use_caches(&caches);
        atomic_store_explicit(&state, KNOWN, memory_order_release);
    }
    while (atomic_load_explicit(&state, memory_order_acquire) != KNOWN) {
    }
}
