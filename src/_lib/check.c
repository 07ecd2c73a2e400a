/* check.c: whether a kernel, given what a file says, stays within the memory that its arguments point to.
 *
 * Kernels trust their arguments. So sizes are held against bounds in floating point, where nothing wraps, before any
 * fact is asked that multiplies or divides them; then against rules.def; then each pointer's reach against what it
 * points to. */
#include "lib.h"
#include "op_args.h"

#include <string.h>

enum { MOST_FIELDS = 48 };
static const double MOST_BYTES = (double)((int64_t)1 << 46), MOST_WORK = 4e18;

struct lib_family {
    const char *name, *optional;
    int (*holds)(const void *args, const char *op, int dtype);
    double (*most)(const double *fields, int dtype, double *work);
};

/* ---- bounds ------------------------------------------------------------------------------------------------------ */
/* The facts of op_args.h and families.def once more, of arguments that are all doubles. */
#define R(n) ((n) * real_size)
#define D(n) ((n) * 8.0)
#define TAPS(n, wide) ((n) * 4.0)
#define PADDED(units) ((units) + 32.0)
#define PARTS(n, size) ((n) / (size) + 1)
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define MOST(a, b) ((a) > (b) ? (a) : (b))
#define ROWS(L) ((L) > 1 ? (L) : 1)
#define WEIGHTED(per, L) ((per) > 0 ? (per) : ROWS(L))
#define DOUBLE(f) double f;
#define DOUBLE_POINTER(f, bytes) double f;
#define LARGER(f, bytes) most = MOST(most, (double)(bytes));
#define NOTHING(f)
#define PD_FAMILY(family, work_, in_place)                                                                             \
    static inline double family##_most(const double *fields, int dtype, double *work) {                                \
        typedef struct {                                                                                               \
            PD_FIELDS_##family(DOUBLE_POINTER, DOUBLE_POINTER, DOUBLE_POINTER, DOUBLE_POINTER, DOUBLE, DOUBLE, DOUBLE) \
        } wide;                                                                                                        \
        _Static_assert(sizeof(wide) <= MOST_FIELDS * sizeof(double), "MOST_FIELDS");                                   \
        const double real_size = dtype == PD_FLOAT64 ? 8 : 4;                                                          \
        double most = 0;                                                                                               \
        wide values, *a = &values;                                                                                     \
        memcpy(a, fields, sizeof values);                                                                              \
        PD_FIELDS_##family(LARGER, LARGER, LARGER, LARGER, NOTHING, NOTHING, NOTHING);                                 \
        *work = (double)(work_);                                                                                       \
        (void)a, (void)real_size;                                                                                      \
        return most;                                                                                                   \
    }
#include "families.def"
#undef PD_FAMILY
#undef PADDED

/* ---- rules ------------------------------------------------------------------------------------------------------- */
static ptrdiff_t padded(ptrdiff_t units, int dtype) {
    const ptrdiff_t w = pd_panel_width(units, dtype);
    return (units + w - 1) / w * w;
}

/* Whether an optimizer has the slots without which its kernel does not work. */
static int has_slots(const char *op, const void *s0, const void *s1) {
    if (strcmp(op, "opt_sgd_step") == 0) return 1;
    const char *const one[] = {"opt_adagrad_step", "opt_lion_step", "opt_rmsprop_step"};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        if (strcmp(op, one[i]) == 0) return s0 != NULL;
    return s0 && s1;
}

#define PADDED(units) padded(units, dtype)
#define SLOTS has_slots(op, a->s0, a->s1)
#define GROUPS (a->C % a->G == 0 && a->O % a->G == 0)
/* Windows begin within the image, or so little in front of it that a tap is inside. */
#define ON_AXIS(before, taps, apart, n, stride, size) \
    ((before) >= 0 && (before) <= ((taps) - 1) * (apart) && ((n) - 1) * (stride) - (before) < (size))
#define WINDOWS(kh, dh, kw, dw) \
    (ON_AXIS(a->top, kh, dh, a->OH, a->SH, a->H) && ON_AXIS(a->left, kw, dw, a->OW, a->SW, a->W))
#define RULE(family, optional, condition)                                    \
    static int family##_holds(const void *args, const char *op, int dtype) { \
        const pd_##family##_args *a = args;                                  \
        (void)a, (void)op, (void)dtype;                                      \
        return (condition);                                                  \
    }
#include "rules.def"
#undef RULE

static const lib_family families[] = {
#define RULE(family, optional, condition) {#family, " " optional " ", family##_holds, family##_most},
#include "rules.def"
#undef RULE
};

const lib_family *lib_family_of(const char *name) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    return NULL;
}

