/* test_no_memory.c: each allocation that building a plan makes fails in turn. The linker sends aligned_alloc here (--wrap). */
#include "test_core.h"

#include <limits.h>
#include <string.h>

static int until_failure = INT_MAX; /* allocations that succeed before one fails */

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    if (until_failure-- == 0) return NULL;
    return __real_aligned_alloc(alignment, bytes);
}

/* Builds and trains; 0, or -1 if that failed. `again`: each call that fails is made once more. */
static int attempt(int fail_at, int again, two_layers *expected) {
    const layer_sizes size = {.B = 40, .I = 13, .H = 21, .O = 5, .threads = 3, .every = 2};
    two_layers m;
    until_failure = fail_at;
    const int built = two_layers_build(&m, size, again);
    const int all_succeeded = until_failure >= 0;
    until_failure = INT_MAX;
    CHECK((built == 0) == (all_succeeded || again), "allocation %d failed, and two_layers_build returned %d", fail_at,
          built);
    if (built == 0) {
        two_layers_bind(&m);
        two_layers_train(&m, NULL, NET_STEPS, 1);
        if (!expected->state) {
            *expected = m;
            return 0;
        }
        CHECK(!memcmp(m.state, expected->state, (size_t)m.bytes), "allocation %d failed: other weights", fail_at);
    }
    two_layers_free(&m);
    return all_succeeded ? 0 : -1;
}

/* pd_plan_call and pd_plan_touch, which the net has no use for, on a plan whose arrays are full. */
static void host(const void *context, const pd_step *step, pd_share share) { (void)context, (void)step, (void)share; }

static int call_and_touch(int fail_at) {
    enum { CALLS = 40 };
    pd_plan *p = pd_plan_new(PD_FLOAT64, PD_BASELINE, 2);
    int failures = 0, touched[2];
    until_failure = fail_at;
    for (int i = 0; i < CALLS; i++) {
        if (pd_plan_call(p, host, p) != i) {
            failures++;
            CHECK(pd_plan_call(p, host, p) == i, "call %d", i);
        }
        if (pd_plan_touch(p, touched, sizeof touched, 1) != 0) {
            failures++;
            CHECK(pd_plan_touch(p, touched, sizeof touched, 1) == 0, "touch %d", i);
        }
    }
    const int failed = until_failure < 0;
    until_failure = INT_MAX;
    ptrdiff_t n;
    pd_plan_records(p, &n);
    CHECK(failures == failed && n == CALLS && pd_plan_seal(p, 0) == 0, "%d failures, %td records", failures, n);
    pd_plan_free(p);
    return failed;
}

/* A product that has a room of its own for panels, of small whole numbers, with and without memory for it. */
static void product_without_room(void) {
    enum { N = 256 };
    float *a = pd_alloc(sizeof(float[3][N * N])), *with = a + N * N, *without = with + N * N;
    for (int i = 0; i < N * N; i++) a[i] = (float)(i % 7 - 3);
    const pd_matrix m = {a, N, N, N, 1};
    pd_product p = {.matmul = pd_kernel_at(pd_op_number("matmul"), PD_BASELINE, PD_FLOAT32),
                    .size = sizeof(float),
                    .a = m,
                    .b = m,
                    .y = with};
    pd_multiply(&p, 2);
    p.y = without;
    until_failure = 0;
    pd_multiply(&p, 2);
    CHECK(until_failure < 0, "no memory was asked for");
    until_failure = INT_MAX;
    CHECK(!memcmp(with, without, sizeof(float[N * N])), "other sums without a room");
    pd_free(a);
}

void test_no_memory(void) {
    two_layers expected = {0};
    CHECK(attempt(INT_MAX, 0, &expected) == 0, "nothing failed");
    int n = 0, m = 0;
    while (attempt(n, 0, &expected) != 0) n++;
    for (int i = 0; i < n; i++) CHECK(attempt(i, 1, &expected) != 0, "allocation %d", i);
    while (call_and_touch(m)) m++;
    CHECK(n > 40 && m >= 6, "%d and %d allocations", n, m); /* two of each record, and arrays that grow */
    two_layers_free(&expected);
    product_without_room();
}
