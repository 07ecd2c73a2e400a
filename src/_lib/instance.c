/* instance.c: a program's records for up to so many rows, bound to memory; other batch sizes are set in place.
 *
 * Buffers are laid out for the most rows. For fewer, only sizes in the arguments of kernels change, so that no memory
 * is taken. At the first batch of each size it is checked whether each kernel stays within its buffers. */
#include "lib.h"

#include <string.h>

enum { MOST_ARGS = 64 }; /* words of an argument struct */

static int check(const pydl_context *c, const lib_instance *instance, const lib_record *r, int64_t batch, void *args) {
    memset(args, 0, (size_t)r->facts.size);
    lib_fill(r, batch, c->isa, c->model->dtype, args);
    return lib_check(c->model, instance->program, instance->form, c->sizes, r, batch, args);
}

static void *place_of(const pydl_context *c, const lib_field *f, int64_t batch) {
    const int64_t offset = f->number.base + f->number.per * batch;
    if (f->kind == FIELD_TENSOR) return (char *)c->tensors[f->target] + offset;
    return pd_ref((int)f->target, (ptrdiff_t)offset);
}

static void find_sizes(pydl_context *c, const lib_instance *instance) {
    const lib_form *form = instance->form;
    for (int64_t i = 0; i < form->nbuffers; i++)
        c->sizes[i] = form->buffers[i].base + form->buffers[i].per * instance->room;
}

/* Emits the records for the most rows. */
static int emit(pydl_context *c, lib_instance *instance) {
    const lib_form *form = instance->form;
    int64_t total = 0;
    find_sizes(c, instance);
    for (int64_t i = 0; i < form->nbuffers; i++) {
        total += c->sizes[i];
        if (c->sizes[i] >= (int64_t)1 << 40 || total >= (int64_t)1 << 46)
            return lib_fail(PYDL_BAD_FILE, "buffers of more bytes than memory can have");
        if (pd_plan_buffer(instance->plan, (ptrdiff_t)c->sizes[i]) < 0) return PYDL_NO_MEMORY;
    }
    for (int64_t i = 0; i < form->nrecords; i++) {
        const lib_record *r = &form->records[i];
        _Alignas(16) char args[MOST_ARGS * 8];
        const int status = check(c, instance, r, instance->room, args);
        if (status) return status;
        for (int k = 0; k < r->nfields; k++)
            if (r->fields[k].kind == FIELD_TENSOR || r->fields[k].kind == FIELD_BUFFER)
                *(void **)(args + r->fields[k].field->offset) = place_of(c, &r->fields[k], instance->room);
        if (pd_plan_emit(instance->plan, r->op, args) < 0) return PYDL_NO_MEMORY;
        pd_plan_when(instance->plan, (ptrdiff_t)i, r->when);
    }
    return pd_plan_seal(instance->plan, 0) == 0 ? PYDL_OK : PYDL_NO_MEMORY;
}

int lib_instances_new(pydl_context *c, int program, size_t *bytes) {
    const lib_program *p = &c->model->programs[program];
    int64_t n = 0, buffers = 0;
    for (; n < p->nforms && p->forms[n].least <= c->max_batch; n++)
        if (p->forms[n].nbuffers > buffers) buffers = p->forms[n].nbuffers;
    pd_free(c->sizes);
    c->sizes = pd_alloc((size_t)buffers * sizeof *c->sizes);
    c->instances[program] = pd_alloc((size_t)n * sizeof *c->instances[program]);
    if (!c->sizes || !c->instances[program]) return lib_fail(PYDL_NO_MEMORY, "no memory for a context");
    c->ninstances[program] = n;
    for (int64_t i = 0; i < n; i++) {
        lib_instance *instance = &c->instances[program][i];
        *instance = (lib_instance){.form = &p->forms[i], .program = p, .batch = -1};
        instance->room = p->forms[i].most < c->max_batch ? p->forms[i].most : c->max_batch;
        instance->plan = pd_plan_new(c->model->dtype, c->isa, 1);
        const int status = instance->plan ? emit(c, instance) : PYDL_NO_MEMORY;
        if (status == PYDL_NO_MEMORY) return lib_fail(PYDL_NO_MEMORY, "no memory for a context");
        if (status) return status;
        if ((size_t)pd_plan_bytes(instance->plan) > *bytes) *bytes = (size_t)pd_plan_bytes(instance->plan);
    }
    return PYDL_OK;
}

void lib_instances_free(pydl_context *c) {
    for (int program = 0; program < LIB_PROGRAMS; program++) {
        for (int64_t i = 0; i < c->ninstances[program]; i++) pd_plan_free(c->instances[program][i].plan);
        pd_free(c->instances[program]);
    }
}

/* Sets the arguments of all records to a batch of so many rows. */
static int set(pydl_context *c, lib_instance *instance, int64_t batch) {
    const lib_form *form = instance->form;
    const int checked = instance->checked[batch / 8] >> batch % 8 & 1;
    instance->batch = -1;
    if (!checked) find_sizes(c, instance);
    for (int64_t i = 0; i < form->nrecords; i++) {
        const lib_record *r = &form->records[i];
        _Alignas(16) char args[MOST_ARGS * 8];
        const int status = checked ? PYDL_OK : check(c, instance, r, batch, args);
        if (status) return status;
        char *bound = (char *)instance->records[i].args;
        lib_fill(r, batch, c->isa, c->model->dtype, bound);
        for (int k = 0; k < r->nfields; k++) {
            const lib_field *f = &r->fields[k];
            if ((f->kind != FIELD_TENSOR && f->kind != FIELD_BUFFER) || !f->number.per) continue;
            char *start;
            if (f->kind == FIELD_TENSOR) {
                start = c->tensors[f->target];
            } else {
                const ptrdiff_t at = pd_plan_offset(instance->plan, (int)f->target);
                /* one that holds few samples at a time is pointed at as a whole, whatever the batch */
                if (at < 0) return lib_fail(PYDL_BAD_FILE, "a record that begins at another place for each batch");
                start = (char *)c->memory + at;
            }
            *(void **)(bound + f->field->offset) = start + f->number.base + f->number.per * batch;
        }
    }
    pd_plan_resized(instance->plan);
    instance->batch = batch;
    instance->checked[batch / 8] |= (unsigned char)(1 << batch % 8);
    return PYDL_OK;
}

lib_instance *lib_instance_for(pydl_context *c, int program, int64_t batch) {
    for (int64_t i = 0; i < c->ninstances[program]; i++) {
        lib_instance *instance = &c->instances[program][i];
        if (batch < instance->form->least || batch > instance->room) continue;
        if (instance->batch != batch && set(c, instance, batch) != PYDL_OK) return NULL;
        return instance;
    }
    lib_fail(PYDL_BAD_ARGUMENT, "a batch of %lld rows: expected 1 to %lld", (long long)batch, (long long)c->max_batch);
    return NULL;
}