/* ---- a record ---------------------------------------------------------------------------------------------------- */
static int among(const char *words, const char *word) {
    const size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
        if (p[-1] == ' ' && p[n] == ' ') return 1;
    return 0;
}

/* Sizes that something is divided by, or that count what is there; others may be 0, and few of them less. */
static const char COUNTS[] = " B O I n H W C OH OW KH KW SH SW DH DW G V S M ld ldx ldy rs cs steps ";
static const char SIGNED[] = " top left seed ";

static ptrdiff_t size_of(const lib_record *r, const void *args, const char *name, ptrdiff_t otherwise) {
    for (int i = 0; i < r->facts.nfields; i++)
        if (r->facts.fields[i].kind == 'n' && strcmp(r->facts.fields[i].name, name) == 0)
            return *(const ptrdiff_t *)((const char *)args + r->facts.fields[i].offset);
    return otherwise;
}

static int sizes_fit(const pydl_model *m, const lib_record *r, const void *args) {
    enum { MOST_SIZE = INT32_MAX };
    double values[MOST_FIELDS] = {0}, work = 0;
    for (int i = 0; i < r->facts.nfields; i++) {
        const pd_field *f = &r->facts.fields[i];
        const size_t length = strlen(f->name);
        if (f->kind != 'n' || (length > 7 && strcmp(f->name + length - 7, "_stride") == 0)) continue;
        const ptrdiff_t v = *(const ptrdiff_t *)((const char *)args + f->offset);
        values[i] = (double)v;
        if (strcmp(f->name, "seed") == 0) continue;
        if (v < among(COUNTS, f->name) && !among(SIGNED, f->name)) return 0;
        if (v < -MOST_SIZE || (v > MOST_SIZE && strcmp(f->name, "n") != 0)) return 0;
    }
    const double most = r->family->most(values, m->dtype, &work);
    if (!(most <= MOST_BYTES && work <= MOST_WORK)) return 0;
    const ptrdiff_t L = size_of(r, args, "L", 0);
    return L <= 1 || size_of(r, args, "B", size_of(r, args, "n", 0)) % L == 0;
}

/* Whether the other kernels that a record names are such as its own calls. */
static int kernels_fit(const lib_record *r) {
    for (int i = 0; i < r->nfields; i++) {
        const lib_field *f = &r->fields[i];
        if (f->kind != FIELD_KERNEL) continue;
        const pd_op op = pd_op_at((int)f->target);
        const char *own = r->facts.family, *wanted = "act_fwd";
        int with_s = 0;
        for (int k = 0; k < r->nfields; k++) with_s |= strcmp(r->fields[k].field->name, "s") == 0;
        if (strcmp(own, "gemm_dx") == 0 || strcmp(own, "depthwise_dx") == 0 || strcmp(own, "bn_slopes") == 0)
            wanted = "act_bwd";
        if (strcmp(own, "conv_dx") == 0 && with_s) wanted = "act_bwd";
        if (strcmp(own, "gemm_step") == 0) wanted = "opt";
        if (strcmp(op.family, wanted) != 0) return 0;
        if ((strcmp(own, "matmul") == 0 || strcmp(own, "bn_infer") == 0) && op.rowwise) return 0;
    }
    return 1;
}

/* Whether rows that a record takes, gives or adds up are there. */
static int ports_fit(const lib_program *p, const lib_record *r, const void *args) {
    const char *family = r->facts.family;
    const ptrdiff_t k = size_of(r, args, "k", 0), slot = size_of(r, args, "slot", 0);
    const int gather = strcmp(family, "gather") == 0;
    if (gather || size_of(r, args, "in_place", 0))
        return k < p->nsources && p->sources[k].columns == size_of(r, args, gather ? "O" : "I", 0);
    if (strcmp(family, "put") == 0) return k < p->nsinks && p->sinks[k] == size_of(r, args, "O", 0);
    if (strcmp(family, "sum") == 0) return slot + 1 < p->sums;
    if (strcmp(family, "sum_parts") == 0) return slot < p->sums;
    return 1;
}

