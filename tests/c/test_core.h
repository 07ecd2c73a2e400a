/* test_core.h: what the parts of the C test program share. A failed check prints where and ends the program. */
#ifndef TEST_CORE_H
#define TEST_CORE_H

#include "op_args.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                                                             \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                                 \
            fprintf(stderr, "\n");                                                        \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

/* memory.c: memory between canaries, which under the address sanitizer nobody may even read. */
typedef struct {
    char *base, *data;
    size_t bytes;
} block;
block block_new(size_t bytes, size_t element); /* data is aligned to its elements and no further */
void block_check_and_free(block *b, const char *what);

/* n numbers in (0.1, 0.9), the same for the same seed */
void fill(void *data, ptrdiff_t n, int dtype, unsigned seed);
size_t dtype_bytes(int dtype);
int op_number(const char *name);

/* two_layers.c: a plan of training steps of two Dense layers, the weights and the optimizer's slots outside it. */
enum { NET_WEIGHTS = 4, NET_SLOTS = 4, NET_STEPS = 12, NET_ROWS = 128, NET_COLUMNS = 256 };
typedef struct {
    ptrdiff_t B, I, H, O;
    int threads, every; /* every: steps per update */
    ptrdiff_t gap;
} layer_sizes;
typedef struct {
    layer_sizes size;
    int again; /* try what failed once more */
    pd_plan *plan;
    void *memory;
    float *state, *weights[NET_WEIGHTS]; /* each weight is followed by its slots */
    ptrdiff_t bytes;                     /* of all of them */
    double sums[2];
    ptrdiff_t count; /* steps made */
} two_layers;
int two_layers_build(two_layers *m, layer_sizes size, int again); /* -1: no memory */
void two_layers_bind(two_layers *m);                           /* to new memory, full of NaN */
void two_layers_reset(two_layers *m);                          /* weights as they were before the first step */
void two_layers_train(two_layers *m, const pd_record *records, ptrdiff_t steps,
                      int threads); /* records: NULL for the plan's */
void two_layers_free(two_layers *m);
int best_isa(void);

long test_ops(void); /* test_ops.c: every op; returns the number of calls */
void test_run(void);  /* test_run.c: plans, threads, forks */
void test_plan(void); /* test_plan.c: plans that are built in C: barriers, pieces, binding, updates, host records */
void test_layout(void);    /* test_layout.c: buffers that share memory */
void test_no_memory(void); /* test_no_memory.c: allocations that fail while a plan is built */

#endif
