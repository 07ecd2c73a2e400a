/* test_ops.c: every op of the table on odd sizes, in every ISA, dtype and split, between canaries.
 *
 * Arguments are filled by the fields that dispatch.c lists, so a new op of a known family needs nothing here. */
#include "test_core.h"

#include <string.h>

/* Pointer fields that may be NULL. */
static const struct {
    const char *family, *fields;
} OPTIONAL[] = {
    {"mask_weights", " mask w "},
    {"mask_steps", " y "},
    {"mean_steps_fwd", " m "},
    {"mean_steps_bwd", " m "},
    {"gemm_fwd", " b z "},
    {"gemm_dx", " s "},
    {"gemm_step", " s2 "},
    {"matmul", " b "},
    {"loss", " w dy p "},
    {"metric", " w "},
    {"sum", " x w "},
    {"opt", " s2 "},
    {"sum_parts", " total "},
    {"grad_clip", " norm2 "},
    {"bn_fwd", " gamma beta mask "},
    {"bn_infer", " gamma beta "},
    {"bn_bwd", " dx gamma mask dgamma dbeta "},
    {"ln_fwd", " gamma beta "},
    {"ln_bwd", " gamma "},
    {"ln_grad", " dgamma dbeta "},
    {"conv_fwd", " b z "},
    {"conv_dx", " b z s "},
    {"conv_dw", " db "},
    {"pool_max_fwd", " at "},
    {"bn_parts", " mask "},
    {"bn_apply", " z mask gamma beta "},
    {"bn_slopes", " s "},
    {"bn_dx", " mask gamma "},
    {"depthwise_fwd", " b z "},
    {"depthwise_dx", " s "},
};
/* What n counts in a family; B * O where it is not named. */
static const struct {
    const char *family, *n;
} COUNTS[] = {{"gemm_dw", "W"}, {"gemm_step", "W"}, {"sum", "B"},        {"bn_fwd", "O"},     {"bn_bwd", "O"},
              {"ln_grad", "O"}, {"colsum", "O"},    {"embed_bwd", "VO"}, {"prelu_grad", "O"}, {"sum_wide", "O"}};

enum { MAX_FIELDS = 32, MAX_NTH = 7, VARIANTS = 2, SPARE_ROWS = 3, TABLE = 5, IMAGE_H = 5, IMAGE_W = 4 };

typedef struct {
    pd_op op;
    pd_kernel kernel;
    int isa, dtype;
    int variant; /* 1 sets flags, drops what may be NULL and fused activations; others pick a source */
    ptrdiff_t B, I, O;
    block blocks[MAX_FIELDS];
} call;

static ptrdiff_t group(const call *c) { return c->B % 2 ? 1 : 2; }
static ptrdiff_t width(const call *c) { return pd_panel_width(c->O, c->dtype); }
static ptrdiff_t padded(const call *c) { return (c->O + width(c) - 1) / width(c) * width(c); }

static ptrdiff_t product(const call *c, const char *letters) {
    ptrdiff_t n = 1;
    for (; *letters; letters++) {
        switch (*letters) {
        case 'B': n *= c->B; break;
        case 'O': n *= c->O; break;
        case 'W': n *= padded(c) * c->I; break;
        case 'V': n *= TABLE; break;
        }
    }
    return n;
}

static int optional(const call *c, const char *field) {
    char word[32];
    snprintf(word, sizeof word, " %s ", field);
    for (size_t i = 0; i < sizeof OPTIONAL / sizeof *OPTIONAL; i++)
        if (strcmp(OPTIONAL[i].family, c->op.family) == 0) return strstr(OPTIONAL[i].fields, word) != NULL;
    return 0;
}

static ptrdiff_t count(const call *c) {
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        if (strcmp(COUNTS[i].family, c->op.family) == 0) return product(c, COUNTS[i].n);
    return c->B * c->O;
}