/* Numbers of taps come from a record that wrote them for the same windows, or a gradient would be sent anywhere. */
static int taps_fit(const lib_form *form, const lib_record *r) {
    static const char SIZES[] = " B H W C OH OW KH KW SH SW top left wide ";
    if (strcmp(r->facts.family, "pool_max_bwd") != 0) return 1;
    const lib_field *at = NULL;
    for (int i = 0; i < r->nfields; i++)
        if (strcmp(r->fields[i].field->name, "at") == 0) at = &r->fields[i];
    if (!at || at->kind != FIELD_BUFFER || r->when != PD_ALWAYS) return 0;
    int written = 0;
    for (const lib_record *w = form->records, *end = w + form->nrecords; w < end; w++) {
        for (int i = 0; i < w->nfields; i++) {
            const lib_field *f = &w->fields[i];
            if (f->kind != FIELD_BUFFER || f->target != at->target || f->field->kind != 'o') continue;
            if (w > r || strcmp(w->facts.family, "pool_max_fwd") != 0 || strcmp(f->field->name, "at") != 0) return 0;
            if (w->when != PD_ALWAYS || f->number.base != at->number.base || f->number.per != at->number.per) return 0;
            int same = 0, expected = 0;
            for (int j = 0; j < r->nfields; j++) {
                if (!among(SIZES, r->fields[j].field->name)) continue;
                expected++;
                for (int k = 0; k < w->nfields; k++)
                    same += strcmp(w->fields[k].field->name, r->fields[j].field->name) == 0 &&
                            memcmp(&w->fields[k].number, &r->fields[j].number, sizeof(lib_number)) == 0;
            }
            int given = 0;
            for (int k = 0; k < w->nfields; k++) given += among(SIZES, w->fields[k].field->name);
            if (same != expected || given != expected) return 0;
            written = 1;
        }
    }
    return written;
}

void lib_fill(const lib_record *r, int64_t batch, int isa, int dtype, void *args) {
    for (int i = 0; i < r->nfields; i++) {
        const lib_field *f = &r->fields[i];
        char *at = (char *)args + f->field->offset;
        const double mean = f->form == REAL_MEAN || f->form == REAL_SHARE ? 1.0 / (double)(f->number.per * batch) : 0;
        switch (f->kind) {
        case FIELD_NUMBER: *(ptrdiff_t *)at = (ptrdiff_t)(f->number.base + f->number.per * batch); break;
        case FIELD_KERNEL: *(pd_kernel *)at = pd_kernel_at((int)f->target, isa, dtype); break;
        case FIELD_REAL:
            *(double *)at = f->form == REAL_CONSTANT   ? f->value
                            : f->form == REAL_QUOTIENT ? f->value / (double)batch
                            : f->form == REAL_PRODUCT  ? f->value * (double)batch
                            : f->form == REAL_MEAN     ? mean * f->value
                                                       : mean * (double)batch;
            break;
        }
    }
}

int lib_check(const pydl_model *m, const lib_program *program, const lib_form *form, const int64_t *sizes,
              const lib_record *r, int64_t batch, void *args) {
    const char *name = r->facts.name;
    if (!sizes_fit(m, r, args)) return lib_fail(PYDL_BAD_FILE, "op %s: sizes that no kernel takes", name);
    /* what conditions ask of pointers is only whether they are there */
    const char *op = name;
    for (int i = 0; i < r->nfields; i++) {
        if (r->fields[i].kind == FIELD_TENSOR || r->fields[i].kind == FIELD_BUFFER)
            *(void **)((char *)args + r->fields[i].field->offset) = pd_ref(0, 0);
        if (r->fields[i].kind == FIELD_KERNEL && strcmp(r->facts.family, "gemm_step") == 0)
            op = pd_op_at((int)r->fields[i].target).name;
    }
    if (!r->family->holds(args, op, m->dtype) || !kernels_fit(r) || !ports_fit(program, r, args) || !taps_fit(form, r))
        return lib_fail(PYDL_BAD_FILE, "op %s: arguments that contradict each other", name);
    for (int i = 0; i < r->facts.nfields; i++) {
        const pd_field *f = &r->facts.fields[i];
        if (!strchr("iao", f->kind)) continue;
        const lib_field *given = NULL;
        for (int k = 0; k < r->nfields; k++)
            if (r->fields[k].field == f) given = &r->fields[k];
        if (!given && among(r->family->optional, f->name)) continue;
        if (!given) return lib_fail(PYDL_BAD_FILE, "op %s: field %s is missing", name, f->name);
        int64_t bytes = r->facts.reach(args, f->offset, m->dtype);
        if (strcmp(f->name, "t") == 0 && strstr(name, "sparse")) bytes = size_of(r, args, "B", 0) * m->real_size;
        const int64_t offset = given->number.base + given->number.per * batch;
        const int64_t there = given->kind == FIELD_TENSOR ? m->tensors[given->target].bytes : sizes[given->target];
        const int64_t unit = among(" parts total norm2 ", f->name) ? 8 : m->real_size;
        if (offset % unit || offset > there || bytes > there - offset)
            return lib_fail(PYDL_BAD_FILE, "op %s, field %s: reaches %lld bytes from byte %lld on of %lld", name,
                            f->name, (long long)bytes, (long long)offset, (long long)there);
    }
    return PYDL_OK;
}
