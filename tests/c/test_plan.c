/* test_plan.c: plans that are built, sealed, bound and run by C alone: where barriers and pieces are, and that no bit of a
 * result depends on them, on the number of threads or on where the memory is. */
#include "test_core.h"

#include <string.h>

enum { THREADS = 7, SUM = 6 }; /* SUM: the first record that sums over the batch */
static const int counts[] = {1, 2, 3, THREADS};
enum { COUNTS = sizeof counts / sizeof *counts };

static const layer_sizes SMALL = {.B = 40, .I = 13, .H = 21, .O = 5, .threads = THREADS};
static const layer_sizes LARGE = {.B = 128, .I = 200, .H = 96, .O = 70, .threads = THREADS};

static void build(two_layers *m, layer_sizes size) {
    CHECK(two_layers_build(m, size, 0) == 0, "no memory");
    two_layers_bind(m);
}

/* The state after all steps of the same records on one thread, a barrier before each. */
static void train_plainly(two_layers *m) {
    ptrdiff_t n;
    const pd_record *records = pd_plan_records(m->plan, &n);
    pd_record *plain = malloc((size_t)n * sizeof *plain);
    CHECK(plain, "no memory");
    for (ptrdiff_t i = 0; i < n; i++) {
        plain[i] = records[i];
        plain[i].barrier = 1;
        plain[i].pieces = 0;
    }
    two_layers_train(m, plain, NET_STEPS, 1);
    free(plain);
}

static void check_same(const two_layers *a, const two_layers *b, const char *what, int threads) {
    CHECK(memcmp(a->state, b->state, (size_t)a->bytes) == 0, "weights differ: %s, %d threads", what, threads);
    CHECK(memcmp(a->sums, b->sums, sizeof a->sums) == 0, "sums differ: %s, %d threads", what, threads);
}

/* ---- where barriers and pieces are ------------------------------------------------------------------------------- */
static void check_records(const two_layers *m, int pieces) {
    ptrdiff_t n;
    const pd_record *r = pd_plan_records(m->plan, &n);
    CHECK(n == (m->size.every > 1 ? 19 : 15), "%td records", n);
    for (ptrdiff_t i = 0; i < n; i++) {
        CHECK(r[i].barrier == (i == 0 || i == SUM), "record %td: barrier %d", i, r[i].barrier);
        CHECK(r[i].pieces == (pieces && i == SUM ? n - SUM : 0), "record %td: %d pieces", i, r[i].pieces);
        CHECK(r[i].serial == (i == SUM) && !r[i].host, "record %td", i);
    }
}

/* ---- bits --------------------------------------------------------------------------------------------------------- */
static void test_bits(layer_sizes size, int pieces, const char *what) {
    two_layers expected, m;
    build(&expected, size);
    const float before = expected.state[0];
    train_plainly(&expected);
    CHECK(expected.state[0] != before && expected.sums[0] > 0, "%s: nothing was learnt", what);
    CHECK(expected.sums[1] == (double)(NET_STEPS * size.B), "%s: %g samples", what, expected.sums[1]);
    build(&m, size);
    check_records(&m, pieces);
    for (int i = 0; i < COUNTS; i++) {
        two_layers_reset(&m);
        two_layers_train(&m, NULL, NET_STEPS, counts[i]);
        check_same(&m, &expected, what, counts[i]);
        two_layers_reset(&m);
        two_layers_train(&m, NULL, 5, counts[i]);
        two_layers_bind(&m);
        two_layers_train(&m, NULL, NET_STEPS - 5, counts[COUNTS - 1 - i]);
        check_same(&m, &expected, "bound to other memory on the way", counts[i]);
    }
    two_layers_free(&m);
    two_layers_free(&expected);
}

/* ---- records of steps that update ---------------------------------------------------------------------------------- */
static void test_updates(layer_sizes size, int pieces) {
    size.every = 3;
    test_bits(size, pieces, "an update every third step");
    two_layers m;
    build(&m, size);
    const float *w = m.weights[0];
    float last = w[0];
    for (int step = 1; step <= NET_STEPS; step++) { /* each in a run of its own: steps are counted across runs */
        two_layers_train(&m, NULL, 1, 2);
        CHECK((w[0] != last) == (step % 3 == 0), "step %d: weight %g, before %g", step, (double)w[0], (double)last);
        last = w[0];
    }
    two_layers expected;
    build(&expected, size);
    train_plainly(&expected);
    check_same(&m, &expected, "step by step", 2);
    two_layers_free(&expected);
    two_layers_free(&m);
}

