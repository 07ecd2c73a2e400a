/* test_run.c: a training step of one Dense layer as a plan: threads, runs at once, forks, records that fail. */
#include "test_core.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 96, B = 24, I = 13, O = 5, W = 8, STEPS = 40, SCRATCH = B * 32, MAX_NTH = 7, RECORDS = 9 };
/* W: O padded to whole panels */

typedef struct {
    double x[B * I], y[B * O], t[B * O], dy[B * O], loss[B], w[I * W], b[W], dw[I * W], db[W], pack[MAX_NTH * SCRATCH];
    double sums[2];
    pd_gather_args gather_x, gather_t;
    pd_gemm_fwd_args forward;
    pd_loss_args mse;
    pd_gemm_dw_args dw_args;
    pd_colsum_args db_args;
    pd_opt_args step_w, step_b;
    pd_sum_args total;
    pd_record records[RECORDS];
} net;

static double data_x[ROWS * I], data_t[ROWS * O], coefs[STEPS][PD_COEFS];
static int64_t order[STEPS * B];

static void record(net *m, int i, const char *op, const void *args) {
    const int number = op_number(op), serial = pd_op_at(number).split == PD_SPLIT_SERIAL;
    m->records[i] = (pd_record){
        .fn = pd_kernel_at(number, PD_BASELINE, PD_FLOAT64), .args = args, .serial = (uint8_t)serial, .barrier = 1};
}

static void build(net *m) {
    memset(m, 0, sizeof *m);
    fill(m->w, I * W, PD_FLOAT64, 3);
    for (int i = 0; i < I * W; i++)
        if (i % W >= O) m->w[i] = 0;
    m->gather_x = (pd_gather_args){.y = m->x, .B = B, .O = I, .k = 0};
    m->gather_t = (pd_gather_args){.y = m->t, .B = B, .O = O, .k = 1};
    m->forward = (pd_gemm_fwd_args){.x = m->x, .w = m->w, .b = m->b, .y = m->y, .B = B, .I = I, .O = O};
    m->mse =
        (pd_loss_args){.y = m->y, .t = m->t, .loss = m->loss, .dy = m->dy, .B = B, .O = O, .L = 1, .scale = 1.0 / B};
    m->dw_args = (pd_gemm_dw_args){.x = m->x,
                                   .dy = m->dy,
                                   .dw = m->dw,
                                   .n = I * W,
                                   .B = B,
                                   .I = I,
                                   .O = O,
                                   .pack = m->pack,
                                   .pack_stride = SCRATCH};
    m->db_args = (pd_colsum_args){.x = m->dy, .y = m->db, .n = O, .B = B};
    m->step_w = (pd_opt_args){.w = m->w, .g = m->dw, .n = I * W};
    m->step_b = (pd_opt_args){.w = m->b, .g = m->db, .n = O};
    m->total = (pd_sum_args){.x = m->loss, .n = B, .L = 1, .slot = 0, .factor = 1};
    record(m, 0, "gather", &m->gather_x);
    record(m, 1, "gather", &m->gather_t);
    record(m, 2, "gemm_fwd", &m->forward);
    record(m, 3, "loss_mse", &m->mse);
    record(m, 4, "gemm_dw", &m->dw_args);
    record(m, 5, "colsum", &m->db_args);
    record(m, 6, "opt_sgd_step", &m->step_w);
    record(m, 7, "opt_sgd_step", &m->step_b);
    record(m, 8, "sum", &m->total);
}

/* Every record in pieces, from the kernel's gradient on all together. */
static void in_pieces(net *m) {
    for (int i = 0; i < RECORDS; i++) m->records[i].pieces = 1;
    m->records[4].pieces = RECORDS - 4;
    for (int i = 5; i < RECORDS; i++) m->records[i].barrier = 0;
}