static ptrdiff_t integer(const call *c, const char *name) {
    const int flag = c->variant == 1, tensor = !strcmp(c->op.family, "gather") || !strcmp(c->op.family, "put");
    const int dense = !strncmp(c->op.family, "gemm", 4);
    const struct {
        const char *prefix, *name;
        ptrdiff_t value;
    } of_families[] = {
        /* pictures of O columns, whose rows and columns are moved about */
        {"image", "H", 3},
        {"image", "W", c->O},
        {"image", "C", !strcmp(c->op.family, "image_tone") ? 1 : 1 + 2 * flag},
        {"image", "OH", 4},
        {"image", "OW", c->O + 1},
        {"image", "KH", 2},
        {"image", "KW", c->O > 1 ? 2 : 1},
        {"image", "top", -1},
        {"image", "left", 1},
        {"image", "tops", 2 * flag},
        {"image", "lefts", 3},
        {"image", "back", flag},
        {"image", "flip", 3 * flag},
        {"image", "kind", c->B % 3},
        {"image", "mode", c->O % 4},
        {"image", "nearest", flag},
        {"image", "same", flag},
        /* windows of 3 x 2 taps that reach beyond images, or lie within; with strides, holes */
        {"conv", "C", c->I},
        {"conv", "OH", flag ? IMAGE_H - 2 : IMAGE_H},
        {"conv", "OW", flag ? IMAGE_W - 1 : IMAGE_W},
        {"conv", "SH", 1},
        {"conv", "SW", 1},
        {"conv", "DW", 1},
        {"conv", "top", !flag},
        {"conv", "left", 0},
        {"conv", "S", 1},
        {"conv", "ldb", c->O},
        {"depthwise", "OH", flag ? 2 : IMAGE_H},
        {"depthwise", "OW", flag ? 3 : 2},
        {"depthwise", "left", flag},
        {"sum_slices", "ld", count(c)},
    };
    for (size_t i = 0; i < sizeof of_families / sizeof *of_families; i++)
        if (!strncmp(of_families[i].prefix, c->op.family, strlen(of_families[i].prefix)) &&
            strcmp(of_families[i].name, name) == 0)
            return of_families[i].value;
    const struct {
        const char *name;
        ptrdiff_t value;
    } values[] = {
        {"B", c->B},
        {"I", c->I},
        {"O", c->O},
        {"L", group(c)},
        {"V", TABLE},
        {"n", count(c)},
        {"k", tensor  ? c->variant
              : dense ? c->dtype
                      : 1 + flag}, /* source number dtype has that dtype */
        {"in_place", dense && c->variant > 0},
        {"slot", 1},
        {"stream", 3},
        {"seed", flag},
        {"factor", flag},
        {"ldx", c->O},
        {"ldy", c->O},
        {"xo", 0},
        {"yo", 0},
        {"rs", flag ? 1 : c->I},
        {"cs", flag ? c->B : 1},
        {"ldb", flag ? c->I : c->O},
        {"transposed", flag},
        {"add", flag},
        {"decay", flag},
        {"per", 0},
        {"normalize", flag},
        {"steps", 2},
        {"frequency", 1 + flag},
        {"nesterov", flag},
        {"S", 3}, /* slices */
        {"ld", c->O + 2},
        {"M", 2 + flag},
        {"G", 1},
        {"H", IMAGE_H},
        {"W", IMAGE_W},
        {"C", c->O},
        {"OH", 3},
        {"OW", IMAGE_W},
        {"KH", 3},
        {"KW", 2},
        {"SH", 1 + flag},
        {"SW", 2 - flag},
        {"DH", 1},
        {"DW", 2},
        {"top", 1},
        {"left", 0},
        {"wide", flag},
        {"sum", flag},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].name, name) == 0) return values[i].value;
    CHECK(0, "%s has an integer field %s: give it a value here", c->op.name, name);
}

static pd_kernel fused(const call *c) {
    const char *family = c->op.family, *name = "act_tanh_fwd";
    if (!strcmp(family, "gemm_dx") || !strcmp(family, "conv_dx")) name = "act_tanh_bwd";
    if (!strcmp(family, "bn_slopes") || !strcmp(family, "depthwise_dx")) name = "act_tanh_bwd";
    if (!strcmp(family, "gemm_step")) name = "opt_adam_step";
    else if (c->variant == 1) return NULL;
    return pd_kernel_at(op_number(name), c->isa, c->dtype);
}

/* Codes of a table's rows, some of which name none. */
static void fill_codes(void *data, ptrdiff_t n, int dtype) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t code = i * 3 % (TABLE + 2) - 1;
        if (dtype == PD_FLOAT64) ((double *)data)[i] = (double)code;
        else ((float *)data)[i] = (float)code;
    }
}

/* The only tap of a window that all of them have in the image, as bytes or uint32_t. */
static void fill_taps(void *data, ptrdiff_t bytes, int wide) {
    const unsigned char one[2][4] = {{2, 2, 2, 2}, {2, 0, 0, 0}};
    for (ptrdiff_t i = 0; i < bytes; i++) ((unsigned char *)data)[i] = one[wide][i % 4];
}

