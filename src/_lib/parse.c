/* parse.c: from the bytes of a plan file to a model, trusting none of them.
 *
 * The description (docs/adr/0023) is the end of a safetensors file: 64-bit little-endian words, then its length and a
 * mark. Lists begin with their length, which is held against what is left before memory is taken for it. What is read
 * is the shape of things only: whether kernels stay within what records point to is asked by lib_check, at each batch
 * size. */
#include "lib.h"

#include <string.h>

enum { VERSION = 1, MOST = 1 << 20, MOST_RANK = 8 };
static const int64_t LARGEST = (int64_t)1 << 40; /* bytes, sizes */

typedef struct {
    const unsigned char *at, *end;
    char *pool, *pool_end; /* memory for what is made of it */
    const char **strings;
    int64_t nstrings;
    int bad;
} reader;

static int64_t whole(reader *r) {
    int64_t value = 0;
    if (r->end - r->at < 8) r->bad = 1;
    if (r->bad) return 0;
    memcpy(&value, r->at, 8);
    r->at += 8;
    return value;
}

static int64_t between(reader *r, int64_t least, int64_t most) {
    const int64_t value = whole(r);
    if (value < least || value > most) r->bad = 1;
    return r->bad ? least : value;
}

static double real(reader *r) {
    const int64_t bits = whole(r);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

/* Memory for n things; NULL, and the reader is bad, if the pool is used up. */
static void *room(reader *r, int64_t n, size_t size) {
    const size_t bytes = ((size_t)n * size + 7) / 8 * 8;
    if (r->bad || n > MOST || bytes > (size_t)(r->pool_end - r->pool)) {
        r->bad = 1;
        return NULL;
    }
    void *p = r->pool;
    r->pool += bytes;
    return p;
}

/* The length of a list whose items have so many words at least, and memory for them. */
static int64_t list(reader *r, int words, size_t size, void *items) {
    const int64_t n = between(r, 0, (r->end - r->at) / 8 / words);
    void *p = room(r, n, size);
    memcpy(items, &p, sizeof p);
    return r->bad ? 0 : n;
}

static const char *string(reader *r) {
    const int64_t i = between(r, 0, r->nstrings - 1);
    return r->bad ? "" : r->strings[i];
}

static void read_strings(reader *r) {
    r->nstrings = list(r, 1, sizeof *r->strings, &r->strings);
    for (int64_t i = 0; i < r->nstrings && !r->bad; i++) {
        const int64_t length = between(r, 0, 4096), bytes = length / 8 * 8 + 8;
        if (r->bad || bytes > r->end - r->at || memchr(r->at, 0, (size_t)length) || r->at[length] != 0) {
            r->bad = 1;
            return;
        }
        r->strings[i] = (const char *)r->at;
        r->at += bytes;
    }
}

static lib_number number(reader *r) {
    const int64_t base = between(r, -LARGEST, LARGEST), per = between(r, 0, LARGEST);
    return (lib_number){base, per};
}

static int read_field(reader *r, const pydl_model *m, const lib_record *record, const lib_form *form, lib_field *f) {
    const char *name = string(r);
    const pd_op *op = &record->facts;
    *f = (lib_field){.kind = (int)between(r, FIELD_NUMBER, FIELD_BUFFER)};
    for (int i = 0; i < op->nfields; i++)
        if (strcmp(op->fields[i].name, name) == 0) f->field = &op->fields[i];
    if (r->bad || !f->field)
        return lib_fail(PYDL_BAD_FILE, "op %s: expected a field of its own, found \"%s\"", op->name, name);
    static const char *const kinds[] = {"n", "r", "k", "iao", "iao"};
    if (!strchr(kinds[f->kind], f->field->kind))
        return lib_fail(PYDL_BAD_FILE, "op %s, field %s: another kind of value is expected", op->name, name);
    switch (f->kind) {
    case FIELD_NUMBER: f->number = number(r); break;
    case FIELD_REAL:
        f->form = (int)between(r, REAL_CONSTANT, REAL_SHARE);
        f->number.per = between(r, f->form < REAL_MEAN ? 0 : 1, LARGEST);
        f->value = real(r);
        break;
    case FIELD_KERNEL: {
        const char *kernel = string(r);
        f->target = pd_op_number(kernel);
        if (f->target < 0) return lib_fail(PYDL_BAD_FILE, "expected an op of this library, found \"%s\"", kernel);
        break;
    }
    default:
        f->target = between(r, 0, (f->kind == FIELD_TENSOR ? m->ntensors : form->nbuffers) - 1);
        f->number = number(r);
        if (f->number.base < 0) r->bad = 1;
    }
    return PYDL_OK;
}

static int read_record(reader *r, const pydl_model *m, const lib_form *form, lib_record *record) {
    const char *name = string(r);
    *record = (lib_record){.op = pd_op_number(name)};
    if (record->op < 0) return lib_fail(PYDL_BAD_FILE, "expected an op of this library, found \"%s\"", name);
    record->facts = pd_op_at(record->op);
    record->family = lib_family_of(record->facts.family);
    if (!record->family) return lib_fail(PYDL_BAD_FILE, "op %s is not run from files", name);
    record->when = (int)between(r, PD_ALWAYS, PD_ON_UPDATE);
    lib_field *fields;
    record->nfields = (int)list(r, 3, sizeof *fields, &fields);
    record->fields = fields;
    for (int i = 0; i < record->nfields; i++) {
        const int status = read_field(r, m, record, form, &fields[i]);
        if (status) return status;
        for (int j = 0; j < i; j++)
            if (fields[j].field == fields[i].field)
                return lib_fail(PYDL_BAD_FILE, "op %s: field %s is there twice", name, fields[i].field->name);
    }
    return PYDL_OK;
}

static int read_form(reader *r, const pydl_model *m, lib_form *form) {
    form->least = between(r, 1, LIB_MOST_BATCH);
    form->most = between(r, form->least, LIB_MOST_BATCH);
    lib_number *buffers;
    form->nbuffers = list(r, 2, sizeof *buffers, &buffers);
    form->buffers = buffers;
    for (int64_t i = 0; i < form->nbuffers; i++) {
        buffers[i] = number(r);
        if (buffers[i].base < 0) r->bad = 1;
    }
    lib_record *records;
    form->nrecords = list(r, 3, sizeof *records, &records);
    form->records = records;
    for (int64_t i = 0; i < form->nrecords; i++) {
        const int status = read_record(r, m, form, &records[i]);
        if (status) return status;
    }
    return PYDL_OK;
}

static int read_program(reader *r, pydl_model *m) {
    lib_program *p = &m->programs[between(r, 0, LIB_PROGRAMS - 1)];
    if (p->nforms) r->bad = 1;
    p->sums = between(r, 0, MOST);
    p->penalty = between(r, -1, p->sums - 1);
    lib_source *sources;
    int64_t *sinks;
    lib_loss *losses;
    lib_form *forms;
    p->nsources = list(r, 2, sizeof *sources, &sources);
    p->sources = sources;
    for (int64_t i = 0; i < p->nsources; i++) {
        sources[i].columns = between(r, 1, LARGEST);
        sources[i].codes = between(r, 0, LARGEST);
    }
    p->nsinks = list(r, 1, sizeof *sinks, &sinks);
    p->sinks = sinks;
    for (int64_t i = 0; i < p->nsinks; i++) sinks[i] = between(r, 1, LARGEST);
    p->nlosses = list(r, 2, sizeof *losses, &losses);
    p->losses = losses;
    for (int64_t i = 0; i < p->nlosses; i++) {
        losses[i].slot = between(r, 0, p->sums - 1);
        losses[i].weight = real(r);
    }
    p->nforms = list(r, 4, sizeof *forms, &forms);
    p->forms = forms;
    int64_t next = 1;
    for (int64_t i = 0; i < p->nforms; i++) {
        const int status = read_form(r, m, &forms[i]);
        if (status) return status;
        if (forms[i].least != next) r->bad = 1;
        next = forms[i].most + 1;
    }
    if (p == &m->programs[PROGRAM_PREDICT] && next != LIB_MOST_BATCH + 1) r->bad = 1;
    return PYDL_OK;
}

static int64_t read_ports(reader *r, const lib_port **found, int with_codes) {
    lib_port *ports;
    const int64_t n = list(r, 2, sizeof *ports, &ports);
    *found = ports;
    for (int64_t i = 0; i < n && !r->bad; i++) {
        int64_t *shape;
        ports[i].name = string(r);
        ports[i].codes = with_codes ? between(r, 0, LARGEST) : 0;
        ports[i].rank = list(r, 1, sizeof *shape, &shape);
        ports[i].shape = shape;
        ports[i].columns = 1;
        if (ports[i].rank > MOST_RANK) r->bad = 1;
        for (int64_t d = 0; d < ports[i].rank; d++) {
            shape[d] = between(r, 1, LARGEST);
            if (shape[d] > LARGEST / ports[i].columns) r->bad = 1;
            else ports[i].columns *= shape[d];
        }
    }
    return n;
}

static void read_tensors(reader *r, pydl_model *m, int64_t data, int64_t end) {
    lib_tensor *tensors;
    m->ntensors = list(r, 3, sizeof *tensors, &tensors);
    m->tensors = tensors;
    for (int64_t i = 0; i < m->ntensors; i++) {
        tensors[i].name = string(r);
        tensors[i].start = data + between(r, 0, end - data);
        tensors[i].bytes = between(r, 0, end - tensors[i].start);
        if (tensors[i].start % 8) r->bad = 1;
    }
}

/* A tensor that has so many bytes. */
static int64_t tensor(reader *r, const pydl_model *m, int64_t bytes) {
    const int64_t i = between(r, 0, m->ntensors - 1);
    if (!r->bad && m->tensors[i].bytes < bytes) r->bad = 1;
    return i;
}

static int64_t read_test(reader *r, const pydl_model *m, const lib_port *ports, int64_t nports, const int64_t **found) {
    int64_t *tensors;
    const int64_t n = list(r, 1, sizeof *tensors, &tensors);
    *found = tensors;
    if (n != nports) r->bad = 1;
    for (int64_t i = 0; i < n && !r->bad; i++) {
        if (ports[i].columns > LARGEST / LIB_MOST_BATCH) r->bad = 1;
        else tensors[i] = tensor(r, m, m->test.rows * ports[i].columns * m->real_size);
    }
    return n;
}

static void read_training(reader *r, pydl_model *m) {
    m->training.there = (int)between(r, 0, 1);
    if (!m->training.there) return;
    m->training.progress = (int)between(r, PROGRESS_STEADY, PROGRESS_ADAM);
    m->training.every = between(r, 1, MOST);
    m->training.seed = whole(r);
    m->training.batches = tensor(r, m, 8);
    m->training.rate = tensor(r, m, 8);
    m->training.weight_decay = real(r);
    m->training.beta_1 = real(r);
    m->training.beta_2 = real(r);
}

/* Whether programs take what the inputs bring and give what the outputs say. */
static int fits(const pydl_model *m) {
    const lib_program *predict = &m->programs[PROGRAM_PREDICT];
    if (!predict->nforms || predict->nsources != m->ninputs || predict->nsinks != m->noutputs) return 0;
    for (int64_t i = 0; i < m->noutputs; i++)
        if (predict->sinks[i] != m->outputs[i].columns) return 0;
    for (int p = 0; p < LIB_PROGRAMS; p++) {
        if (!m->programs[p].nforms) continue;
        if (m->programs[p].nsources < m->ninputs || (p && m->programs[p].nsinks)) return 0;
        for (int64_t i = 0; i < m->ninputs; i++)
            if (m->programs[p].sources[i].columns != m->inputs[i].columns) return 0;
    }
    if (!m->training.there) return 1;
    return m->programs[PROGRAM_TRAIN].nforms && m->programs[PROGRAM_TRAIN_WEIGHTED].nforms &&
           m->programs[PROGRAM_TRAIN_WEIGHTED].nsources >= m->programs[PROGRAM_TRAIN].nsources;
}

int lib_parse(pydl_model *m) {
    static const char mark[8] = "pydlplan";
    int64_t header = 0, length = 0;
    if (m->bytes >= 24) memcpy(&header, m->file, 8), memcpy(&length, m->file + m->bytes - 16, 8);
    if (m->bytes < 24 || m->bytes > (size_t)LARGEST || memcmp(m->file + m->bytes - 8, mark, 8) != 0)
        return lib_fail(PYDL_BAD_FILE, "expected a plan file, as model.export(\"m.plan.safetensors\") writes it");
    const int64_t bytes = (int64_t)m->bytes, data = header + 8;
    if (header < 0 || header > bytes - 24 || data % 8 || length < 8 || length > bytes - 16 - data || length % 8)
        return lib_fail(PYDL_BAD_FILE, "expected a plan file that is whole, found one that was cut or changed");
    reader r = {.at = m->file + bytes - 16 - length, .end = m->file + bytes - 16};
    if (between(&r, VERSION, VERSION) != VERSION || r.bad)
        return lib_fail(PYDL_BAD_FILE, "expected version %d of plan files: this library is pydl %s", VERSION,
                        pydl_version());
    enum { PER_BYTE = 8 }; /* what is made of a word takes less than so many */
    const size_t pool = (size_t)length * PER_BYTE + 4096;
    if (!(m->pool = pd_alloc(pool))) return lib_fail(PYDL_NO_MEMORY, "no memory for a description of %zu bytes", pool);
    r.pool = m->pool;
    r.pool_end = r.pool + pool;
    m->dtype = (int)between(&r, PD_FLOAT32, PD_FLOAT64);
    m->real_size = m->dtype == PD_FLOAT64 ? 8 : 4;
    read_strings(&r);
    read_tensors(&r, m, data, bytes - 16 - length);
    m->ninputs = read_ports(&r, &m->inputs, 1);
    m->noutputs = read_ports(&r, &m->outputs, 0);
    const int64_t programs = between(&r, 1, LIB_PROGRAMS);
    for (int64_t i = 0; i < programs && !r.bad; i++) {
        const int status = read_program(&r, m);
        if (status && !r.bad) return status;
    }
    read_training(&r, m);
    m->test.rows = between(&r, 1, LIB_MOST_BATCH);
    read_test(&r, m, m->inputs, m->ninputs, &m->test.inputs);
    read_test(&r, m, m->outputs, m->noutputs, &m->test.outputs);
    if (r.bad || r.at != r.end || !fits(m))
        return lib_fail(PYDL_BAD_FILE,
                        "expected a plan file as pydl writes it, found a description that contradicts itself");
    return PYDL_OK;
}
