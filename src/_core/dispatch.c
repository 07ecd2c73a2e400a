/* dispatch.c: the table of kernels, op x ISA x dtype, and the description of each op's argument struct.
 *
 * Every ISA compiles every op from the same source, so a table of a built ISA has no hole; the linker says so.
 */
#include "op_args.h"

#include <string.h>

/* ---- argument structs ------------------------------------------------------------------------------------------- */
typedef struct {
    const pd_field *fields;
    int nfields;
    ptrdiff_t size;
    ptrdiff_t (*reach)(const void *args, ptrdiff_t field, int dtype);
    double (*work)(const void *args);
    int (*in_place)(const void *args);
} pd_family;

static ptrdiff_t padded(ptrdiff_t units, int dtype) {
    const ptrdiff_t w = pd_panel_width(units, dtype);
    return (units + w - 1) / w * w;
}

/* What sizes in op_args.h and families.def are written with. */
#define R(n) ((n) * real_size)
#define D(n) ((n) * (ptrdiff_t)sizeof(double))
#define TAPS(n, wide) ((n) * ((wide) ? (ptrdiff_t)sizeof(uint32_t) : 1))
#define PADDED(units) padded(units, dtype)
#define PARTS(n, size) (((n) + (size) - 1) / (size))
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define MOST(a, b) ((a) > (b) ? (a) : (b))
#define ROWS(L) ((L) > 1 ? (L) : 1)
#define WEIGHTED(per, L) ((per) > 0 ? (per) : ROWS(L))

#define FIELD_IN(f, bytes) {#f, 'i', offsetof(pd_this, f)},
#define FIELD_ALL(f, bytes) {#f, 'a', offsetof(pd_this, f)},
#define FIELD_OUT(f, bytes) {#f, 'o', offsetof(pd_this, f)},
#define FIELD_SCR(f, bytes) {#f, 's', offsetof(pd_this, f)},
#define FIELD_FN(f) {#f, 'k', offsetof(pd_this, f)},
#define FIELD_INT(f) {#f, 'n', offsetof(pd_this, f)},
#define FIELD_REAL(f) {#f, 'r', offsetof(pd_this, f)},
#define REACH(f, bytes) \
    if (field == offsetof(pd_this, f)) return bytes;
