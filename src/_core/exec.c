/* exec.c: runs the records of a plan for a chunk of steps. The only file that knows OpenMP;
 * compiled without it, as for the C library, every run is serial.
 *
 * One parallel region per chunk: every thread walks all records, computes its share of each (or, of long ones, piece
 * after piece: a thread that is done helps the others), and waits for the others at a barrier before those records
 * that ask for one. One team runs at a time: a second run at once, or one from inside somebody's parallel region, is
 * serial. The number of threads comes with each region (num_threads clause), never from omp_set_num_threads, because
 * the runtime may be shared with other libraries of the process.
 */
#define _GNU_SOURCE /* sched_getcpu, sched_setaffinity, syscall */
#include "exec.h"
#include "shares.h"

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#endif
#include <string.h>
#include <time.h>
#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef _OPENMP
/* 1 while a team of ours is running. */
static atomic_flag team_busy = ATOMIC_FLAG_INIT;
#endif

/* The OpenMP runtime's own barrier spins for about a millisecond before it lets go of a core: fine if every thread
 * has a core to itself, but on a busy machine the thread waited for is often the one that needs it. This one goes to
 * sleep earlier. Not by sched_yield: on a busy machine that leaves the core to somebody else for milliseconds, whereas
 * who slept is soon run when woken (`python -m bench neighbours`). */
enum { SPINS = 2000 }; /* about 40 us */

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
static void sleep_while(atomic_uint *word, unsigned value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_all(atomic_uint *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }
#else
static void sleep_while(atomic_uint *word, unsigned value) {
    const struct timespec nap = {0, 50000};
    (void)word;
    (void)value;
    nanosleep(&nap, NULL);
}
static void wake_all(atomic_uint *word) { (void)word; }
#endif

static void wait_at_barrier(exec_barrier *b, int nth) {
    const unsigned phase = atomic_load_explicit(&b->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == nth - 1) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store(&b->phase, phase + 1); /* in one order with `asleep`: who is not seen there sees this */
        if (atomic_load(&b->asleep)) wake_all(&b->phase);
        return;
    }
    for (int looks = 0; looks < SPINS; looks++) {
        if (atomic_load_explicit(&b->phase, memory_order_acquire) != phase) return;
        relax();
    }
    atomic_fetch_add(&b->asleep, 1);
    while (atomic_load(&b->phase) == phase) sleep_while(&b->phase, phase);
    atomic_fetch_sub_explicit(&b->asleep, 1, memory_order_relaxed);
}

#ifdef _OPENMP
/* A thread that slept since the last region is often woken on the CPU of the thread that woke it, and the two take
 * turns there until the kernel balances its queues: tens of milliseconds. So the woken thread steps aside at once if
 * its affinity leaves it another CPU; when it returns its affinity is as before. */
#if defined(__linux__)
static int current_cpu(void) { return sched_getcpu(); }
static void leave(int cpu) {
    cpu_set_t own, others;
    if (sched_getaffinity(0, sizeof own, &own) != 0) return;
    others = own;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0) return;
    if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof own, &own);
}
#else
static int current_cpu(void) { return -1; }
static void leave(int cpu) { (void)cpu; }
#endif
#endif

/* Subnormal numbers are zero while records run (docs/adr/0006): what decays in an optimizer's slots ends among them,
 * and arithmetic on them takes up to a hundred times as long. The mode is the thread's, and its callers get it back. */
