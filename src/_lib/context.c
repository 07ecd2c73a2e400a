/* context.c: what one thread needs to run a model, and prediction. */
#include "lib.h"

#include <string.h>

static const size_t MAX_BYTES = (size_t)4 << 30;

int pydl_options_new(pydl_options **options) {
    if (!options) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_options_new: expected a place for the options");
    *options = pd_alloc(sizeof **options);
    if (!*options) return lib_fail(PYDL_NO_MEMORY, "pydl_options_new: no memory");
    (*options)->max_bytes = MAX_BYTES;
    return PYDL_OK;
}

void pydl_options_free(pydl_options *options) { pd_free(options); }

static int isa_number(const char *name) {
    const pd_cpuid cpu = pd_cpu_read();
    const unsigned here = pd_cpu_isas(&cpu);
    int best = -1;
    for (int i = 0; i < PD_ISAS; i++) {
        if (!(here >> i & 1) || !pd_isa_built(i)) continue;
        if (!name[0] || strcmp(name, pd_isa_name(i)) == 0) best = i;
    }
    return best;
}

int pydl_options_set_isa(pydl_options *options, const char *isa) {
    if (!options || !isa || strlen(isa) >= sizeof options->isa)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_options_set_isa: expected options and the name of an instruction set");
    if (isa_number(isa) < 0)
        return lib_fail(PYDL_UNSUPPORTED_CPU, "instruction set \"%s\": not built, or not on this CPU", isa);
    strcpy(options->isa, isa);
    return PYDL_OK;
}

int pydl_options_set_training(pydl_options *options, int training) {
    if (!options) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_options_set_training: expected options, got NULL");
    options->training = training != 0;
    return PYDL_OK;
}

int pydl_options_set_max_bytes(pydl_options *options, size_t bytes) {
    if (!options) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_options_set_max_bytes: expected options, got NULL");
    options->max_bytes = bytes;
    return PYDL_OK;
}

/* ---- making one -------------------------------------------------------------------------------------------------- */
static void mark_written(const lib_program *p, unsigned char *written) {
    for (int64_t f = 0; f < p->nforms; f++)
        for (int64_t i = 0; i < p->forms[f].nrecords; i++) {
            const lib_record *r = &p->forms[f].records[i];
            for (int k = 0; k < r->nfields; k++)
                if (r->fields[k].kind == FIELD_TENSOR && r->fields[k].field->kind == 'o')
                    written[r->fields[k].target] = 1;
        }
}

static size_t lines(int64_t bytes) { return ((size_t)bytes + LIB_LINE - 1) / LIB_LINE * LIB_LINE; }

/* Tensors that records write are the context's own; the others stay where the file has them. */
static int place_tensors(pydl_context *c, size_t max_bytes) {
    const pydl_model *m = c->model;
    c->tensors = pd_alloc((size_t)m->ntensors * sizeof *c->tensors);
    unsigned char *written = pd_alloc((size_t)m->ntensors);
    if (!c->tensors || !written) {
        pd_free(written);
        return lib_fail(PYDL_NO_MEMORY, "no memory for a context");
    }
    mark_written(&m->programs[PROGRAM_PREDICT], written);
    if (c->training) {
        mark_written(&m->programs[PROGRAM_TRAIN], written);
        mark_written(&m->programs[PROGRAM_TRAIN_WEIGHTED], written);
        written[m->training.batches] = written[m->training.rate] = 1;
    }
    size_t bytes = 0;
    for (int64_t i = 0; i < m->ntensors; i++)
        if (written[i]) bytes += lines(m->tensors[i].bytes);
    if (bytes && bytes <= max_bytes) c->copies = pd_alloc(bytes);
    char *next = c->copies;
    for (int64_t i = 0; i < m->ntensors; i++) {
        c->tensors[i] = (void *)(m->file + m->tensors[i].start);
        if (!written[i] || !next) continue;
        memcpy(next, c->tensors[i], (size_t)m->tensors[i].bytes);
        c->tensors[i] = next;
        next += lines(m->tensors[i].bytes);
    }
    pd_free(written);
    if (bytes > max_bytes)
        return lib_fail(PYDL_NO_MEMORY, "%zu bytes of weights: more than pydl_options_set_max_bytes allows", bytes);
    return bytes && !c->copies ? lib_fail(PYDL_NO_MEMORY, "no memory for a context's %zu bytes", bytes) : PYDL_OK;
}

static int place_ports(pydl_context *c) {
    int64_t sources = 1, sums = 1;
    for (int p = 0; p < LIB_PROGRAMS; p++) {
        const lib_program *program = &c->model->programs[p];
        if (program->nsources > sources) sources = program->nsources;
        if (program->sums > sums) sums = program->sums;
    }
    c->sources = pd_alloc((size_t)sources * sizeof *c->sources);
    c->sinks = pd_alloc((size_t)(c->model->noutputs + 1) * sizeof *c->sinks);
    c->sums = pd_alloc((size_t)sums * sizeof *c->sums);
    if (!c->sources || !c->sinks || !c->sums) return lib_fail(PYDL_NO_MEMORY, "no memory for a context");
    for (int64_t k = 0; k < sources; k++) c->sources[k].dtype = c->model->dtype == PD_FLOAT64 ? PD_SRC_F64 : PD_SRC_F32;
    return PYDL_OK;
}