#define NO_REACH(f)
#define PD_FAMILY(family, work_, in_place_)                                                                  \
    static ptrdiff_t family##_reach(const void *args, ptrdiff_t field, int dtype) {                          \
        typedef pd_##family##_args pd_this;                                                                  \
        const pd_this *a = args;                                                                             \
        const ptrdiff_t real_size = dtype == PD_FLOAT64 ? 8 : 4;                                             \
        PD_FIELDS_##family(REACH, REACH, REACH, REACH, NO_REACH, NO_REACH, NO_REACH);                        \
        (void)a, (void)real_size;                                                                            \
        return 0;                                                                                            \
    }                                                                                                        \
    static double family##_work(const void *args) {                                                          \
        const pd_##family##_args *a = args;                                                                  \
        return (double)(work_);                                                                              \
    }                                                                                                        \
    static int family##_in_place(const void *args) {                                                         \
        const pd_##family##_args *a = args;                                                                  \
        (void)a;                                                                                             \
        return in_place_;                                                                                    \
    }                                                                                                        \
    static pd_family family_##family(void) {                                                                 \
        typedef pd_##family##_args pd_this;                                                                  \
        static const pd_field fields[] = {                                                                   \
            PD_FIELDS_##family(FIELD_IN, FIELD_ALL, FIELD_OUT, FIELD_SCR, FIELD_FN, FIELD_INT, FIELD_REAL)}; \
        return (pd_family){fields,                                                                           \
                           (int)(sizeof fields / sizeof *fields),                                            \
                           (ptrdiff_t)sizeof(pd_this),                                                       \
                           family##_reach,                                                                   \
                           family##_work,                                                                    \
                           family##_in_place};                                                               \
    }
#include "families.def"
#undef PD_FAMILY

/* ---- ops -------------------------------------------------------------------------------------------------------- */
enum { BY_ELEMENT, ALONG_ROWS };
#define ACT(name, s, alpha, axis)                              \
    OP_FACTS(act_##name##_fwd, act_fwd, ROWS, #s, alpha, axis) \
    OP_FACTS(act_##name##_bwd, act_bwd, ROWS, #s, alpha, axis)
#define OP(name, family, split) OP_FACTS(name, family, split, "", 0, BY_ELEMENT)

enum {
#define OP_FACTS(name, family, split_, s, alpha, axis) PD_OP_##name,
#include "ops.def"
#undef OP_FACTS
    PD_OPS
};

/* Declared for every ISA, gathered in the table for those built. */
#define PD_KERNEL_PROTO(symbol) void symbol(const void *, const pd_step *, pd_share);

#define OP_FACTS(name, family, split_, s, alpha, axis) \
    PD_KERNEL_PROTO(name##_baseline_f32)               \
    PD_KERNEL_PROTO(name##_baseline_f64)               \
    PD_KERNEL_PROTO(name##_avx2_f32)                   \
    PD_KERNEL_PROTO(name##_avx2_f64)                   \
    PD_KERNEL_PROTO(name##_avx512_f32)                 \
    PD_KERNEL_PROTO(name##_avx512_f64)                 \
    PD_KERNEL_PROTO(name##_neon_f32)                   \
    PD_KERNEL_PROTO(name##_neon_f64)
#include "ops.def"
#undef OP_FACTS

// clang-format off: a table
static const pd_kernel kernels[PD_ISAS][PD_OPS][PD_DTYPES] = {
    [PD_BASELINE] = {
#define OP_FACTS(name, family, split_, s, alpha, axis) {name##_baseline_f32, name##_baseline_f64},
#include "ops.def"
#undef OP_FACTS
    },
#ifdef PD_BUILD_avx2
    [PD_AVX2] = {
#define OP_FACTS(name, family, split_, s, alpha, axis) {name##_avx2_f32, name##_avx2_f64},
#include "ops.def"
#undef OP_FACTS
    },
#endif
#ifdef PD_BUILD_avx512
    [PD_AVX512] = {
#define OP_FACTS(name, family, split_, s, alpha, axis) {name##_avx512_f32, name##_avx512_f64},
#include "ops.def"
#undef OP_FACTS
    },
#endif
#ifdef PD_BUILD_neon
    [PD_NEON] = {
#define OP_FACTS(name, family, split_, s, alpha, axis) {name##_neon_f32, name##_neon_f64},
#include "ops.def"
#undef OP_FACTS
    },
#endif
};
// clang-format on

static const char *const isa_names[PD_ISAS] = {"baseline", "avx2", "avx512", "neon"};

const char *pd_isa_name(int isa) { return isa_names[isa]; }

int pd_isa_built(int isa) { return isa >= 0 && isa < PD_ISAS && kernels[isa][0][0] != NULL; }

static const char *const names[PD_OPS] = {
#define OP_FACTS(name, family, split_, s, alpha, axis) #name,
#include "ops.def"
#undef OP_FACTS
};

int pd_op_count(void) { return PD_OPS; }

pd_op pd_op_at(int i) {
    switch (i) {
#define OP_FACTS(op, group, way, s, parameter, axis)                                                              \
    case PD_OP_##op: {                                                                                            \
        const pd_family f = family_##group();                                                                     \
        return (pd_op){                                                                                           \
            #op,     #group, f.fields,  f.nfields, f.size, PD_SPLIT_##way, s[0], parameter, (axis) == ALONG_ROWS, \
            f.reach, f.work, f.in_place};                                                                         \
    }
#include "ops.def"
#undef OP_FACTS
    }
    return (pd_op){.split = PD_SPLIT_SERIAL};
}

int pd_op_number(const char *name) {
    for (int i = 0; i < PD_OPS; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

pd_kernel pd_kernel_at(int i, int isa, int dtype) { return kernels[isa][i][dtype]; }

/* ---- layout of Dense kernels ------------------------------------------------------------------------------------ */
ptrdiff_t pd_panel_width(ptrdiff_t units, int dtype) {
    const ptrdiff_t widest = dtype == PD_FLOAT64 ? 16 : 32; /* 128 bytes: two AVX-512 registers */
    ptrdiff_t w = 1;
    while (w < units && w < widest) w *= 2;
    return w;
}