/* Bytes behind a pointer field: as the table of ops says, but for class numbers, of which a row has one. */
static ptrdiff_t reach(const call *c, const void *args, const pd_field *f) {
    if (strstr(c->op.name, "sparse") && !strcmp(f->name, "t")) return c->B * (ptrdiff_t)dtype_bytes(c->dtype);
    return c->op.reach(args, f->offset, c->dtype);
}

/* Whether a field of doubles. */
static int is_double(const call *c, const char *field) {
    return c->dtype == PD_FLOAT64 || !strcmp(field, "parts") || !strcmp(field, "total") || !strcmp(field, "norm2");
}

/* The argument struct of a call, its arrays between canaries and filled. */
static void *arguments(call *c) {
    char *args = calloc(1, (size_t)c->op.size);
    CHECK(args && c->op.nfields <= MAX_FIELDS, "%s", c->op.name);
    for (int i = 0; i < c->op.nfields; i++) { /* first what sizes follow from */
        const pd_field f = c->op.fields[i];
        char *at = args + f.offset;
        const size_t length = strlen(f.name);
        if (f.kind == 'n' && length > 7 && !strcmp(f.name + length - 7, "_stride")) continue;
        if (f.kind == 'n') *(ptrdiff_t *)at = integer(c, f.name);
        if (f.kind == 'r') *(double *)at = 0.3;
        if (f.kind == 'k') *(pd_kernel *)at = fused(c);
    }
    for (int i = 0; i < c->op.nfields; i++) {
        const pd_field f = c->op.fields[i];
        c->blocks[i] = (block){0};
        if (!strchr("iaos", f.kind) || (c->variant == 1 && optional(c, f.name))) continue;
        const int dtype = is_double(c, f.name) ? PD_FLOAT64 : PD_FLOAT32;
        ptrdiff_t bytes = reach(c, args, &f);
        if (f.kind == 's') {
            *(ptrdiff_t *)(args + c->op.fields[i + 1].offset) = bytes / (ptrdiff_t)dtype_bytes(dtype);
            bytes *= MAX_NTH;
        }
        const ptrdiff_t n = bytes / (ptrdiff_t)dtype_bytes(dtype);
        c->blocks[i] = block_new((size_t)bytes, dtype_bytes(dtype));
        if (!strncmp(c->op.family, "embed", 5) && !strcmp(f.name, "x")) fill_codes(c->blocks[i].data, n, dtype);
        else if (!strcmp(f.name, "at")) fill_taps(c->blocks[i].data, bytes, c->variant == 1);
        else fill(c->blocks[i].data, n, dtype, (unsigned)i);
        *(void **)(args + f.offset) = c->blocks[i].data;
    }
    return args;
}

/* A hash of what a call wrote, its canaries looked at, its memory given back. */
static uint64_t finish(call *c, void *args) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int i = 0; i < c->op.nfields; i++) {
        block *b = &c->blocks[i];
        if (!b->base) continue;
        for (size_t j = 0; c->op.fields[i].kind == 'o' && j < b->bytes; j++)
            hash = (hash ^ (unsigned char)b->data[j]) * 1099511628211u;
        block_check_and_free(b, c->op.name);
    }
    free(args);
    return hash;
}