#if defined(__x86_64__)
typedef unsigned fp_mode;
static fp_mode current_mode(void) { return __builtin_ia32_stmxcsr(); }
static void set_mode(fp_mode mode) { __builtin_ia32_ldmxcsr(mode); }
enum { FLUSH = 0x8040 }; /* results, operands */
#elif defined(__aarch64__)
typedef uint64_t fp_mode;
static fp_mode current_mode(void) {
    fp_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static void set_mode(fp_mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
enum { FLUSH = 1 << 24 };
#else
typedef unsigned fp_mode;
static fp_mode current_mode(void) { return 0; }
static void set_mode(fp_mode mode) { (void)mode; }
enum { FLUSH = 0 };
#endif

/* Records between two barriers may be run piece by piece, as if by a larger team, one thread after the other. Each
 * thread begins with its own share, so that what it wrote stays in its cache, and then helps the others: a thread
 * whose core is slower, or shared with something else, does less. The first piece is the largest and the last are
 * small, as the threads wait for one of them at most. */
enum { UNITS = 8, PIECES = 4 };
static const int piece_cuts[PIECES + 1] = {0, 4, 6, 7, UNITS};

static void set_step(pd_step *step, const pd_chunk *c, ptrdiff_t s) {
    step->rows = c->rows ? c->rows + s * c->batch : NULL;
    step->next = c->rows && s + 1 < c->steps ? step->rows + c->batch : NULL;
    step->row0 = c->row0 + s * c->batch;
    step->count = c->count + (uint64_t)s;
    step->update = c->every <= 1 || (step->count + 1) % c->every == 0;
    for (int i = 0; i < PD_COEFS; i++) step->coef[i] = c->coefs ? c->coefs[s * PD_COEFS + i] : 0;
}

static int due(const pd_record *r, const pd_step *step) { return r->when == PD_ALWAYS || step->update; }

/* Records [r, end), piece by piece. */
static void run_pieces(exec_queue *queues, const pd_record *r, const pd_record *end, const pd_step *step, int ith,
                       int nth) {
    for (int k = 0; k < nth; k++) {
        const int whose = (ith + k) % nth;
        atomic_int *next = &queues[whose].next;
        while (atomic_load_explicit(next, memory_order_relaxed) < PIECES) {
            const int piece = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
            if (piece >= PIECES) break;
            const pd_share share = {whose * UNITS + piece_cuts[piece], whose * UNITS + piece_cuts[piece + 1],
                                    nth * UNITS, 0, 1};
            for (const pd_record *q = r; q < end; q++) {
                if (!due(q, step)) continue;
                if (!q->serial) q->fn(q->args, step, share);
                else if (share.lo == 0) q->fn(q->args, step, PD_WHOLE);
            }
        }
    }
}

/* Records [r, end) on some samples of this thread's share after the other, so that what one writes is in a cache when
 * the next one reads it. Kernels count samples from the first of all: what holds only those that are at hand is said to
 * begin so much earlier. */
static void run_deep(const pd_record *r, const pd_record *end, const pd_step *step, pd_share share, int parts) {
    for (int part = 0; part < parts; part++) {
        share.part = (uint16_t)part;
        share.parts = (uint16_t)parts;
        ptrdiff_t lo, hi;
        pd_rows(r->samples, 1, share, &lo, &hi);
        for (const pd_record *q = r; q < end; q++) {
            if (!q->nfolds) {
                q->fn(q->args, step, share);
                continue;
            }
            _Alignas(16) char args[PD_ARGS_MOST];
            memcpy(args, q->args, q->size);
            for (const pd_fold *f = q->folds; f < q->folds + q->nfolds; f++)
                *(uintptr_t *)(args + f->field) += (uintptr_t)(step->thread * f->apart - lo * f->sample);
            q->fn(args, step, share);
        }
    }
}

static void walk_records(exec_run *run, int ith, int nth, fp_mode host) {
    const pd_chunk *c = run->chunk;
    pd_step step = {
        .src = c->src, .sinks = c->sinks, .sums = c->sums, .seed = c->seed, .failed = &run->failed, .thread = ith};
    step.caches = pd_caches_in_use();
    const pd_share share = {ith, ith + 1, nth, 0, 1};
    int turn = 0;
    for (ptrdiff_t s = 0; s < c->steps; s++) {
        set_step(&step, c, s);
        for (const pd_record *r = run->records, *end = r + run->count; r < end; r++) {
            const int pieces = nth > 1 && nth <= EXEC_QUEUES ? r->pieces : 0;
            if (pieces) atomic_store_explicit(&run->queues[turn][ith].next, 0, memory_order_relaxed);
            if (r->barrier && nth > 1) wait_at_barrier(&run->barrier, nth);
            if (pieces) {
                const pd_record *stop = pieces < end - r ? r + pieces : end;
                run_pieces(run->queues[turn], r, stop, &step, ith, nth);
                turn = !turn;
                r = stop - 1;
                continue;
            }
            if (r->deep > 1) {
                const pd_record *stop = r->deep < end - r ? r + r->deep : end;
                run_deep(r, stop, &step, share, pd_parts(r->parts, nth));
                r = stop - 1;
                continue;
            }
            if (!due(r, &step)) continue;
            if (r->host) set_mode(host);
            if (!r->serial) r->fn(r->args, &step, share);
            else if (ith == 0) r->fn(r->args, &step, PD_WHOLE);
            if (!r->host) continue;
            set_mode(host | FLUSH);
            if (nth > 1) wait_at_barrier(&run->barrier, nth);
            if (run->failed) return; /* every thread sees the same value after the barrier */
        }
        if (ith == 0) run->done = s + 1;
    }
}

void exec_walk(exec_run *run, int ith, int nth) {
    const fp_mode host = current_mode();
    set_mode(host | FLUSH);
    walk_records(run, ith, nth, host);
    set_mode(host);
}

#ifdef _OPENMP
ptrdiff_t pd_run(const pd_record *records, ptrdiff_t nrecords, const pd_chunk *chunk, int nth) {
    exec_run run = {.records = records, .count = nrecords, .chunk = chunk};
    if (nth > 1 && !omp_in_parallel() && !atomic_flag_test_and_set(&team_busy)) {
        const int home = current_cpu();
        exec_queue queues[2][EXEC_QUEUES];
        run.queues = queues;
#pragma omp parallel num_threads(nth)
        {
            const int ith = omp_get_thread_num();
            if (ith > 0 && home >= 0 && current_cpu() == home) leave(home);
            exec_walk(&run, ith, omp_get_num_threads());
        }
        atomic_flag_clear(&team_busy);
    } else {
        exec_walk(&run, 0, 1);
    }
    return run.done;
}

int pd_max_threads(void) { return omp_get_max_threads(); }

/* After one parallel region, a forked child's first region would wait for threads that did not survive the fork. Giving
 * the team up before the fork cures it in parent and child; the child also forgets a team its parent was running. */
static void before_fork(void) { omp_pause_resource_all(omp_pause_soft); }
static void in_child(void) { atomic_flag_clear(&team_busy); }

int pd_install_fork_handler(void) { return pthread_atfork(before_fork, NULL, in_child); }
#else
ptrdiff_t pd_run(const pd_record *records, ptrdiff_t nrecords, const pd_chunk *chunk, int nth) {
    (void)nth;
    exec_run run = {.records = records, .count = nrecords, .chunk = chunk};
    exec_walk(&run, 0, 1);
    return run.done;
}
#endif
