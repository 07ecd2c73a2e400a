/* plan.c: plans: records that name buffers, what each of them touches, and the structs that kernels read, once memory
 * is known. Where barriers and pieces come: barriers.c. What is run on some samples after the other: deep.c. Where
 * buffers lie: layout.c. */
#include "plan.h"

#include <string.h>

/* A reference to a buffer in the place of an address: no address of a program has this bit. */
static const uint64_t REF = (uint64_t)1 << 63;
enum { OFFSET_BITS = 40 };

void *pd_ref(int buffer, ptrdiff_t bytes) {
    return (void *)(uintptr_t)(REF | (uint64_t)buffer << OFFSET_BITS | (uint64_t)bytes);
}

static int is_ref(const void *p) { return ((uint64_t)(uintptr_t)p & REF) != 0; }
static int ref_buffer(const void *p) { return (int)(((uint64_t)(uintptr_t)p & ~REF) >> OFFSET_BITS); }
static ptrdiff_t ref_offset(const void *p) {
    return (ptrdiff_t)((uint64_t)(uintptr_t)p & (((uint64_t)1 << OFFSET_BITS) - 1));
}

/* Room for one more thing in an array that doubles when it is full. */
static int room(void **array, ptrdiff_t count, ptrdiff_t *capacity, size_t size) {
    if (count < *capacity) return 0;
    const ptrdiff_t more = 2 * *capacity + 16;
    void *grown = pd_grow(*array, (size_t)count * size, (size_t)more * size);
    if (!grown) return -1;
    *array = grown;
    *capacity = more;
    return 0;
}

pd_plan *pd_plan_new(int dtype, int isa, int threads) {
    pd_plan *p = pd_alloc(sizeof *p);
    if (!p) return NULL;
    p->dtype = dtype;
    p->isa = isa;
    p->threads = threads > 1 ? threads : 1;
    return p;
}

void pd_plan_free(pd_plan *p) {
    if (!p) return;
    for (ptrdiff_t i = 0; i < p->count; i++) pd_free(p->entries[i].given);
    for (ptrdiff_t i = 0; i < p->count; i++)
        if (p->entries[i].op >= 0) pd_free((void *)p->records[i].args);
    pd_free(p->records);
    pd_free(p->entries);
    pd_free(p->touches);
    pd_free(p->buffers);
    pd_free(p->folds);
    pd_free(p);
}

int pd_plan_buffer(pd_plan *p, ptrdiff_t bytes) {
    if (bytes < 0 || room((void **)&p->buffers, p->nbuffers, &p->buffers_room, sizeof *p->buffers) != 0) return -1;
    p->buffers[p->nbuffers] = (plan_buffer){.bytes = bytes, .first = -1};
    return (int)p->nbuffers++;
}

/* ---- what a record touches -------------------------------------------------------------------------------------- */
static ptrdiff_t size_field(const pd_op *op, const void *args, const char *name, ptrdiff_t otherwise) {
    for (int i = 0; i < op->nfields; i++)
        if (op->fields[i].kind == 'n' && strcmp(op->fields[i].name, name) == 0)
            return *(const ptrdiff_t *)((const char *)args + op->fields[i].offset);
    return otherwise;
}

/* How a record splits its work. With fewer samples than threads, kernels may divide samples: then only records whose
 * samples have equally many rows have the same shares. */
static plan_key key_of(const pd_plan *p, const pd_op *op, const void *args) {
    const ptrdiff_t B = size_field(op, args, "B", 0), L = size_field(op, args, "L", 0);
    const ptrdiff_t rows = L > 1 ? L : 1, samples = (B + rows - 1) / rows;
    switch (op->split) {
    case PD_SPLIT_SAMPLES:
        if (samples < p->threads) return (plan_key){PD_SPLIT_SAMPLES, samples, B};
        return (plan_key){PD_SPLIT_ROWS, samples, 0};
    case PD_SPLIT_BANDS: /* divided samples are like no other record's */
        return samples < p->threads ? (plan_key){PD_SPLIT_OWN, p->count, 0} : (plan_key){PD_SPLIT_ROWS, samples, 0};
    case PD_SPLIT_ROWS: return (plan_key){PD_SPLIT_ROWS, samples, samples < p->threads ? B : 0};
    case PD_SPLIT_SCAN:
    case PD_SPLIT_FLAT: return (plan_key){PD_SPLIT_FLAT, size_field(op, args, "n", 0), 0};
    case PD_SPLIT_SERIAL: return (plan_key){PD_SPLIT_SERIAL, 0, 0};
    }
    return (plan_key){PD_SPLIT_OWN, p->count, 0}; /* like no other record's */
}

static int touch(pd_plan *p, const void *address, ptrdiff_t bytes, int writes, int whole, uint16_t field) {
    if (room((void **)&p->touches, p->ntouches, &p->touches_room, sizeof *p->touches) != 0) return -1;
    plan_touch t = {
        .buffer = -1, .lo = (ptrdiff_t)(uintptr_t)address, .writes = writes, .whole = whole, .field = field};
    if (is_ref(address)) {
        t.buffer = ref_buffer(address);
        t.lo = ref_offset(address);
        const ptrdiff_t left = p->buffers[t.buffer].bytes - t.lo;
        if (bytes > left) bytes = left; /* reach is what a kernel touches at most */
    }
    t.hi = t.lo + bytes;
    p->touches[p->ntouches++] = t;
    p->entries[p->count - 1].touches++;
    return 0;
}