/* ---- host records --------------------------------------------------------------------------------------------------- */
typedef struct {
    float *data;
    ptrdiff_t n;
    int calls, stop_at; /* the call that fails */
} host;

/* Turns the buffer round, so that each thread reads behind it what another one wrote. */
static void turn(const void *context, const pd_step *step, pd_share share) {
    host *h = (host *)context;
    CHECK(step->thread == 0 && share.lo == 0 && share.hi == 1 && share.of == 1, "a host record on thread %d",
          step->thread);
    if (++h->calls == h->stop_at) *step->failed = 1;
    for (ptrdiff_t i = 0; i < h->n / 2; i++) {
        const float x = h->data[i];
        h->data[i] = h->data[h->n - 1 - i];
        h->data[h->n - 1 - i] = x;
    }
}

static void test_host_records(void) {
    enum { B = 64, O = 33, STEPS = 6 };
    static float source[B * O], out[2][STEPS * B * O];
    fill(source, B * O, PD_FLOAT32, 5);
    host h = {.n = B * O};
    pd_plan *p = pd_plan_new(PD_FLOAT32, best_isa(), THREADS);
    const int x = pd_plan_buffer(p, sizeof source);
    const pd_gather_args gather = {.y = pd_ref(x, 0), .B = B, .O = O};
    const pd_affine_args affine = {.x = pd_ref(x, 0), .y = pd_ref(x, 0), .B = B, .O = O, .a = 2, .c = 1};
    const pd_put_args put = {.x = pd_ref(x, 0), .B = B, .O = O};
    pd_plan_emit(p, pd_op_number("gather"), &gather);
    pd_plan_emit(p, pd_op_number("affine"), &affine);
    CHECK(pd_plan_call(p, turn, &h) == 2, "its number");
    CHECK(pd_plan_touch(p, pd_ref(x, 0), sizeof source, 1) == 0, "no memory");
    pd_plan_emit(p, pd_op_number("affine"), &affine);
    CHECK(pd_plan_emit(p, pd_op_number("put"), &put) == 4 && pd_plan_seal(p, 0) == 0, "no memory");
    ptrdiff_t n;
    const pd_record *records = pd_plan_records(p, &n);
    for (ptrdiff_t i = 0; i < n; i++) { /* behind it there is one by itself */
        CHECK(records[i].barrier == (i == 0 || i == 2), "record %td: barrier %d", i, records[i].barrier);
        CHECK(records[i].host == (i == 2), "record %td", i);
    }
    char *memory = pd_alloc((size_t)pd_plan_bytes(p));
    CHECK(memory, "no memory");
    pd_plan_bind(p, memory);
    h.data = (float *)(memory + pd_plan_offset(p, x));
    for (int i = 0; i < COUNTS; i++) {
        void *sinks[] = {out[i > 0]};
        const pd_source src = {source, O, PD_SRC_F32};
        static int64_t rows[STEPS * B];
        for (int r = 0; r < STEPS * B; r++) rows[r] = r * 5 % B;
        const pd_chunk chunk = {.steps = STEPS, .batch = B, .rows = rows, .src = &src, .sinks = sinks};
        h.calls = 0;
        CHECK(pd_run(records, n, &chunk, counts[i]) == STEPS && h.calls == STEPS, "%d threads", counts[i]);
        CHECK(i == 0 || memcmp(out[0], out[1], sizeof out[0]) == 0, "%d threads: other bits", counts[i]);
        h = (host){.data = h.data, .n = h.n, .stop_at = 3};
        CHECK(pd_run(records, n, &chunk, counts[i]) == 2 && h.calls == 3, "%d threads: a failure", counts[i]);
        h.stop_at = 0;
    }
    CHECK(out[0][0] == 2 * (2 * source[5 * (B - 1) % B * O + O - 1] + 1) + 1, "%g", (double)out[0][0]);
    pd_plan_free(p);
    pd_free(memory);
}

void test_plan(void) {
    test_bits(SMALL, 0, "a small net");
    test_bits(LARGE, 1, "a large net");
    test_updates(SMALL, 0);
    test_updates(LARGE, 1);
    test_host_records();
}
