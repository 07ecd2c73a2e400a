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

long test_ops(void); /* test_ops.c: every op; returns the number of calls */
void test_run(void); /* test_run.c: plans, threads, forks */

#endif
