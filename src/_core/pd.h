/* pd.h: the C API: what the bridge to Python, the C tests and C programs see.
 *
 * A plan is an array of records; pd_run walks it for a chunk of steps in one parallel region.
 * Sizes are ptrdiff_t and count elements, if not called bytes. Nothing here prints or aborts; running allocates
 * nothing. */
#ifndef PD_H
#define PD_H

#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX < UINT64_MAX || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pydl needs a 64-bit little-endian machine; for others, model.export writes C files (m.c) and ONNX"
#endif

/* ---- dtypes and instruction sets ------------------------------------------------------------------------------ */
typedef enum { PD_FLOAT32, PD_FLOAT64, PD_DTYPES } pd_dtype; /* dtypes kernels compute in */

/* dtypes a batch may be gathered from */
typedef enum {
    PD_SRC_F32,
    PD_SRC_F64,
    PD_SRC_U8,
    PD_SRC_I8,
    PD_SRC_U16,
    PD_SRC_I16,
    PD_SRC_U32,
    PD_SRC_I32,
    PD_SRC_U64,
    PD_SRC_I64,
    PD_SRC_DTYPES
} pd_src_dtype;

typedef enum { PD_BASELINE, PD_AVX2, PD_AVX512, PD_NEON, PD_ISAS } pd_isa;

/* What CPUID and XGETBV say; all else about the CPU is a pure function of it, so that tests can inject fake CPUs. */
enum { PD_CPUID_CACHES = 8 };
typedef struct {
    uint32_t eax, ebx, ecx;
} pd_cpuid_cache;
typedef struct {
    uint32_t max_leaf;    /* CPUID.0:EAX */
    uint32_t ecx1;        /* CPUID.1:ECX */
    uint32_t ebx7;        /* CPUID.7.0:EBX */
    uint64_t xcr0;        /* XGETBV(0), 0 when OSXSAVE is off */
    pd_cpuid_cache caches[PD_CPUID_CACHES]; /* CPUID.4 (Intel) or CPUID.8000001D (AMD), until one is of type 0 */
} pd_cpuid;
pd_cpuid pd_cpu_read(void);
unsigned pd_cpu_isas(const pd_cpuid *cpu); /* bit i set: pd_isa i may run */

/* Caches that hold data, as a core sees them. */
typedef struct {
    ptrdiff_t bytes; /* 0: there is none */
    ptrdiff_t ways, line;
    ptrdiff_t threads; /* hardware threads that share it, at most */
} pd_cache;
typedef struct {
    pd_cache l1, l2, l3;
} pd_caches;
pd_caches pd_cpu_caches(const pd_cpuid *cpu); /* a modest guess where it does not say */

/* The caches that products choose their blocks for; no result depends on them. The modest guess until they are set. */
const pd_caches *pd_caches_in_use(void);
void pd_use_caches(const pd_caches *caches); /* while nothing runs */

const char *pd_isa_name(int isa);
int pd_isa_built(int isa); /* compiled into this library */

/* ---- one step ------------------------------------------------------------------------------------------------- */
enum { PD_COEFS = 8 };

typedef struct {
    const void *data; /* row 0 */
    ptrdiff_t stride; /* elements from one row to the next */
    int dtype;        /* pd_src_dtype */
} pd_source;

/* Everything that changes from step to step. Each thread has its own copy; kernels only read it, but for sums. */
typedef struct {
    const int64_t *rows;   /* [batch] rows of the sources, or NULL: row0, row0 + 1, ... */
    const int64_t *next;   /* rows of the next step's batch, where they are known, or NULL */
    int64_t row0;          /* first row of this batch, where rows is NULL, and of its output in sinks */
    const pd_source *src;  /* arrays that gather records read */
    void *const *sinks;    /* arrays that put records write, in the plan's dtype, contiguous rows */
    double *sums;          /* loss and metric accumulators; written by serial records only */
    double coef[PD_COEFS]; /* what the optimizer needs of this step: [0] rate, [1] weight decay, then its own */
    uint64_t seed;         /* of the model's random streams */
    uint64_t count;        /* steps drawn from them so far */
    int update;            /* whether weights are updated in this step */
    int *failed;           /* set to 1 by a host record that failed */
    int thread;            /* this copy's, counted from 0: whose scratch its kernels use */
    const pd_caches *caches;
} pd_step;

/* A share of a record's work: units [lo, hi) of `of` equal ones, or as equal as its grain allows; of a record that
 * splits by samples only part number `part` of `parts`, where those are more than 1. */
