/* test_core.c: the C core without Python, for debuggers and sanitizers. Silent but for one line; exit code 0 or 1. */
#include "test_core.h"

static void test_memory(void) {
    ptrdiff_t n;
    CHECK(pd_mul(1 << 20, 1 << 20, &n) == 0 && n == (ptrdiff_t)1 << 40, "%td", n);
    CHECK(pd_mul(PTRDIFF_MAX / 2, 3, &n) < 0 && pd_mul(-1, 3, &n) < 0 && pd_mul(3, -1, &n) < 0,
          "products that do not fit");
    CHECK(pd_alloc((size_t)PTRDIFF_MAX + 1) == NULL, "more than memory can address");
    for (size_t bytes = 0; bytes < 200; bytes += 33) {
        unsigned char *p = pd_alloc(bytes);
        CHECK(p && (uintptr_t)p % 64 == 0, "%zu bytes at %p", bytes, (void *)p);
        for (size_t i = 0; i < bytes; i++) CHECK(p[i] == 0, "byte %zu", i);
        pd_free(p);
    }
    pd_free(NULL);
}

static void test_permutation(void) {
    for (ptrdiff_t n = 0; n < 300; n += 1 + n / 3) {
        block order = block_new((size_t)n * sizeof(int64_t), sizeof(int64_t));
        int seen[300] = {0};
        pd_permutation((int64_t *)order.data, n, (uint64_t)n);
        for (ptrdiff_t i = 0; i < n; i++) {
            const int64_t row = ((const int64_t *)order.data)[i];
            CHECK(row >= 0 && row < n && !seen[row]++, "row %td of %td", i, n);
        }
        block_check_and_free(&order, "permutation");
    }
}

int main(void) {
    test_memory();
    test_permutation();
    const long calls = test_ops();
    test_run();
    test_plan();
    test_layout();
    test_no_memory();
    printf("C core: %d ops, %ld calls, threads and forks: passed\n", pd_op_count(), calls);
    return 0;
}
