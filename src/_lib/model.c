/* model.c: models as callers see them. */
#include "lib.h"

#include <math.h>
#include <string.h>

static int load(pydl_model *m, const char *path, const void *data, size_t bytes, pydl_model **model) {
    lib_find_caches();
    m->file = data;
    m->bytes = bytes;
    const int status = lib_parse(m);
    if (status == PYDL_OK) {
        *model = m;
        return PYDL_OK;
    }
    char found[400];
    strncpy(found, pydl_last_error(), sizeof found - 1);
    found[sizeof found - 1] = 0;
    if (path) lib_fail(status, "%s: %s", path, found);
    pydl_model_free(m);
    return status;
}

int pydl_model_load(const char *path, pydl_model **model) {
    if (!path || !model)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_model_load: expected a path and a place for the model");
    *model = NULL;
    void *data;
    size_t bytes;
    const int status = lib_read_file(path, &data, &bytes);
    if (status) return status;
    pydl_model *m = pd_alloc(sizeof *m);
    if (!m) {
        pd_free(data);
        return lib_fail(PYDL_NO_MEMORY, "%s: no memory for a model", path);
    }
    m->owned = data;
    return load(m, path, data, bytes, model);
}

int pydl_model_load_memory(const void *data, size_t bytes, pydl_model **model) {
    if (!data || !model || (uintptr_t)data % 8)
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_model_load_memory: expected bytes at a multiple of 8 and a place for the model");
    *model = NULL;
    pydl_model *m = pd_alloc(sizeof *m);
    if (!m) return lib_fail(PYDL_NO_MEMORY, "pydl_model_load_memory: no memory for a model");
    return load(m, NULL, data, bytes, model);
}

void pydl_model_free(pydl_model *m) {
    if (!m) return;
    pd_free(m->pool);
    pd_free(m->owned);
    pd_free(m);
}

/* Of no model, which a load that failed leaves: none of anything. */
int pydl_model_dtype(const pydl_model *m) { return m ? m->dtype : -1; }
int pydl_model_trainable(const pydl_model *m) { return m ? m->training.there : 0; }

static const lib_port *port(const lib_port *ports, int64_t n, int i) { return i >= 0 && i < n ? &ports[i] : NULL; }
static const lib_port *input(const pydl_model *m, int i) { return m ? port(m->inputs, m->ninputs, i) : NULL; }
static const lib_port *output(const pydl_model *m, int i) { return m ? port(m->outputs, m->noutputs, i) : NULL; }
static const int64_t *shape(const lib_port *p, int *rank) {
    if (rank) *rank = p ? (int)p->rank : 0;
    return p ? p->shape : NULL;
}

int pydl_input_count(const pydl_model *m) { return m ? (int)m->ninputs : 0; }
int pydl_output_count(const pydl_model *m) { return m ? (int)m->noutputs : 0; }
const char *pydl_input_name(const pydl_model *m, int i) {
    const lib_port *p = input(m, i);
    return p ? p->name : NULL;
}
const char *pydl_output_name(const pydl_model *m, int i) {
    const lib_port *p = output(m, i);
    return p ? p->name : NULL;
}
const int64_t *pydl_input_shape(const pydl_model *m, int i, int *rank) { return shape(input(m, i), rank); }
const int64_t *pydl_output_shape(const pydl_model *m, int i, int *rank) { return shape(output(m, i), rank); }
int64_t pydl_input_codes(const pydl_model *m, int i) {
    const lib_port *p = input(m, i);
    return p ? p->codes : 0;
}

/* ---- the self-test ----------------------------------------------------------------------------------------------- */
static double value(const pydl_model *m, const void *data, int64_t i) {
    return m->dtype == PD_FLOAT64 ? ((const double *)data)[i] : ((const float *)data)[i];
}

/* Whether two arrays are as equal as instruction sets let them be: sums are the same, but rounded elsewhere. */
static int close(const pydl_model *m, const void *found, const void *expected, int64_t n) {
    const double tolerance = m->dtype == PD_FLOAT64 ? 1e-8 : 1e-3;
    double largest = 1e-3;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(value(m, expected, i)));
    for (int64_t i = 0; i < n; i++) {
        const double a = value(m, found, i), b = value(m, expected, i);
        if (a != b && !(isnan(a) && isnan(b)) && !(fabs(a - b) <= tolerance * largest)) return 0;
    }
    return 1;
}

int pydl_model_selftest(const pydl_model *m) {
    if (!m) return lib_fail(PYDL_BAD_ARGUMENT, "self-test: expected a model, got NULL");
    const int64_t rows = m->test.rows;
    pydl_context *c = NULL;
    int status = pydl_context_new(m, rows, NULL, &c);
    size_t bytes = 0;
    for (int64_t i = 0; i < m->noutputs; i++) bytes += (size_t)(rows * m->outputs[i].columns * m->real_size);
    const void **in = pd_alloc((size_t)m->ninputs * sizeof *in);
    void **out = pd_alloc((size_t)m->noutputs * sizeof *out);
    char *room = pd_alloc(bytes);
    if (status == PYDL_OK && (!in || !out || !room)) status = lib_fail(PYDL_NO_MEMORY, "no memory for the self-test");
    if (status == PYDL_OK) {
        for (int64_t i = 0; i < m->ninputs; i++) in[i] = m->file + m->tensors[m->test.inputs[i]].start;
        size_t at = 0;
        for (int64_t i = 0; i < m->noutputs; i++) {
            out[i] = room + at;
            at += (size_t)(rows * m->outputs[i].columns * m->real_size);
        }
        status = pydl_predict(c, rows, in, out);
    }
    for (int64_t i = 0; i < m->noutputs && status == PYDL_OK; i++)
        if (!close(m, out[i], m->file + m->tensors[m->test.outputs[i]].start, rows * m->outputs[i].columns))
            status =
                lib_fail(PYDL_BAD_FILE, "self-test: output \"%s\" is not what the file expects", m->outputs[i].name);
    pydl_context_free(c);
    pd_free(in);
    pd_free(out);
    pd_free(room);
    return status;
}
