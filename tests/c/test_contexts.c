/* test_contexts.c: threads that share a model, each with a context of its own, under the thread sanitizer (`make tsan`).
 *
 *     test_contexts FILE...: plan files with what trains; half the threads predict while the others train. All that
 *     do the same get the same bits. */
#include <pthread.h>
#include <pydl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, ROWS = 7, PASSES = 20, PORTS = 8 };

#define CHECK(call)                                                \
    do {                                                           \
        if (call) {                                                \
            fprintf(stderr, "%s: %s\n", #call, pydl_last_error()); \
            exit(1);                                               \
        }                                                          \
    } while (0)

typedef struct {
    const pydl_model *model;
    int trains;
    char *results; /* ROWS rows of all outputs */
} job;

static size_t element(const pydl_model *model) { return pydl_model_dtype(model) == PYDL_FLOAT64 ? 8 : 4; }

static size_t bytes_of(const pydl_model *model, const int64_t *(*shape)(const pydl_model *, int, int *), int port) {
    int rank;
    const int64_t *sizes = shape(model, port, &rank);
    size_t bytes = ROWS * element(model);
    for (int d = 0; d < rank; d++) bytes *= (size_t)sizes[d];
    return bytes;
}

/* Whole numbers below the codes that an input takes, 0 and 1 where it takes any. */
static char *filled(const pydl_model *model, size_t bytes, int64_t codes) {
    char *data = malloc(bytes);
    const size_t n = bytes / element(model);
    for (size_t i = 0; data && i < n; i++) {
        const double value = (double)(int64_t)((i * 7 + 3) % (codes ? (size_t)codes : 2));
        if (element(model) == 8) ((double *)data)[i] = value;
        else ((float *)data)[i] = (float)value;
    }
    return data;
}

static void *work(void *given) {
    job *mine = given;
    const pydl_model *model = mine->model;
    const int inputs = pydl_input_count(model), outputs = pydl_output_count(model);
    void *x[PORTS], *y[PORTS], *out[PORTS];
    size_t sizes[PORTS], total = 0;
    for (int i = 0; i < inputs; i++)
        x[i] = filled(model, bytes_of(model, pydl_input_shape, i), pydl_input_codes(model, i));
    for (int i = 0; i < outputs; total += sizes[i++]) {
        sizes[i] = bytes_of(model, pydl_output_shape, i);
        y[i] = filled(model, sizes[i], 2);
        out[i] = malloc(sizes[i]);
    }
    pydl_options *options;
    pydl_context *context;
    CHECK(pydl_options_new(&options));
    CHECK(pydl_options_set_training(options, mine->trains));
    CHECK(pydl_context_new(model, ROWS, options, &context));
    for (int pass = 0; pass < PASSES; pass++) {
        if (mine->trains)
            CHECK(pydl_train_step(context, ROWS, (const void *const *)x, (const void *const *)y, NULL, NULL));
        CHECK(pydl_predict(context, ROWS, (const void *const *)x, out));
    }
    mine->results = malloc(total);
    char *at = mine->results;
    for (int i = 0; i < outputs; at += sizes[i++]) memcpy(at, out[i], sizes[i]);
    pydl_context_free(context);
    pydl_options_free(options);
    for (int i = 0; i < inputs; i++) free(x[i]);
    for (int i = 0; i < outputs; i++) free(y[i]), free(out[i]);
    return NULL;
}

int main(int argc, char **argv) {
    for (int k = 1; k < argc; k++) {
        pydl_model *model;
        CHECK(pydl_model_load(argv[k], &model));
        CHECK(pydl_input_count(model) > PORTS || pydl_output_count(model) > PORTS);
        pthread_t threads[THREADS];
        job jobs[THREADS];
        for (int t = 0; t < THREADS; t++) {
            jobs[t] = (job){model, t % 2, NULL};
            CHECK(pthread_create(&threads[t], NULL, work, &jobs[t]));
        }
        size_t total = 0;
        for (int i = 0; i < pydl_output_count(model); i++) total += bytes_of(model, pydl_output_shape, i);
        for (int t = 0; t < THREADS; t++) CHECK(pthread_join(threads[t], NULL));
        for (int t = 0; t < THREADS; t++)
            if (memcmp(jobs[t].results, jobs[t % 2].results, total) != 0) {
                fprintf(stderr, "%s: thread %d has other bits\n", argv[k], t);
                return 1;
            }
        if (memcmp(jobs[0].results, jobs[1].results, total) == 0) {
            fprintf(stderr, "%s: training changed nothing\n", argv[k]);
            return 1;
        }
        for (int t = 0; t < THREADS; t++) free(jobs[t].results);
        pydl_model_free(model);
    }
    printf("%d threads on each of %d models: the same bits\n", THREADS, argc - 1);
    return 0;
}
