/* test_layout.c: buffers that share memory: nothing that is still wanted is overwritten, no barrier is missing, and results
 * have the bits they have without sharing. */
#include "test_core.h"

#include <string.h>

enum { THREADS = 7, MB = 1 << 20 };

/* ---- random plans ------------------------------------------------------------------------------------------------- */
enum { MOST_BUFFERS = 30, MOST_RECORDS = 60, SHAPES = 4, PER_RECORD = 3 };

typedef struct {
    int buffer, writes;
} access;
typedef struct {
    ptrdiff_t B, L, O; /* rows of width O, L of them a sample; L 0: B * O elements that are split as they lie */
    access accesses[PER_RECORD];
} work;
typedef struct {
    ptrdiff_t bytes[MOST_BUFFERS], first[MOST_BUFFERS], last[MOST_BUFFERS]; /* first -1: nobody touches it */
    work records[MOST_RECORDS];
    int nbuffers, nrecords;
    pd_plan *plan;
} random_plan;

static unsigned below(unsigned *seed, unsigned n) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void note(random_plan *p, int record, int slot, int buffer, int writes) {
    p->records[record].accesses[slot] = (access){buffer, writes};
    if (p->first[buffer] < 0) {
        p->first[buffer] =
            writes ? record : 0; /* read first: it comes from the step before, and is wanted at the end */
        p->last[buffer] = writes ? record : MOST_RECORDS;
    }
    if (p->last[buffer] < record) p->last[buffer] = record;
}

/* Sums, activations and optimizer steps on buffers of a few shapes, in any order. */
static void make(random_plan *p, unsigned seed) {
    static const struct {
        ptrdiff_t B, L, O;
    } shapes[SHAPES] = {{2048, 1, 1024}, {6144, 3, 512}, {2048, 1, 2560}, {20, 4, MB / 16}};
    memset(p, 0, sizeof *p);
    p->plan = pd_plan_new(PD_FLOAT32, PD_BASELINE, THREADS);
    p->nbuffers = 12 + (int)below(&seed, MOST_BUFFERS - 12);
    p->nrecords = 20 + (int)below(&seed, MOST_RECORDS - 20);
    for (int b = 0; b < p->nbuffers; b++) {
        p->bytes[b] = shapes[b % SHAPES].B * shapes[b % SHAPES].O * 4;
        p->first[b] = -1;
        CHECK(pd_plan_buffer(p->plan, p->bytes[b]) == b, "buffer %d", b);
    }
    const int live = 2 + (int)below(&seed, 3);
    for (int i = 0; i < p->nrecords; i++) {
        const int s = (int)below(&seed, SHAPES), like = (p->nbuffers - s + SHAPES - 1) / SHAPES;
        const int from = i * like / p->nrecords; /* the later, the higher their numbers, so that lives end */
        int b[PER_RECORD];
        for (int k = 0; k < PER_RECORD; k++)
            b[k] = s + SHAPES * (int)((from + (int)below(&seed, (unsigned)live)) % like);
        void *x = pd_ref(b[0], 0), *x2 = pd_ref(b[1], 0), *y = pd_ref(b[2], 0);
        const ptrdiff_t B = shapes[s].B, O = shapes[s].O, L = shapes[s].L;
        const pd_binary_args add = {.x1 = x, .x2 = x2, .y = y, .B = B / L, .O = O * L};
        const pd_act_fwd_args act = {.x = x, .y = y, .B = B, .O = O, .L = L};
        const pd_opt_args step = {.g = x, .w = y, .n = B * O};
        const pd_gather_args gather = {.y = y, .B = B / L, .O = O * L};
        enum { ADD, ACT, STEP, GATHER } kind = p->first[b[0]] < 0 ? GATHER : below(&seed, GATHER + 1);
        work *w = &p->records[i];
        *w = (work){.B = B / L, .L = 1, .O = O * L, .accesses = {{-1, 0}, {-1, 0}, {-1, 0}}};
        if (kind == ACT) w->B = B, w->L = L, w->O = O;
        if (kind == STEP) w->L = 0;
        if (kind != GATHER) note(p, i, 0, b[0], 0);
        if (kind == ADD) note(p, i, 1, b[1], 0);
        static const char *const ops[] = {"add", "act_tanh_fwd", "opt_sgd_step", "gather"};
        const void *const args[] = {&add, &act, &step, &gather};
        CHECK(pd_plan_emit(p->plan, pd_op_number(ops[kind]), args[kind]) == i, "no memory");
        note(p, i, 2, b[2], 1);
    }
    CHECK(pd_plan_seal(p->plan, 0) == 0, "no memory");
}

