# pd.pxd: pd.h as Cython sees it.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "pd.h" nogil:
    ctypedef struct pd_cpuid_cache:
        uint32_t eax, ebx, ecx
    ctypedef struct pd_cpuid:
        uint32_t max_leaf, ecx1, ebx7
        uint64_t xcr0
        pd_cpuid_cache *caches
    int PD_CPUID_CACHES
    pd_cpuid pd_cpu_read()
    unsigned pd_cpu_isas(const pd_cpuid *cpu)
    ctypedef struct pd_cache:
        Py_ssize_t bytes, ways, line, threads
    ctypedef struct pd_caches:
        pd_cache l1, l2, l3
    pd_caches pd_cpu_caches(const pd_cpuid *cpu)
    const pd_caches *pd_caches_in_use()
    void pd_use_caches(const pd_caches *caches)
    const char *pd_isa_name(int isa)
    int pd_isa_built(int isa)
    int PD_ISAS, PD_FLOAT32, PD_FLOAT64, PD_COEFS, PD_SRC_DTYPES
    int PD_SPLIT_ROWS, PD_SPLIT_SAMPLES, PD_SPLIT_BANDS, PD_SPLIT_FLAT, PD_SPLIT_SCAN, PD_SPLIT_SERIAL, PD_SPLIT_OWN, PD_ALWAYS, PD_ON_UPDATE

    ctypedef struct pd_source:
        const void *data
        Py_ssize_t stride
        int dtype

    ctypedef struct pd_step:
        const int64_t *rows
        const int64_t *next
        int64_t row0
        const pd_source *src
        void **sinks
        double *sums
        double *coef
        uint64_t seed, count
        int update
        int *failed
        const pd_caches *caches

    ctypedef struct pd_share:
        int lo, hi, of
        unsigned short part, parts
    ctypedef void (*pd_kernel)(const void *args, const pd_step *step, pd_share share) noexcept

    ctypedef struct pd_field:
        const char *name
        char kind
        uint16_t offset

    ctypedef struct pd_op:
        const char *name
        const char *family
        const pd_field *fields
        int nfields
        Py_ssize_t size
        int split
        char reads
        double alpha
        int rowwise
        Py_ssize_t (*reach)(const void *args, Py_ssize_t field, int dtype) noexcept
        double (*work)(const void *args) noexcept
        int (*in_place)(const void *args) noexcept

    int pd_op_count()
    pd_op pd_op_at(int i)
    pd_kernel pd_kernel_at(int i, int isa, int dtype)
    Py_ssize_t pd_panel_width(Py_ssize_t units, int dtype)

    ctypedef struct pd_record:
        pd_kernel fn
        const void *args
        uint8_t barrier
        int pieces
        int deep
        int parts

    ctypedef struct pd_chunk:
        Py_ssize_t steps, batch
        const int64_t *rows
        int64_t row0
        const pd_source *src
        void **sinks
        double *sums
        const double *coefs
        uint64_t seed, count, every

    Py_ssize_t pd_run(const pd_record *records, Py_ssize_t nrecords, const pd_chunk *chunk, int nth)

    ctypedef struct pd_plan:
        pass
    pd_plan *pd_plan_new(int dtype, int isa, int threads)
    void pd_plan_free(pd_plan *p)
    int pd_plan_buffer(pd_plan *p, Py_ssize_t bytes)
    void *pd_ref(int buffer, Py_ssize_t bytes)
    Py_ssize_t pd_plan_emit(pd_plan *p, int op, const void *args)
    Py_ssize_t pd_plan_call(pd_plan *p, pd_kernel fn, const void *context)
    int pd_plan_touch(pd_plan *p, const void *address, Py_ssize_t bytes, int writes)
    void pd_plan_when(pd_plan *p, Py_ssize_t record, int when)
    int pd_plan_seal(pd_plan *p, Py_ssize_t gap)
    Py_ssize_t pd_plan_bytes(const pd_plan *p)
    Py_ssize_t pd_plan_offset(const pd_plan *p, int buffer)
    double pd_plan_work(const pd_plan *p)
    void pd_plan_bind(pd_plan *p, void *memory)
    const pd_record *pd_plan_records(const pd_plan *p, Py_ssize_t *count)

    uint64_t pd_derived(uint64_t seed, uint64_t number)
    void pd_permutation(int64_t *order, Py_ssize_t n, uint64_t seed)
    ctypedef struct pd_matrix:
        const void *p
        Py_ssize_t rows, columns, rs, cs

    ctypedef struct pd_product:
        pd_kernel matmul, act
        int rowwise
        double alpha
        Py_ssize_t size
        pd_matrix a, b
        const void *bias
        void *y

    int pd_matrix_plain(pd_matrix *m)
    void pd_multiply(const pd_product *p, int nth)
    int pd_max_threads()
    int pd_install_fork_handler()
    void *pd_alloc(size_t nbytes)
    void pd_free(void *p)
    int pd_mul(Py_ssize_t a, Py_ssize_t b, Py_ssize_t *out)
