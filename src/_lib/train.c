/* train.c: steps of training, and files of what came of them. */
#include "lib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int64_t *batches_of(const pydl_context *c) { return c->tensors[c->model->training.batches]; }
static double *rate_of(const pydl_context *c) { return c->tensors[c->model->training.rate]; }

/* What the optimizer needs of the step behind so many batches: as Optimizer.coefficients_of in Python. */
static void find_coefficients(const pydl_context *c, double *table) {
    const pydl_model *m = c->model;
    const double rate = *rate_of(c), t = (double)(*batches_of(c) / m->training.every + 1);
    table[0] = rate;
    table[1] = rate * m->training.weight_decay;
    if (m->training.progress == PROGRESS_ADAM)
        table[0] *= sqrt(1 - pow(m->training.beta_2, t)) / (1 - pow(m->training.beta_1, t));
}

int pydl_train_step(pydl_context *c, int64_t rows, const void *const *x, const void *const *y, const void *const *w,
                    double *loss) {
    if (!c || !c->training || !x || !y)
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_train_step: expected a context for training (pydl_options_set_training), "
                        "inputs and targets");
    if (rows < 1 || rows > c->max_batch)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_train_step: expected 1 to %lld rows, got %lld",
                        (long long)c->max_batch, (long long)rows);
    const pydl_model *m = c->model;
    const int64_t plain = m->programs[PROGRAM_TRAIN].nsources;
    const lib_program *p = &m->programs[w ? PROGRAM_TRAIN_WEIGHTED : PROGRAM_TRAIN];
    for (int64_t k = 0; k < p->nsources; k++) {
        const int64_t i = k < m->ninputs ? k : k < plain ? k - m->ninputs : k - plain;
        const char *what = k < m->ninputs ? "input" : k < plain ? "target" : "weights";
        const void *data = k < m->ninputs ? x[i] : k < plain ? y[i] : w[i];
        if (!data) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_train_step: %s %lld is NULL", what, (long long)i);
        const int status = lib_codes_fit(c, &p->sources[k], data, rows, what, i);
        if (status) return status;
        c->sources[k].data = data;
        c->sources[k].stride = (ptrdiff_t)p->sources[k].columns;
    }
    const lib_instance *instance = lib_instance_for(c, w ? PROGRAM_TRAIN_WEIGHTED : PROGRAM_TRAIN, rows);
    if (!instance) return PYDL_BAD_FILE;
    double coefs[PD_COEFS] = {0};
    find_coefficients(c, coefs);
    memset(c->sums, 0, (size_t)p->sums * sizeof *c->sums);
    const pd_chunk chunk = {.steps = 1,
                            .batch = (ptrdiff_t)rows,
                            .src = c->sources,
                            .sums = c->sums,
                            .coefs = coefs,
                            .seed = (uint64_t)m->training.seed,
                            .count = (uint64_t)*batches_of(c),
                            .every = m->training.every > 1 ? (uint64_t)m->training.every : 0};
    pd_run(instance->records, instance->count, &chunk, 1);
    ++*batches_of(c);
    double total = 0;
    for (int64_t i = 0; i < p->nlosses; i++) total += c->sums[p->losses[i].slot] / (double)rows * p->losses[i].weight;
    if (p->penalty >= 0) total += c->sums[p->penalty] / (double)rows;
    if (loss) *loss = total;
    return PYDL_OK;
}

int pydl_set_learning_rate(pydl_context *c, double rate) {
    if (!c || !c->training || !(rate >= 0) || isinf(rate))
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_set_learning_rate: expected a context for training and a rate of at least 0");
    *rate_of(c) = rate;
    return PYDL_OK;
}

int64_t pydl_batches(const pydl_context *c) { return c && c->training ? *batches_of(c) : 0; }

/* ---- saving ------------------------------------------------------------------------------------------------------ */
/* The file again, with other bytes where tensors have changed. */
static int write_all(void *file, const void *context) {
    const pydl_context *c = context;
    const pydl_model *m = c->model;
    if (fwrite(m->file, 1, m->bytes, file) != m->bytes) return -1;
    for (int64_t i = 0; i < m->ntensors; i++) {
        const lib_tensor *t = &m->tensors[i];
        if (c->tensors[i] == (const void *)(m->file + t->start)) continue;
        if (fseek(file, (long)t->start, SEEK_SET) != 0) return -1;
        if (fwrite(c->tensors[i], 1, (size_t)t->bytes, file) != (size_t)t->bytes) return -1;
    }
    return 0;
}

int pydl_save(pydl_context *c, const char *path) {
    if (!c || !path || !c->training)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_save: expected a context for training and a path");
    const pydl_model *m = c->model;
    size_t bytes = 0;
    for (int64_t i = 0; i < m->noutputs; i++) bytes += (size_t)m->tensors[m->test.outputs[i]].bytes;
    char *expected = pd_alloc(bytes);
    const void **in = pd_alloc((size_t)(m->ninputs + 1) * sizeof *in);
    void **out = pd_alloc((size_t)(m->noutputs + 1) * sizeof *out);
    int status = expected && in && out ? PYDL_OK : lib_fail(PYDL_NO_MEMORY, "pydl_save: no memory");
    if (status == PYDL_OK) { /* the self-test expects what the weights make of its input now */
        char *next = expected;
        for (int64_t i = 0; i < m->ninputs; i++) in[i] = m->file + m->tensors[m->test.inputs[i]].start;
        for (int64_t i = 0; i < m->noutputs; i++) {
            out[i] = c->tensors[m->test.outputs[i]] = next;
            next += m->tensors[m->test.outputs[i]].bytes;
        }
        status = pydl_predict(c, m->test.rows, in, out);
        if (status == PYDL_OK) status = lib_write_file(path, write_all, c);
        for (int64_t i = 0; i < m->noutputs; i++)
            c->tensors[m->test.outputs[i]] = (void *)(m->file + m->tensors[m->test.outputs[i]].start);
    }
    pd_free(expected);
    pd_free(in);
    pd_free(out);
    return status;
}