/* Train from the same start on nth threads. */
static void train(net *m, int nth, int pieces) {
    const pd_source sources[] = {{data_x, I, PD_SRC_F64}, {data_t, O, PD_SRC_F64}};
    build(m);
    if (pieces) in_pieces(m);
    pd_chunk chunk = {.steps = STEPS, .batch = B, .rows = order, .src = sources, .sums = m->sums, .coefs = coefs[0]};
    CHECK(pd_run(m->records, RECORDS, &chunk, nth) == STEPS, "%d threads", nth);
}

static int equal(const net *a, const net *b) {
    return !memcmp(a->w, b->w, sizeof a->w) && !memcmp(a->b, b->b, sizeof a->b) &&
           !memcmp(a->sums, b->sums, sizeof a->sums);
}

static const net *expected;
static void *train_and_compare(void *unused) {
    static const int counts[] = {1, 2, 4, MAX_NTH};
    net *m = malloc(sizeof *m);
    CHECK(m, "no memory");
    for (int i = 0; i < 4; i++) {
        for (int pieces = 0; pieces < 2; pieces++) {
            train(m, counts[i], pieces);
            CHECK(equal(m, expected), "%d threads give other bits than one, pieces %d", counts[i], pieces);
        }
    }
    free(m);
    return unused;
}

/* A host record that fails in the third step. */
static void fail_third(const void *args, const pd_step *step, pd_share share) {
    (void)args, (void)share;
    if (step->count == 2) *step->failed = 1;
}

static void test_failure(void) {
    const pd_record failing = {.fn = fail_third, .serial = 1, .barrier = 1, .host = 1};
    const pd_chunk chunk = {.steps = 5, .batch = 1};
    for (int nth = 1; nth <= 4; nth++) CHECK(pd_run(&failing, 1, &chunk, nth) == 2, "%d threads", nth);
}

/* Units done by each of two threads, of which the first is slow, and all of a step. */
static int done[2], units;
static void slow_first(const void *args, const pd_step *step, pd_share share) {
    (void)args;
    const struct timespec nap = {0, 2000000};
    if (step->thread == 0) nanosleep(&nap, NULL);
    done[step->thread] += share.hi - share.lo;
    if (share.lo == 0) units = share.of;
}

static void test_help(void) {
    const pd_record record = {.fn = slow_first, .barrier = 1, .pieces = 1};
    const pd_chunk chunk = {.steps = 20, .batch = 1};
    pd_run(&record, 1, &chunk, 2);
    CHECK(done[0] + done[1] == 20 * units, "%d and %d units", done[0], done[1]);
    CHECK(done[0] < done[1], "the slow thread did %d units, the other one %d", done[0], done[1]);
}

static void test_fork(void) {
    for (int i = 0; i < 20; i++) {
        const pid_t child = fork();
        CHECK(child >= 0, "fork failed");
        if (child == 0) {
            train_and_compare(NULL);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with status %d", status);
        train_and_compare(NULL);
    }
}

static void test_runs_at_once(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, train_and_compare, NULL), "thread %d", i);
    for (int i = 0; i < 4; i++) CHECK(!pthread_join(threads[i], NULL), "thread %d", i);
}

void test_run(void) {
    CHECK(pd_install_fork_handler() == 0, "no memory");
    fill(data_x, ROWS * I, PD_FLOAT64, 1);
    fill(data_t, ROWS * O, PD_FLOAT64, 2);
    for (int i = 0; i < STEPS; i++) coefs[i][0] = 0.1 / (1 + i);
    for (int i = 0; i < STEPS * B; i++) order[i] = i * 7 % ROWS;

    net *one = malloc(sizeof *one);
    CHECK(one, "no memory");
    train(one, 1, 0);
    CHECK(one->sums[1] == STEPS * B && one->sums[0] > 0, "sums %g %g", one->sums[0], one->sums[1]);
    expected = one;
    train_and_compare(NULL);
    test_failure();
    test_help();
    test_fork();
    test_runs_at_once();
    free(one);
}