typedef struct {
    int lo, hi, of;
    uint16_t part, parts;
} pd_share;
#define PD_WHOLE ((pd_share){0, 1, 1, 0, 1})

typedef void (*pd_kernel)(const void *args, const pd_step *step, pd_share share);

/* ---- the table of kernels -------------------------------------------------------------------------------------- */
/* How a kernel splits its work into shares. Two records with the same split of the same size touch the same part of a
 * buffer in the same share, so no barrier is needed between them. */
typedef enum {
    PD_SPLIT_ROWS,   /* samples of the batch, whose rows are B: pd_rows */
    PD_SPLIT_SAMPLES, /* the same, but no sample is ever divided: pd_rows(B / L, 1) */
    PD_SPLIT_BANDS, /* the same, but samples that are fewer than shares are divided by rows of the output: pd_bands */
    PD_SPLIT_FLAT, /* elements or columns, n of them: pd_flat */
    PD_SPLIT_SCAN, /* elements too, but every share reads all that the others read */
    PD_SPLIT_SERIAL, /* thread 0 does it all */
    PD_SPLIT_OWN /* a split of its own: barriers around it */
} pd_split;

/* A field of an argument struct, as op_args.h lists it: kind i read by share, a read by all, o written, s scratch,
 * k kernel, n size, r real. */
typedef struct {
    const char *name;
    char kind;
    uint16_t offset;
} pd_field;

typedef struct {
    const char *name;
    const char *family;
    const pd_field *fields;
    int nfields;
    ptrdiff_t size; /* of the argument struct */
    int split; /* pd_split */
    char reads; /* activations: 'x' or 'y', what the backward kernel wants as s; else 0 */
    double alpha; /* activations: the parameter where none is given */
    int rowwise; /* activations: normalizes along rows */
    /* Facts that depend on sizes, from an argument struct in which they are filled in. */
    ptrdiff_t (*reach)(const void *args, ptrdiff_t field,
                       int dtype); /* bytes behind the pointer (scratch: per thread) */
    double (*work)(const void *args); /* multiply-adds, or elements touched */
    int (*in_place)(const void *args); /* may read a batch's rows where they lie */
} pd_op;

int pd_op_count(void);
int pd_op_number(const char *name); /* -1: no such op */
pd_op pd_op_at(int i);
pd_kernel pd_kernel_at(int i, int isa, int dtype);

/* Width in elements of the panels that a Dense kernel of `units` columns is stored in: [ceil(O/w)][I][w]. */
ptrdiff_t pd_panel_width(ptrdiff_t units, int dtype);

/* ---- running --------------------------------------------------------------------------------------------------- */
enum { PD_ALWAYS, PD_ON_UPDATE }; /* PD_ON_UPDATE: only in steps that update weights (pd_chunk.every) */

/* A pointer field of a record that is run on some samples after the other: what it points at holds those of one thread,
 * `sample` bytes each, and lies so far behind that of the thread before. */
typedef struct {
    uint16_t field; /* offset in the argument struct */
    ptrdiff_t sample, apart;
} pd_fold;
enum { PD_ARGS_MOST = 512 }; /* bytes of an argument struct with such fields */

typedef struct {
    pd_kernel fn;
    const void *args;
    uint8_t serial; /* thread 0 only */
    uint8_t barrier; /* threads wait for each other before it */
    uint8_t host; /* calls the host program and may fail: threads wait after it and look at `failed` */
    uint8_t when; /* PD_ALWAYS, PD_ON_UPDATE */
    int pieces; /* so many records, from this barrier to the next, are run piece by piece; 0: share by share */
    int deep; /* so many records, from this one on, are run on some samples of a share after the other; 0: on all */
    int parts; /* of those: in so many parts on one thread */
    ptrdiff_t samples; /* of those */
    const pd_fold *folds;
    uint16_t nfolds, size; /* bytes of args */
} pd_record;

typedef struct {
    ptrdiff_t steps, batch;
    const int64_t *rows; /* [steps * batch] or NULL */
    int64_t row0;
    const pd_source *src;
    void *const *sinks;
    double *sums;
    const double *coefs; /* [steps][PD_COEFS] or NULL */
    uint64_t seed, count;
    uint64_t every; /* steps per update of the weights: those whose number, from 1, it divides; 0 stands for 1 */
} pd_chunk;

/* Runs the records steps times on up to nth threads. Returns the number of steps completed: fewer than asked for only
 * when a host record failed. */
ptrdiff_t pd_run(const pd_record *records, ptrdiff_t nrecords, const pd_chunk *chunk, int nth);