/* Buffers that are wanted at the same time lie apart, and all within the plan's memory. Returns bytes of all buffers. */
static ptrdiff_t check_lifetimes(const random_plan *p) {
    ptrdiff_t sum = 0;
    for (int a = 0; a < p->nbuffers; a++) {
        const ptrdiff_t at = pd_plan_offset(p->plan, a);
        sum += p->bytes[a];
        if (at < 0) continue; /* it is folded */
        CHECK(at % 64 == 0 && at + p->bytes[a] <= pd_plan_bytes(p->plan), "buffer %d at %td", a, at);
        for (int b = 0; b < a; b++) {
            const ptrdiff_t other = pd_plan_offset(p->plan, b);
            if (other < 0 || p->first[a] < 0 || p->first[b] < 0) continue;
            if (p->first[a] > p->last[b] || p->first[b] > p->last[a]) continue;
            CHECK(at + p->bytes[a] <= other || other + p->bytes[b] <= at, "buffers %d and %d overlap", a, b);
        }
    }
    return sum;
}

/* Bytes [lo, hi) of a buffer that thread ith of nth touches, as kernel.h shares them out. */
static void share_of(const work *w, int ith, int nth, ptrdiff_t *lo, ptrdiff_t *hi) {
    ptrdiff_t n = w->B, rows = 1, width = w->O * 4, grain = 1;
    if (w->L == 0) {
        n *= w->O;
        width = 4;
        grain = 64;
    } else if (n / w->L >= nth) {
        rows = w->L;
        if (n / rows >= 16 * nth) grain = 8;
    }
    const ptrdiff_t groups = (n / rows + grain - 1) / grain, total = n * width;
    *lo = groups * ith / nth * grain * rows * width;
    *hi = groups * (ith + 1) / nth * grain * rows * width;
    if (*lo > total) *lo = total;
    if (*hi > total) *hi = total;
}

static int thread_conflict(const random_plan *p, const work *a, const work *b, int nth) {
    for (int i = 0; i < PER_RECORD * PER_RECORD; i++) {
        const access x = a->accesses[i / PER_RECORD], y = b->accesses[i % PER_RECORD];
        if (x.buffer < 0 || y.buffer < 0 || !(x.writes || y.writes)) continue;
        for (int t = 0; t < nth * nth; t++) {
            ptrdiff_t lo, hi, lo2, hi2;
            if (t / nth == t % nth) continue;
            share_of(a, t / nth, nth, &lo, &hi);
            share_of(b, t % nth, nth, &lo2, &hi2);
            const ptrdiff_t at = pd_plan_offset(p->plan, x.buffer), other = pd_plan_offset(p->plan, y.buffer);
            if (at < 0 || other < 0) continue; /* threads have their own */
            if (at + lo < other + hi2 && other + lo2 < at + hi && lo < hi && lo2 < hi2) return 1;
        }
    }
    return 0;
}

/* Without a barrier between them no thread writes what another one touches. Returns the number of barriers. */
static int check_barriers(const random_plan *p) {
    ptrdiff_t n;
    const pd_record *records = pd_plan_records(p->plan, &n);
    int barriers = 0, since = 0;
    for (int i = 0; i < p->nrecords; i++) {
        if (records[i].barrier) since = i;
        barriers += records[i].barrier;
        for (int j = since; j < i; j++)
            for (int nth = 2; nth <= THREADS; nth++)
                CHECK(!thread_conflict(p, &p->records[j], &p->records[i], nth), "records %d and %d on %d threads", j, i,
                      nth);
    }
    return barriers;
}

static void test_random_plans(void) {
    static random_plan p;
    int shared = 0, free_of_barriers = 0;
    for (unsigned seed = 1; seed <= 300; seed++) {
        make(&p, seed);
        shared += pd_plan_bytes(p.plan) < check_lifetimes(&p);
        free_of_barriers += check_barriers(&p) < p.nrecords / 2;
        pd_plan_free(p.plan);
    }
    CHECK(shared > 200, "only %d plans share memory", shared);
    CHECK(free_of_barriers > 20, "only %d plans have few barriers", free_of_barriers);
}

/* ---- chains ----------------------------------------------------------------------------------------------------------- */
enum { SAMPLES = 3072, WIDTH = 600, LINKS = 16 };

typedef struct {
    ptrdiff_t samples, L, width[LINKS]; /* of each buffer: bytes of a sample / 4 */
    int threads;
} chain;

/* gather, a link from each buffer to the next, put; a link's rows are by turns whole samples and L of them. */
static pd_plan *chain_plan(const chain *c, ptrdiff_t gap) {
    pd_plan *p = pd_plan_new(PD_FLOAT32, best_isa(), c->threads);
    for (int i = 0; i < LINKS; i++) pd_plan_buffer(p, c->samples * c->width[i] * 4);
    const pd_gather_args gather = {.y = pd_ref(0, 0), .B = c->samples, .O = c->width[0]};
    pd_plan_emit(p, pd_op_number("gather"), &gather);
    for (int i = 1; i < LINKS; i++) {
        const ptrdiff_t L = i % 2 ? c->L : 1, O = c->width[i] / L;
        void *x = pd_ref(i - 1, 0), *y = pd_ref(i, 0);
        const pd_act_fwd_args act = {.x = x, .y = y, .B = c->samples * L, .O = O, .L = L, .alpha = 0.9};
        const pd_copy_args copy = {
            .x = x, .y = y, .B = c->samples, .O = c->width[i], .ldx = c->width[i - 1], .ldy = c->width[i]};
        if (c->width[i] == c->width[i - 1]) pd_plan_emit(p, pd_op_number("act_leaky_relu_fwd"), &act);
        else pd_plan_emit(p, pd_op_number("copy"), &copy);
    }
    const pd_put_args put = {.x = pd_ref(LINKS - 1, 0), .B = c->samples, .O = c->width[LINKS - 1]};
    CHECK(pd_plan_emit(p, pd_op_number("put"), &put) == LINKS && pd_plan_seal(p, gap) == 0, "no memory");
    return p;
}

