/* dispatch.c: the table of kernels, op x ISA x dtype, and the description of each op's argument struct.
 *
 * Every ISA compiles every op from the same source, so a table of a built ISA has no hole; the linker says so.
 */
#include "op_args.h"

/* ---- argument structs ------------------------------------------------------------------------------------------- */
typedef struct {
    const pd_field *fields;
    int nfields;
    ptrdiff_t size;
} pd_family;

#define PD_FIELD_IN(f) {#f, 'i', offsetof(pd_this, f)},
#define PD_FIELD_OUT(f) {#f, 'o', offsetof(pd_this, f)},
#define PD_FIELD_SCR(f) {#f, 's', offsetof(pd_this, f)},
#define PD_FIELD_FN(f) {#f, 'k', offsetof(pd_this, f)},
#define PD_FIELD_INT(f) {#f, 'n', offsetof(pd_this, f)},
#define PD_FIELD_REAL(f) {#f, 'r', offsetof(pd_this, f)},
#define PD_FAMILY(family)                                                                                           \
    static pd_family family_##family(void) {                                                                        \
        typedef pd_##family##_args pd_this;                                                                         \
        static const pd_field fields[] = {                                                                          \
            PD_FIELDS_##family(PD_FIELD_IN, PD_FIELD_OUT, PD_FIELD_SCR, PD_FIELD_FN, PD_FIELD_INT, PD_FIELD_REAL)}; \
        const pd_family out = {fields, (int)(sizeof fields / sizeof *fields), (ptrdiff_t)sizeof(pd_this)};          \
        return out;                                                                                                 \
    }
#include "families.def"
#undef PD_FAMILY

/* ---- ops -------------------------------------------------------------------------------------------------------- */
#define ACT(name, s)                              \
    OP_READS(act_##name##_fwd, act_fwd, ROWS, #s) \
    OP_READS(act_##name##_bwd, act_bwd, ROWS, #s)
#define OP(name, family, part) OP_READS(name, family, part, "")

enum {
#define OP_READS(name, family, part, s) PD_OP_##name,
#include "ops.def"
#undef OP_READS
    PD_OPS
};

/* Declared for every ISA, gathered in the table for those built. */
#define PD_KERNEL_PROTO(symbol) void symbol(const void *, const pd_step *, pd_share);

#define OP_READS(name, family, part, s)  \
    PD_KERNEL_PROTO(name##_baseline_f32) \
    PD_KERNEL_PROTO(name##_baseline_f64) \
    PD_KERNEL_PROTO(name##_avx2_f32)     \
    PD_KERNEL_PROTO(name##_avx2_f64)     \
    PD_KERNEL_PROTO(name##_avx512_f32)   \
    PD_KERNEL_PROTO(name##_avx512_f64)   \
    PD_KERNEL_PROTO(name##_neon_f32)     \
    PD_KERNEL_PROTO(name##_neon_f64)
#include "ops.def"
#undef OP_READS

// clang-format off: a table
static const pd_kernel kernels[PD_ISAS][PD_OPS][PD_DTYPES] = {
    [PD_BASELINE] = {
#define OP_READS(name, family, part, s) {name##_baseline_f32, name##_baseline_f64},
#include "ops.def"
#undef OP_READS
    },
#ifdef PD_BUILD_avx2
    [PD_AVX2] = {
#define OP_READS(name, family, part, s) {name##_avx2_f32, name##_avx2_f64},
#include "ops.def"
#undef OP_READS
    },
#endif
#ifdef PD_BUILD_avx512
    [PD_AVX512] = {
#define OP_READS(name, family, part, s) {name##_avx512_f32, name##_avx512_f64},
#include "ops.def"
#undef OP_READS
    },
#endif
#ifdef PD_BUILD_neon
    [PD_NEON] = {
#define OP_READS(name, family, part, s) {name##_neon_f32, name##_neon_f64},
#include "ops.def"
#undef OP_READS
    },
#endif
};
// clang-format on

static const char *const isa_names[PD_ISAS] = {"baseline", "avx2", "avx512", "neon"};

const char *pd_isa_name(int isa) { return isa_names[isa]; }

int pd_isa_built(int isa) { return isa >= 0 && isa < PD_ISAS && kernels[isa][0][0] != NULL; }

int pd_op_count(void) { return PD_OPS; }

pd_op pd_op_at(int i) {
    switch (i) {
#define OP_READS(name, family, part, s)                                                       \
    case PD_OP_##name: {                                                                      \
        const pd_family f = family_##family();                                                \
        const pd_op op = {#name, #family, f.fields, f.nfields, f.size, PD_PART_##part, s[0]}; \
        return op;                                                                            \
    }
#include "ops.def"
#undef OP_READS
    }
    const pd_op none = {NULL, NULL, NULL, 0, 0, PD_PART_SERIAL, 0};
    return none;
}

pd_kernel pd_kernel_at(int i, int isa, int dtype) { return kernels[isa][i][dtype]; }

/* ---- layout of Dense kernels ------------------------------------------------------------------------------------ */
ptrdiff_t pd_panel_width(ptrdiff_t units, int dtype) {
    const ptrdiff_t widest = dtype == PD_FLOAT64 ? 16 : 32; /* 128 bytes: two AVX-512 registers */
    ptrdiff_t w = 1;
    while (w < units && w < widest) w *= 2;
    return w;
}
