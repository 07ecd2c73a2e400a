/* memory.c: blocks between canaries, and numbers to put into them. */
#include "test_core.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#endif

enum { FENCE = 64, CANARY = 0xA5 };

block block_new(size_t bytes, size_t element) {
    const size_t lead = FENCE + element, total = lead + bytes + FENCE;
    char *base = malloc(total);
    CHECK(base, "no memory for %zu bytes", total);
    memset(base, CANARY, total);
    const block b = {base, base + lead, bytes};
    ASAN_POISON_MEMORY_REGION(base, lead);
    ASAN_POISON_MEMORY_REGION(b.data + bytes, FENCE);
    return b;
}

void block_check_and_free(block *b, const char *what) {
    const size_t lead = (size_t)(b->data - b->base), total = lead + b->bytes + FENCE;
    ASAN_UNPOISON_MEMORY_REGION(b->base, total);
    for (size_t i = 0; i < total; i += i + 1 == lead ? b->bytes + 1 : 1)
        CHECK((unsigned char)b->base[i] == CANARY, "%s wrote %td bytes from the start of %zu", what,
              (ptrdiff_t)(i - lead), b->bytes);
    free(b->base);
}

size_t dtype_bytes(int dtype) { return dtype == PD_FLOAT64 ? sizeof(double) : sizeof(float); }

void fill(void *data, ptrdiff_t n, int dtype, unsigned seed) {
    for (ptrdiff_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        const double value = 0.1 + 0.8 * (seed >> 8) / (1 << 24);
        if (dtype == PD_FLOAT64) ((double *)data)[i] = value;
        else ((float *)data)[i] = (float)value;
    }
}

int op_number(const char *name) {
    for (int i = 0; i < pd_op_count(); i++)
        if (strcmp(pd_op_at(i).name, name) == 0) return i;
    CHECK(0, "no op %s", name);
}