/* One call in shares that begin and end at the cuts, in units; a hash of what it wrote. */
static uint64_t run(call *c, const int *cuts, int shares) {
    static const size_t source_bytes[PD_SRC_DTYPES] = {4, 8, 1, 1, 2, 2, 4, 4, 8, 8};
    const ptrdiff_t rows = c->B + SPARE_ROWS, columns = c->I > c->O ? c->I : c->O;
    block sources[PD_SRC_DTYPES], sinks[VARIANTS], sums = block_new(3 * sizeof(double), sizeof(double));
    block order = block_new((size_t)c->B * sizeof(int64_t), sizeof(int64_t));
    pd_source src[PD_SRC_DTYPES];
    void *sink[VARIANTS];
    int failed = 0;
    for (int i = 0; i < PD_SRC_DTYPES; i++) {
        sources[i] = block_new((size_t)(rows * columns) * source_bytes[i], source_bytes[i]);
        memset(sources[i].data, 0x3f, sources[i].bytes); /* a fair number in every dtype */
        src[i] = (pd_source){sources[i].data, columns, i};
    }
    for (int i = 0; i < VARIANTS; i++) {
        sinks[i] = block_new((size_t)(rows * c->O) * dtype_bytes(c->dtype), dtype_bytes(c->dtype));
        sink[i] = sinks[i].data;
    }
    fill(sums.data, 3, PD_FLOAT64, 1);
    for (ptrdiff_t b = 0; b < c->B; b++) ((int64_t *)order.data)[b] = (b * 5 + 1) % rows;

    pd_step step = {.rows = c->variant == 1 ? NULL : (int64_t *)order.data,
                    .next = (int64_t *)order.data,
                    .row0 = SPARE_ROWS,
                    .src = src,
                    .sinks = sink,
                    .sums = (double *)sums.data,
                    .coef = {0.05, 0.01},
                    .seed = 7,
                    .count = 3,
                    .failed = &failed,
                    .caches = pd_caches_in_use()};
    void *args = arguments(c);
    for (int i = 0; i < shares; i++) {
        step.thread = i;
        c->kernel(args, &step, (pd_share){.lo = cuts[i], .hi = cuts[i + 1], .of = cuts[shares]});
    }

    for (int i = 0; i < PD_SRC_DTYPES; i++) block_check_and_free(&sources[i], c->op.name);
    for (int i = 0; i < VARIANTS; i++) block_check_and_free(&sinks[i], c->op.name);
    block_check_and_free(&sums, c->op.name);
    block_check_and_free(&order, c->op.name);
    return finish(c, args);
}

/* One op on all sizes: the same bits for every number of shares. Returns the number of calls. */
static long run_sizes(call *c) {
    static const ptrdiff_t Bs[] = {0, 1, 3, 17}, Is[] = {1, 5, 33}, Os[] = {1, 2, 7, 19, 65};
    static const struct {
        int shares, cuts[MAX_NTH + 1];
    } splits[] = {{2, {0, 1, 2}},
                  {3, {0, 1, 2, 3}},
                  {7, {0, 1, 2, 3, 4, 5, 6, 7}},
                  {4, {0, 4, 6, 7, 8}}, /* uneven, as pieces are */
                  {5, {0, 1, 1, 9, 30, 32}}};
    static const int whole_cuts[] = {0, 1};
    long calls = 0;
    int has_I = 0;
    for (int i = 0; i < c->op.nfields; i++) has_I |= !strcmp(c->op.fields[i].name, "I");
    for (size_t b = 0; b < sizeof Bs / sizeof *Bs; b++)
        for (size_t i = 0; i < (has_I ? sizeof Is / sizeof *Is : 1); i++)
            for (size_t o = 0; o < sizeof Os / sizeof *Os; o++) {
                c->B = Bs[b], c->I = Is[i], c->O = Os[o];
                const uint64_t whole = run(c, whole_cuts, 1);
                calls++;
                for (size_t s = 0; c->op.split != PD_SPLIT_SERIAL && s < sizeof splits / sizeof *splits; s++, calls++)
                    CHECK(run(c, splits[s].cuts, splits[s].shares) == whole,
                          "%s, %s, dtype %d, B %td I %td O %td: split %zu changes bits", c->op.name,
                          pd_isa_name(c->isa), c->dtype, c->B, c->I, c->O, s);
            }
    return calls;
}

/* A gather has one for each dtype of a source; a product that reads a source, one more where rows are listed. */
static int variants(const call *c) {
    if (strcmp(c->op.family, "gather") == 0) return PD_SRC_DTYPES;
    for (int i = 0; i < c->op.nfields; i++)
        if (strcmp(c->op.fields[i].name, "in_place") == 0) return VARIANTS + 1;
    return VARIANTS;
}

long test_ops(void) {
    long calls = 0;
    const pd_cpuid cpu = pd_cpu_read();
    const unsigned isas = pd_cpu_isas(&cpu);
    for (int isa = 0; isa < PD_ISAS; isa++)
        for (int dtype = 0; dtype < PD_DTYPES; dtype++)
            for (int i = 0; i < pd_op_count(); i++) {
                if (!(isas >> isa & 1) || !pd_isa_built(isa)) continue;
                call c = {.op = pd_op_at(i), .kernel = pd_kernel_at(i, isa, dtype), .isa = isa, .dtype = dtype};
                for (c.variant = 0; c.variant < variants(&c); c.variant++) calls += run_sizes(&c);
            }
    return calls;
}