/* Its output, to be freed, after two steps. */
static float *chain_run(const chain *c, pd_plan *p, int threads) {
    const size_t bytes = (size_t)(2 * c->samples * c->width[LINKS - 1]) * sizeof(float);
    const ptrdiff_t n = 2 * c->samples * c->width[0];
    float *in = malloc((size_t)n * sizeof *in), *out = malloc(bytes);
    void *memory = pd_alloc((size_t)pd_plan_bytes(p)), *sinks[] = {out};
    CHECK(in && out && memory, "no memory");
    for (ptrdiff_t i = 0; i < n; i++) in[i] = (float)(i % 1021 - 500);
    const pd_source src = {in, c->width[0], PD_SRC_F32};
    const pd_chunk chunk = {.steps = 2, .batch = c->samples, .src = &src, .sinks = sinks};
    pd_plan_bind(p, memory);
    ptrdiff_t count;
    const pd_record *records = pd_plan_records(p, &count);
    CHECK(pd_run(records, count, &chunk, threads) == 2, "%d threads", threads);
    free(in);
    pd_free(memory);
    return out;
}

static ptrdiff_t barriers_of(const pd_plan *p) {
    ptrdiff_t n, barriers = 0;
    const pd_record *records = pd_plan_records(p, &n);
    for (ptrdiff_t i = 0; i < n; i++) barriers += records[i].barrier;
    return barriers;
}

/* most: bytes of the plan at most, of a sum of all buffers that is more. */
static void test_chain(chain c, ptrdiff_t least_barriers, ptrdiff_t most_barriers, ptrdiff_t most, const char *what) {
    pd_plan *apart = chain_plan(&c, 64), *p = chain_plan(&c, 0);
    const ptrdiff_t barriers = barriers_of(p);
    CHECK(least_barriers <= barriers && barriers <= most_barriers, "%s: %td barriers", what, barriers);
    CHECK(pd_plan_bytes(p) <= most && pd_plan_bytes(apart) > most, "%s: %td bytes", what, pd_plan_bytes(p));
    float *expected = chain_run(&c, apart, 1);
    for (int threads = 1; threads <= c.threads; threads += threads < 3 ? 1 : c.threads - 3) {
        float *out = chain_run(&c, p, threads);
        CHECK(!memcmp(out, expected, (size_t)(2 * c.samples * c.width[LINKS - 1]) * sizeof *out),
              "%s: other bits on %d threads", what, threads);
        free(out);
        if (threads == c.threads) break;
    }
    free(expected);
    pd_plan_free(p);
    pd_plan_free(apart);
}

void test_layout(void) {
    test_random_plans();
    chain even = {.samples = SAMPLES, .L = 1, .threads = THREADS}, narrowing = even, few = even;
    for (int i = 0; i < LINKS; i++) {
        even.width[i] = WIDTH;
        narrowing.width[i] = WIDTH - 24 * i;
        few.width[i] = SAMPLES * WIDTH / 4;
    }
    const ptrdiff_t buffer = SAMPLES * WIDTH * 4;
    test_chain(even, 1, 1, 2 * buffer, "buffers of one size");
    test_chain(narrowing, 2, LINKS + 1, 3 * buffer, "buffers of many sizes");
    even.L = 3;
    test_chain(even, 1, 1, 2 * buffer, "samples of three rows");
    few.samples = 4;
    few.L = 3;
    test_chain(few, LINKS - 1, LINKS + 1, 2 * buffer, "fewer samples than threads");
    few.threads = 4;
    test_chain(few, 1, 1, 2 * buffer, "as many samples as threads");
    /* samples that touch more: only those that threads are at have room */
    for (int i = 0; i < LINKS; i++) {
        even.width[i] = 12 * WIDTH;
        narrowing.width[i] = 12 * WIDTH - 240 * i;
    }
    even.samples = narrowing.samples = SAMPLES / 12;
    test_chain(even, 1, 1, THREADS * 16 * 12 * WIDTH * 4, "folded buffers");
    test_chain(narrowing, 1, 1, THREADS * 16 * 12 * WIDTH * 4, "folded buffers of many sizes");
    narrowing.threads = 1;
    test_chain(narrowing, 1, 1, 16 * 12 * WIDTH * 4, "folded buffers of one thread");
}