/* Appends a record that splits its work by this key. */
static ptrdiff_t append(pd_plan *p, int split, plan_key key) {
    if (room((void **)&p->entries, p->count, &p->entries_room, sizeof *p->entries) != 0) return -1;
    if (room((void **)&p->records, p->count, &p->records_room, sizeof *p->records) != 0) return -1;
    p->entries[p->count] = (plan_entry){.op = -1, .split = split, .key = key, .first_touch = p->ntouches};
    p->records[p->count] = (pd_record){.serial = split == PD_SPLIT_SERIAL};
    p->sealed = 0;
    return p->count++;
}

/* Takes the last record back, of which not all could be said. */
static void take_back(pd_plan *p) {
    const plan_entry *e = &p->entries[--p->count];
    p->ntouches = e->first_touch;
    pd_free(e->given);
    pd_free((void *)p->records[p->count].args);
}

ptrdiff_t pd_plan_emit(pd_plan *p, int number, const void *args) {
    const pd_op op = pd_op_at(number);
    void *given = pd_alloc((size_t)op.size), *bound = pd_alloc((size_t)op.size);
    const ptrdiff_t i = given && bound ? append(p, op.split, key_of(p, &op, args)) : -1;
    if (i < 0) {
        pd_free(given);
        pd_free(bound);
        return -1;
    }
    memcpy(given, args, (size_t)op.size);
    p->entries[i].given = given;
    p->entries[i].op = number;
    p->entries[i].work = op.work(args);
    p->records[i].fn = pd_kernel_at(number, p->isa, p->dtype);
    p->records[i].args = bound;
    p->records[i].size = (uint16_t)op.size;
    for (int f = 0; f < op.nfields; f++) {
        const pd_field *field = &op.fields[f];
        if (field->kind != 'i' && field->kind != 'a' && field->kind != 'o' && field->kind != 's') continue;
        const void *address = *(void *const *)((const char *)args + field->offset);
        const ptrdiff_t bytes = op.reach(args, field->offset, p->dtype);
        if (field->kind == 's') {
            if (!address && bytes > p->scratch) p->scratch = (bytes + PLAN_ALIGN - 1) / PLAN_ALIGN * PLAN_ALIGN;
        } else if (address && touch(p, address, bytes, field->kind == 'o', field->kind == 'a', field->offset) != 0) {
            take_back(p);
            return -1;
        }
    }
    return i;
}

ptrdiff_t pd_plan_call(pd_plan *p, pd_kernel fn, const void *context) {
    const ptrdiff_t i = append(p, PD_SPLIT_SERIAL, (plan_key){PD_SPLIT_OWN, p->count, 0});
    if (i < 0) return -1;
    p->records[i].fn = fn;
    p->records[i].args = context;
    p->records[i].host = 1;
    return i;
}

int pd_plan_touch(pd_plan *p, const void *address, ptrdiff_t bytes, int writes) {
    return touch(p, address, bytes, writes, 1, 0);
}

void pd_plan_when(pd_plan *p, ptrdiff_t record, int when) { p->records[record].when = (uint8_t)when; }

/* ---- binding ---------------------------------------------------------------------------------------------------- */
int pd_plan_seal(pd_plan *p, ptrdiff_t gap) {
    if (p->sealed) return 0;
    if (plan_find_barriers(p, 0) != 0) return -1;
    plan_find_lifetimes(p);
    if (plan_find_deep(p, gap) != 0 || plan_lay_out(p, gap) != 0) return -1;
    if (p->reused && plan_find_barriers(p, 1) != 0) return -1;
    plan_find_pieces(p);
    p->sealed = 1;
    return 0;
}

ptrdiff_t pd_plan_bytes(const pd_plan *p) { return p->bytes + (p->scratch + p->folded) * p->threads; }
ptrdiff_t pd_plan_offset(const pd_plan *p, int buffer) {
    return p->buffers[buffer].sample ? -1 : p->buffers[buffer].offset;
}

double pd_plan_work(const pd_plan *p) {
    double work = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) work += p->entries[i].work;
    return work;
}

static void bind_pointer(const pd_plan *p, void **pointer, char *memory) {
    if (!is_ref(*pointer)) return;
    const plan_buffer *b = &p->buffers[ref_buffer(*pointer)];
    *pointer = memory + (b->sample ? p->bytes + p->scratch * p->threads : 0) + b->offset + ref_offset(*pointer);
}

void pd_plan_bind(pd_plan *p, void *memory) {
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        if (e->op < 0) continue;
        const pd_op op = pd_op_at(e->op);
        char *args = (char *)p->records[i].args;
        memcpy(args, e->given, (size_t)op.size);
        for (int f = 0; f < op.nfields; f++) {
            void **pointer = (void **)(args + op.fields[f].offset);
            switch (op.fields[f].kind) {
            case 'i':
            case 'a':
            case 'o': bind_pointer(p, pointer, memory); break;
            case 's': /* followed by its stride, in elements */
                if (*pointer) {
                    bind_pointer(p, pointer, memory);
                    break;
                }
                *pointer = (char *)memory + p->bytes;
                *(ptrdiff_t *)(args + op.fields[f + 1].offset) = p->scratch / (p->dtype == PD_FLOAT64 ? 8 : 4);
                break;
            }
        }
    }
}

void pd_plan_resized(pd_plan *p) {
    for (ptrdiff_t i = 0; i < p->count; i++) {
        if (!p->records[i].deep) continue;
        const pd_op op = pd_op_at(p->entries[i].op);
        p->records[i].samples = key_of(p, &op, p->records[i].args).size;
    }
}

const pd_record *pd_plan_records(const pd_plan *p, ptrdiff_t *count) {
    *count = p->count;
    return p->records;
}
