/* exec.h: a run as the threads of its team see it: for exec.c, and for tests that start a team of their own. */
#ifndef PD_EXEC_H
#define PD_EXEC_H

#include "pd.h"

#include <stdatomic.h>

/* A barrier: nobody passes it before all threads of the team have come to it. */
typedef struct {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint phase; /* times it was passed */
    _Alignas(64) atomic_int asleep; /* threads that wait without a core: read often, so not beside what changes */
} exec_barrier;

/* A thread's share of some records, cut into pieces that any thread may take. */
typedef struct {
    _Alignas(64) atomic_int next; /* the first piece that nobody has begun */
} exec_queue;

enum { EXEC_QUEUES = 64 }; /* larger teams run records share by share */

typedef struct {
    exec_barrier barrier;
    exec_queue (*queues)[EXEC_QUEUES]; /* two: threads may still look for work in one when the other is filled */
    const pd_record *records;
    ptrdiff_t count;
    const pd_chunk *chunk;
    int failed;     /* a host record failed */
    ptrdiff_t done; /* steps completed; written by thread 0 */
} exec_run;

/* What thread ith of a team of nth does; returns when its part of all steps is done. */
void exec_walk(exec_run *run, int ith, int nth);

#endif