/* ---- plans ------------------------------------------------------------------------------------------------------ */
/* A plan is built in three steps: records are emitted that name buffers by number, pd_plan_seal finds the barriers, the
 * pieces and where each buffer lies, pd_plan_bind says where in memory that is. What is emitted once runs many times.
 * Functions that return a number return -1, and those that return a pointer NULL, if there is no memory. */
typedef struct pd_plan pd_plan;

pd_plan *pd_plan_new(int dtype, int isa, int threads); /* threads: the most it will run on; scratch is per thread */
void pd_plan_free(pd_plan *p);

/* A buffer of the plan: memory whose contents last from the first record that writes it to the last that reads it. */
int pd_plan_buffer(pd_plan *p, ptrdiff_t bytes);
/* What a pointer field of an argument struct holds until the plan is bound: so many bytes into a buffer. Any other
 * value is taken for an address outside the plan. */
void *pd_ref(int buffer, ptrdiff_t bytes);

/* Appends a record of an op; `args` is copied. Scratch fields that are NULL are the plan's to fill. Returns its
 * number. */
ptrdiff_t pd_plan_emit(pd_plan *p, int op, const void *args);
/* Appends a record of the host's: fn(context, step, PD_WHOLE) on thread 0, which may set step->failed. */
ptrdiff_t pd_plan_call(pd_plan *p, pd_kernel fn, const void *context);
/* Says that the last record reads, or writes, bytes that its arguments do not show. */
int pd_plan_touch(pd_plan *p, const void *address, ptrdiff_t bytes, int writes);
/* When a record runs: PD_ALWAYS (the default) or PD_ON_UPDATE. */
void pd_plan_when(pd_plan *p, ptrdiff_t record, int when);

/* gap: bytes to leave behind each buffer; where it is not 0, no two buffers share memory (for looking at them). */
int pd_plan_seal(pd_plan *p, ptrdiff_t gap);
ptrdiff_t pd_plan_bytes(const pd_plan *p); /* of memory that bind wants, aligned to 64 */
ptrdiff_t pd_plan_offset(const pd_plan *p, int buffer); /* of a buffer in it; -1: it never holds all samples */
double pd_plan_work(const pd_plan *p); /* of a step, in multiply-adds */
void pd_plan_bind(pd_plan *p, void *memory);
/* Says that records of a bound plan, in their argument structs, have been given other sizes: those of fewer samples. */
void pd_plan_resized(pd_plan *p);
const pd_record *pd_plan_records(const pd_plan *p, ptrdiff_t *count);

/* ---- seeds, and the order of rows ------------------------------------------------------------------------------- */
/* A seed for each number: word `number` of SplitMix64, counted from 1. */
uint64_t pd_derived(uint64_t seed, uint64_t number);

/* Writes the numbers 0 to n - 1 in a random order, a function of the seed. */
void pd_permutation(int64_t *order, ptrdiff_t n, uint64_t seed);

/* ---- one product, without a plan -------------------------------------------------------------------------------- */
typedef struct {
    const void *p;
    ptrdiff_t rows, columns;
    ptrdiff_t rs, cs; /* element (i, j) lies i * rs + j * cs elements from p */
} pd_matrix;

typedef struct {
    pd_kernel matmul, act; /* act: act_fwd or NULL */
    int rowwise; /* act normalizes over columns */
    double alpha;
    ptrdiff_t size; /* of an element, in bytes */
    pd_matrix a, b; /* plain; a.columns == b.rows */
    const void *bias; /* [b.columns] or NULL */
    void *y; /* [a.rows][b.columns], apart from a and b */
} pd_product;

/* Whether the rows or the columns of a matrix are contiguous and in ascending order, as kernels want them. */
int pd_matrix_plain(pd_matrix *m);
/* y = act(a b + bias) on up to nth threads */
void pd_multiply(const pd_product *p, int nth);

/* ---- threads ---------------------------------------------------------------------------------------------------- */
int pd_max_threads(void); /* what the OpenMP runtime would give a region here: OMP_NUM_THREADS, threadpoolctl, ... */
int pd_install_fork_handler(void);

/* ---- memory ---------------------------------------------------------------------------------------------------- */
void *pd_alloc(size_t bytes); /* zeroed, 64-byte aligned, NULL when there is none */
void *pd_grow(void *p, size_t bytes,
              size_t more); /* `more` bytes that begin with those of p, which is freed, or NULL */
void pd_free(void *p);
int pd_mul(ptrdiff_t a, ptrdiff_t b, ptrdiff_t *out); /* 0, or -1 when the product does not fit */

#endif