static int place_programs(pydl_context *c, size_t max_bytes) {
    size_t bytes = 0;
    for (int p = 0; p < (c->training ? LIB_PROGRAMS : 1); p++) {
        const int status = lib_instances_new(c, p, &bytes);
        if (status) return status;
    }
    if (bytes > max_bytes)
        return lib_fail(PYDL_NO_MEMORY,
                        "%zu bytes for batches of %lld rows: more than pydl_options_set_max_bytes allows", bytes,
                        (long long)c->max_batch);
    int64_t buffers = 1;
    for (int p = 0; p < LIB_PROGRAMS; p++)
        for (int64_t i = 0; i < c->ninstances[p]; i++)
            if (c->instances[p][i].form->nbuffers > buffers) buffers = c->instances[p][i].form->nbuffers;
    pd_free(c->sizes);
    c->sizes = pd_alloc((size_t)buffers * sizeof *c->sizes);
    c->memory = pd_alloc(bytes);
    if (!c->memory || !c->sizes) return lib_fail(PYDL_NO_MEMORY, "no memory for a context's %zu bytes", bytes);
    for (int p = 0; p < LIB_PROGRAMS; p++)
        for (int64_t i = 0; i < c->ninstances[p]; i++) {
            lib_instance *instance = &c->instances[p][i];
            pd_plan_bind(instance->plan, c->memory);
            instance->records = pd_plan_records(instance->plan, &instance->count);
        }
    return PYDL_OK;
}

int pydl_context_new(const pydl_model *model, int64_t max_batch, const pydl_options *options, pydl_context **context) {
    if (!model || !context || max_batch < 1 || max_batch > LIB_MOST_BATCH)
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_context_new: expected a model, a max_batch of 1 to %d and a place for the "
                        "context",
                        LIB_MOST_BATCH);
    const pydl_options standard = {.max_bytes = MAX_BYTES}, *o = options ? options : &standard;
    *context = NULL;
    if (o->training && !model->training.there)
        return lib_fail(PYDL_BAD_ARGUMENT,
                        "pydl_context_new: the file holds nothing that trains; export it with training=True");
    for (int p = PROGRAM_TRAIN; o->training && p < LIB_PROGRAMS; p++) {
        const lib_program *program = &model->programs[p];
        const int64_t most = program->forms[program->nforms - 1].most;
        if (max_batch > most)
            return lib_fail(PYDL_BAD_ARGUMENT,
                            "pydl_context_new: the file trains on batches of up to %lld rows, got %lld; "
                            "export it with another max_batch",
                            (long long)most, (long long)max_batch);
    }
    pydl_context *c = pd_alloc(sizeof *c);
    if (!c) return lib_fail(PYDL_NO_MEMORY, "no memory for a context");
    c->model = model;
    c->max_batch = max_batch;
    c->training = o->training;
    c->isa = isa_number(o->isa);
    int status = place_tensors(c, o->max_bytes);
    if (status == PYDL_OK) status = place_ports(c);
    if (status == PYDL_OK) status = place_programs(c, o->max_bytes);
    if (status != PYDL_OK) {
        pydl_context_free(c);
        return status;
    }
    *context = c;
    return PYDL_OK;
}

void pydl_context_free(pydl_context *c) {
    if (!c) return;
    lib_instances_free(c);
    pd_free(c->tensors);
    pd_free(c->copies);
    pd_free(c->memory);
    pd_free(c->sources);
    pd_free(c->sinks);
    pd_free(c->sums);
    pd_free(c->sizes);
    pd_free(c);
}

/* ---- prediction -------------------------------------------------------------------------------------------------- */
int lib_codes_fit(const pydl_context *c, const lib_source *source, const void *data, int64_t rows, const char *what,
                  int64_t number) {
    if (!source->codes) return PYDL_OK;
    const double most = (double)source->codes;
    for (int64_t i = 0; i < rows * source->columns; i++) {
        const double code = c->model->dtype == PD_FLOAT64 ? ((const double *)data)[i] : ((const float *)data)[i];
        if (!(code >= 0 && code < most) || code != (double)(int64_t)code)
            return lib_fail(PYDL_BAD_ARGUMENT, "%s %lld: expected whole numbers from 0 to %lld, found %g in row %lld",
                            what, (long long)number, (long long)source->codes - 1, code,
                            (long long)(i / source->columns));
    }
    return PYDL_OK;
}

int pydl_predict(pydl_context *c, int64_t rows, const void *const *in, void *const *out) {
    if (!c || rows < 0 || !in || !out)
        return lib_fail(PYDL_BAD_ARGUMENT, "pydl_predict: expected a context, at least 0 rows, inputs and outputs");
    const pydl_model *m = c->model;
    const lib_program *p = &m->programs[PROGRAM_PREDICT];
    for (int64_t k = 0; k < m->ninputs; k++) {
        if (!in[k]) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_predict: input %lld is NULL", (long long)k);
        const int status = lib_codes_fit(c, &p->sources[k], in[k], rows, "pydl_predict: input", k);
        if (status) return status;
    }
    for (int64_t k = 0; k < m->noutputs; k++)
        if (!out[k]) return lib_fail(PYDL_BAD_ARGUMENT, "pydl_predict: output %lld is NULL", (long long)k);
    for (int64_t done = 0, n; done < rows; done += n) {
        n = rows - done < c->max_batch ? rows - done : c->max_batch;
        const lib_instance *instance = lib_instance_for(c, PROGRAM_PREDICT, n);
        if (!instance) return PYDL_BAD_FILE;
        for (int64_t k = 0; k < m->ninputs; k++) {
            c->sources[k].data = (const char *)in[k] + done * p->sources[k].columns * m->real_size;
            c->sources[k].stride = (ptrdiff_t)p->sources[k].columns;
        }
        for (int64_t k = 0; k < m->noutputs; k++) c->sinks[k] = (char *)out[k] + done * p->sinks[k] * m->real_size;
        const pd_chunk chunk = {
            .steps = 1, .batch = (ptrdiff_t)n, .src = c->sources, .sinks = c->sinks, .sums = c->sums};
        pd_run(instance->records, instance->count, &chunk, 1);
    }
    return PYDL_OK;
}
