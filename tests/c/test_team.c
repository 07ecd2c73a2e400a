/* test_team.c: plans run by a team of pthreads under the thread sanitizer, which knows nothing of the way OpenMP begins and
 * ends a parallel region. The linker sends pd_run here (--wrap); barriers, queues and kernels are the library's own. */
#include "test_core.h"

#include "exec.h"

#include <pthread.h>

enum { MOST_THREADS = 8 };

typedef struct {
    exec_run *run;
    int ith, nth;
} member;

static void *walk(void *context) {
    const member *m = context;
    exec_walk(m->run, m->ith, m->nth);
    return NULL;
}

ptrdiff_t __wrap_pd_run(const pd_record *records, ptrdiff_t nrecords, const pd_chunk *chunk, int nth);
ptrdiff_t __wrap_pd_run(const pd_record *records, ptrdiff_t nrecords, const pd_chunk *chunk, int nth) {
    exec_queue queues[2][EXEC_QUEUES];
    exec_run run = {.queues = queues, .records = records, .count = nrecords, .chunk = chunk};
    pthread_t threads[MOST_THREADS];
    member members[MOST_THREADS];
    CHECK(nth <= MOST_THREADS, "%d threads", nth);
    for (int i = 0; i < nth; i++) {
        members[i] = (member){&run, i, nth};
        CHECK(i == 0 || !pthread_create(&threads[i], NULL, walk, &members[i]), "thread %d", i);
    }
    walk(&members[0]);
    for (int i = 1; i < nth; i++) CHECK(!pthread_join(threads[i], NULL), "thread %d", i);
    return run.done;
}

int main(void) {
    test_plan();
    test_layout();
    printf("C core: plans on teams of threads: passed\n");
    return 0;
}
