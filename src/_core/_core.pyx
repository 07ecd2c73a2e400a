# cython: language_level=3, cdivision=True
"""The C core as Python sees it: aligned buffers, plans of kernel records, and the call of a single kernel.

It carries pointers and sizes; it computes on no element and decides no policy.
"""
import os
import time

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from pd cimport *

if pd_install_fork_handler() != 0:
    raise ImportError("pydl: the fork handler could not be installed: out of memory")

# ---- instruction sets and ops -----------------------------------------------------------------------------------

_DTYPES = {"float32": PD_FLOAT32, "float64": PD_FLOAT64}
_BUFFER_FORMATS = {"float32": (b"f", 4), "float64": (b"d", 8), "int64": (b"q", 8)}
# struct-module formats of the dtypes a batch may be gathered from, in the order of pd_src_dtype
_SOURCE_DTYPES = {"f4": 0, "f8": 1, "u1": 2, "i1": 3, "u2": 4, "i2": 5, "u4": 6, "i4": 7, "u8": 8, "i8": 9}
_SOURCE_KINDS = {"f": "f", "d": "f", "?": "u", "B": "u", "H": "u", "I": "u", "L": "u", "Q": "u",
                 "b": "i", "h": "i", "i": "i", "l": "i", "q": "i"}
_PARTS = {PD_PART_ROWS: "rows", PD_PART_FLAT: "flat", PD_PART_SERIAL: "serial", PD_PART_OWN: "own"}

_ISA_NUMBERS = {pd_isa_name(i).decode(): i for i in range(PD_ISAS)}
_OPS = {pd_op_at(i).name.decode(): i for i in range(pd_op_count())}


def source_dtypes():
    """Dtypes a batch may be gathered from, as NumPy spells them, and their numbers."""
    return dict(_SOURCE_DTYPES)


def cpu_isas(unsigned max_leaf, unsigned ecx1, unsigned ebx7, uint64_t xcr0):
    """Names of the instruction sets that a CPU with these CPUID and XGETBV values may run."""
    cdef pd_cpuid cpu
    cpu.max_leaf, cpu.ecx1, cpu.ebx7, cpu.xcr0 = max_leaf, ecx1, ebx7, xcr0
    cdef unsigned bits = pd_cpu_isas(&cpu)
    return [name for name, i in _ISA_NUMBERS.items() if bits >> i & 1]


def isas():
    """Names of the instruction sets that are built in and that this CPU can run, slowest first."""
    cdef pd_cpuid cpu = pd_cpu_read()
    cdef unsigned bits = pd_cpu_isas(&cpu)
    return [name for name, i in _ISA_NUMBERS.items() if bits >> i & 1 and pd_isa_built(i)]


def _isa_from_environment():
    name = os.environ.get("PYDL_ISA", "")
    if not name:
        return isas()[-1]
    if name not in isas():
        raise ImportError(f"PYDL_ISA={name!r}: expected one of {isas()} on this CPU; unset it to use {isas()[-1]!r}")
    return name


cdef str _isa = _isa_from_environment()


def isa():
    """Name of the instruction set in use."""
    return _isa


def set_isa(str name not None):
    """Use another instruction set from now on; plans already built keep theirs. Returns the previous one."""
    global _isa
    if name not in isas():
        raise ValueError(f"isa {name!r}: expected one of {isas()}")
    previous, _isa = _isa, name
    return previous


def _debug_from_environment():
    value = os.environ.get("PYDL_DEBUG", "")
    if value not in ("", "0", "1"):
        raise ImportError(f"PYDL_DEBUG={value!r}: expected '0' or '1'; unset it to run without checks")
    return value == "1"


cdef bint _debug = _debug_from_environment()


def debug():
    """Whether PYDL_DEBUG=1 asks for buffers with canaries and plans that run record by record."""
    return _debug


def ops():
    """Names of all ops."""
    return list(_OPS)


def describe(str op not None):
    """What ops.def and op_args.h say of an op: family, part, reads, fields (name -> kind)."""
    cdef pd_op o = pd_op_at(_number(op))
    fields = {o.fields[i].name.decode(): chr(o.fields[i].kind) for i in range(o.nfields)}
    return {"family": o.family.decode(), "part": _PARTS[o.part], "reads": chr(o.reads) if o.reads else None,
            "fields": fields}


cdef int _number(str op) except -1:
    cdef object i = _OPS.get(op)
    if i is None:
        raise ValueError(f"unknown op {op!r}")
    return i


def panel_width(Py_ssize_t units, str dtype not None):
    """Width of the panels that a Dense kernel of so many columns is stored in."""
    return pd_panel_width(units, _DTYPES[dtype])


def max_threads():
    """Threads the OpenMP runtime would use here."""
    return pd_max_threads()


# ---- memory -----------------------------------------------------------------------------------------------------

cdef bytes _CANARY = b"\xa5" * 64  # behind every buffer in debug mode; as wide as the widest vector


cdef class Buffer:
    """Zeroed, 64-byte aligned memory of one dtype and shape; `numpy.asarray(buffer)` is a view of it.

    `padded` elements (at least those of the shape) are allocated, unless it shows the memory of a `base`, as it is.
    """
    cdef void *p
    cdef void *owned               # NULL where it is a base's
    cdef Buffer base
    cdef Py_ssize_t *dims
    cdef readonly tuple shape
    cdef readonly str dtype
    cdef readonly Py_ssize_t size, nbytes
    cdef bytes _format
    cdef Py_ssize_t itemsize
    cdef char *canary              # NULL but in debug mode

    def __cinit__(self, shape, str dtype not None, Py_ssize_t padded=0, Buffer base=None):
        cdef Py_ssize_t n = 1, total = 0
        self.shape = tuple(shape)
        self.dtype = dtype
        if dtype not in _BUFFER_FORMATS:
            raise ValueError(f"Buffer: dtype {dtype!r}: expected one of {list(_BUFFER_FORMATS)}")
        self._format, self.itemsize = _BUFFER_FORMATS[dtype]
        for d in self.shape:
            if pd_mul(n, d, &n) != 0:
                raise MemoryError(f"Buffer of shape {self.shape}: more elements than memory can address")
        self.size = n
        if pd_mul(max(n, padded), self.itemsize, &total) != 0:
            raise MemoryError(f"Buffer of shape {self.shape}: more bytes than memory can address")
        self.nbytes = n * self.itemsize
        self.base = base
        if base is None:
            with nogil:
                self.owned = pd_alloc(<size_t>total + (64 if _debug else 0))
            self.p = self.owned
        elif total <= base.nbytes:
            self.p = base.p
        else:
            raise ValueError(f"Buffer of shape {self.shape}, {dtype}: does not fit into {base}")
        self.dims = <Py_ssize_t *>PyMem_Malloc(2 * max(len(self.shape), 1) * sizeof(Py_ssize_t))
        if self.p == NULL or self.dims == NULL:
            raise MemoryError(f"Buffer of shape {self.shape}, {dtype}: {total} bytes could not be allocated")
        if _debug and base is None:
            self.canary = <char *>self.p + total
            memcpy(self.canary, <const char *>_CANARY, 64)
        cdef Py_ssize_t stride = self.itemsize, i, ndim = len(self.shape)
        for i in range(ndim - 1, -1, -1):
            self.dims[i] = self.shape[i]
            self.dims[ndim + i] = stride
            stride *= self.dims[i]

    def __dealloc__(self):
        pd_free(self.owned)
        PyMem_Free(self.dims)

    def __getbuffer__(self, Py_buffer *view, int flags):
        view.buf = self.p
        view.obj = self
        view.len = self.nbytes
        view.itemsize = self.itemsize
        view.readonly = 0
        view.ndim = len(self.shape)
        view.format = <char *>self._format if flags & PyBUF_FORMAT else NULL
        view.shape = self.dims if flags & PyBUF_ND else NULL
        view.strides = self.dims + view.ndim if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        view.suboffsets = NULL
        view.internal = NULL

    def intact(self):
        """Whether nothing was written behind the memory, as far as the canary of debug mode can tell."""
        return self.canary == NULL or memcmp(self.canary, <const char *>_CANARY, 64) == 0

    def __repr__(self):
        return f"Buffer(shape={self.shape}, dtype={self.dtype!r})"


cdef void *_address(object o, bint write) except? NULL:
    """The memory of a Buffer or of any C-contiguous array; the caller keeps it alive."""
    cdef Py_buffer view
    cdef void *p
    if isinstance(o, Buffer):
        return (<Buffer>o).p
    PyObject_GetBuffer(o, &view, PyBUF_WRITABLE if write else PyBUF_SIMPLE)
    p = view.buf
    PyBuffer_Release(&view)
    return p


cdef class Arrays:
    """Arrays a run reads batch rows from (or, writable, puts rows into): contiguous within a row, any row stride."""
    cdef Py_buffer *views
    cdef pd_source *sources
    cdef void **sinks
    cdef Py_ssize_t n
    cdef readonly list arrays

    def __cinit__(self, arrays, bint writable=False):
        cdef Py_ssize_t count = len(arrays), i
        cdef int flags = PyBUF_STRIDES | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0)
        self.arrays = list(arrays)
        self.views = <Py_buffer *>PyMem_Malloc(max(count, 1) * sizeof(Py_buffer))
        self.sources = <pd_source *>PyMem_Malloc(max(count, 1) * sizeof(pd_source))
        self.sinks = <void **>PyMem_Malloc(max(count, 1) * sizeof(void *))
        if self.views == NULL or self.sources == NULL or self.sinks == NULL:
            raise MemoryError("Arrays: out of memory")
        for i in range(count):
            PyObject_GetBuffer(self.arrays[i], &self.views[i], flags)
            self.n += 1
            self._describe(i)

    cdef int _describe(self, Py_ssize_t i) except -1:
        cdef Py_buffer *v = &self.views[i]
        cdef Py_ssize_t expected = v.itemsize, d
        for d in range(v.ndim - 1, 0, -1):
            if v.shape[d] != 1 and v.strides[d] != expected:
                raise ValueError(f"Arrays: rows of array {i} are not contiguous")
            expected *= v.shape[d]
        kind = _SOURCE_KINDS.get(v.format.decode() if v.format != NULL else "B")
        number = _SOURCE_DTYPES.get(f"{kind}{v.itemsize}")
        if number is None or v.ndim < 1 or v.strides[0] % v.itemsize:
            raise TypeError(f"Arrays: array {i} has a dtype or layout that batches cannot be gathered from")
        self.sources[i].data = v.buf
        self.sources[i].stride = v.strides[0] // v.itemsize
        self.sources[i].dtype = number
        self.sinks[i] = v.buf
        return 0

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n):
            PyBuffer_Release(&self.views[i])
        PyMem_Free(self.views)
        PyMem_Free(self.sources)
        PyMem_Free(self.sinks)


# ---- argument structs -------------------------------------------------------------------------------------------

cdef int _fill(const pd_op *op, char *block, dict fields, int isa_number, int dtype) except -1:
    """Write keyword arguments into an argument struct. Absent pointers and kernels are NULL, absent numbers 0."""
    cdef int i, used = 0
    cdef char kind
    cdef char *at
    for i in range(op.nfields):
        name = op.fields[i].name.decode()
        if name not in fields:
            continue
        used += 1
        value = fields[name]
        kind = op.fields[i].kind
        at = block + op.fields[i].offset
        if value is None:
            continue
        if kind == c"n":
            (<Py_ssize_t *>at)[0] = value
        elif kind == c"r":
            (<double *>at)[0] = value
        elif kind == c"k":
            (<pd_kernel *>at)[0] = pd_kernel_at(_number(value), isa_number, dtype)
        else:
            (<void **>at)[0] = _address(value, kind != c"i")
    if used != len(fields):
        known = [op.fields[i].name.decode() for i in range(op.nfields)]
        raise TypeError(f"{op.name.decode()}: unknown fields {sorted(set(fields) - set(known))}; it has {known}")
    return 0


def call(str op not None, *, str dtype not None, isa=None, int nth=1, step=None, **fields):
    """Run one kernel on arrays, once for each ith of nth, in the calling thread."""
    cdef int number = _number(op), isa_number = _ISA_NUMBERS[_isa if isa is None else isa], ith
    cdef pd_op o = pd_op_at(number)
    cdef pd_kernel fn = pd_kernel_at(number, isa_number, _DTYPES[dtype])
    cdef pd_step s
    cdef int failed = 0
    if fn == NULL:
        raise ValueError(f"isa {isa!r}: not built; expected one of {isas()}")
    memset(&s, 0, sizeof(s))
    s.failed = &failed
    sources = sinks = None
    if step:
        sources, sinks = Arrays(step.get("src", ())), Arrays(step.get("sinks", ()), True)
        s.src, s.sinks = (<Arrays>sources).sources, (<Arrays>sinks).sinks
        if step.get("rows") is not None:
            s.rows = <const int64_t *>_address(step["rows"], False)
        if step.get("sums") is not None:
            s.sums = <double *>_address(step["sums"], True)
        s.row0, s.seed, s.count = step.get("row0", 0), step.get("seed", 0), step.get("count", 0)
        for ith, c in enumerate(step.get("coef", ())):
            s.coef[ith] = c
    cdef char *block = <char *>pd_alloc(o.size)
    if block == NULL:
        raise MemoryError("call: out of memory")
    try:
        _fill(&o, block, fields, isa_number, _DTYPES[dtype])
        with nogil:
            for ith in range(nth):
                fn(block, &s, ith, nth)
    finally:
        pd_free(block)


# ---- plans ------------------------------------------------------------------------------------------------------

cdef struct python_args:
    void *plan
    Py_ssize_t index


cdef void _call_python(const void *args, const pd_step *step, int ith, int nth) noexcept with gil:
    cdef const python_args *a = <const python_args *>args
    cdef Plan plan = <Plan>a.plan
    try:
        plan.details[a.index]["function"]()
    except BaseException as error:
        plan.error = error
        step.failed[0] = 1


cdef class Plan:
    """Records of one training, evaluation or prediction step, run many times. One run at a time."""
    cdef pd_record *records
    cdef Py_ssize_t count, capacity
    cdef readonly list details     # per record: op, fields, part, reads, writes, barrier
    cdef readonly str dtype, isa
    cdef object error
    cdef bint running
    cdef list hazards              # since the last barrier: {id(buffer): set of keys} read, written

    def __cinit__(self, str dtype not None):
        self.dtype = dtype
        self.isa = _isa
        self.details = []
        self.hazards = [{}, {}]

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            pd_free(<void *>self.records[i].args)
        PyMem_Free(self.records)

    def __len__(self):
        return self.count

    cdef pd_record *_append(self, size_t size) except NULL:
        cdef pd_record *grown
        cdef pd_record *r
        if self.count == self.capacity:
            grown = <pd_record *>PyMem_Realloc(self.records, (2 * self.capacity + 16) * sizeof(pd_record))
            if grown == NULL:
                raise MemoryError("Plan: out of memory")
            self.records = grown
            self.capacity = 2 * self.capacity + 16
        r = &self.records[self.count]
        memset(r, 0, sizeof(pd_record))
        r.args = pd_alloc(size)
        if r.args == NULL:
            raise MemoryError("Plan: out of memory")
        self.count += 1
        return r

    def emit(self, str op not None, **fields):
        """Append a record. Pointer fields take Buffers; what is absent is NULL or 0."""
        cdef int number = _number(op), isa_number = _ISA_NUMBERS[self.isa], dtype = _DTYPES[self.dtype]
        cdef pd_op o = pd_op_at(number)
        cdef pd_record *r = self._append(o.size)
        cdef char kind
        cdef int i
        reads, writes = [], []
        for i in range(o.nfields):
            kind = o.fields[i].kind
            if kind == c"i" or kind == c"o":
                buffer = fields.get(o.fields[i].name.decode())
                if buffer is not None:
                    (reads if kind == c"i" else writes).append(buffer)
        self.details.append({"op": op, "fields": fields, "part": _PARTS[o.part], "reads": reads, "writes": writes})
        _fill(&o, <char *>r.args, fields, isa_number, dtype)
        r.fn = pd_kernel_at(number, isa_number, dtype)
        r.serial = o.part == PD_PART_SERIAL
        if o.part == PD_PART_ROWS:
            key = ("rows", fields["B"])
        elif o.part == PD_PART_FLAT:
            key = ("flat", fields["n"])
        elif o.part == PD_PART_SERIAL:
            key = "serial"
        else:
            key = self.count
        r.barrier = self._meet(key, reads, writes)
        self.details[-1]["barrier"] = bool(r.barrier)

    def emit_python(self, str name not None, function, reads, writes):
        """Append a record that calls `function()` with the GIL held; an exception ends the run and is raised by it."""
        cdef pd_record *r = self._append(sizeof(python_args))
        cdef python_args *a = <python_args *>r.args
        a.plan, a.index = <void *>self, self.count - 1
        r.fn, r.serial, r.python, r.barrier = _call_python, 1, 1, 1
        self.hazards = [{}, {}]
        self.details.append({"op": name, "fields": {}, "part": "python", "reads": list(reads), "writes": list(writes),
                             "barrier": True, "function": function})

    cdef bint _meet(self, key, list reads, list writes):
        """Whether threads must meet before a record: whether any of them could touch what another one wrote or reads.

        Records with equal keys give each thread the same share, so they need not wait for one another. The first
        record always waits: the previous step of the chunk ends there.
        """
        cdef bint barrier = self.count == 1
        cdef dict read = self.hazards[0], written = self.hazards[1]
        for b in reads:
            barrier = barrier or bool(written.get(id(b), frozenset()) - {key})
        for b in writes:
            barrier = barrier or bool((written.get(id(b), frozenset()) | read.get(id(b), frozenset())) - {key})
        if barrier:
            self.hazards = [{}, {}]
            read, written = self.hazards
        for b in reads:
            read.setdefault(id(b), set()).add(key)
        for b in writes:
            written.setdefault(id(b), set()).add(key)
        return barrier

    def run(self, Py_ssize_t steps, Py_ssize_t batch, *, Arrays sources=None, Arrays sinks=None, rows=None,
            int64_t row0=0, sums=None, coefs=None, uint64_t seed=0, uint64_t count=0, int nth=1,
            progress=None):
        """Run all records `steps` times without the GIL; returns steps completed or raises what a Python record raised.

        `progress[0]` (int64) grows by the steps completed before anything else can happen, an interrupt included.
        """
        cdef pd_chunk chunk
        cdef Py_ssize_t done
        cdef int64_t *counter = NULL if progress is None else <int64_t *>_address(progress, True)
        self._prepare(&chunk, steps, batch, sources, sinks, rows, row0, sums, coefs, seed, count)
        self._begin()
        with nogil:
            done = pd_run(self.records, self.count, &chunk, nth)
        self.running = False
        if counter != NULL:
            counter[0] += done
        self._raise()
        return done

    cdef int _begin(self) except -1:
        if self.running:
            raise RuntimeError("Plan: this plan is already running")
        self.running = True
        return 0

    cdef int _raise(self) except -1:
        """Raise what a Python record met."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return 0

    cdef int _prepare(self, pd_chunk *chunk, Py_ssize_t steps, Py_ssize_t batch, Arrays sources, Arrays sinks, rows,
                      int64_t row0, sums, coefs, uint64_t seed, uint64_t count) except -1:
        memset(chunk, 0, sizeof(pd_chunk))
        chunk.steps, chunk.batch, chunk.row0, chunk.seed, chunk.count = steps, batch, row0, seed, count
        if sources is not None:
            chunk.src = sources.sources
        if sinks is not None:
            chunk.sinks = sinks.sinks
        if rows is not None:
            chunk.rows = <const int64_t *>_address(rows, False)
        if sums is not None:
            chunk.sums = <double *>_address(sums, True)
        if coefs is not None:
            chunk.coefs = <const double *>_address(coefs, False)
        return 0

    def run_traced(self, Py_ssize_t batch, after, *, Arrays sources=None, Arrays sinks=None, rows=None, int64_t row0=0,
                   sums=None, coefs=None, uint64_t seed=0, uint64_t count=0, int nth=1):
        """One step, record by record: `after(index, seconds)` is called behind each (the debug mode)."""
        cdef pd_chunk chunk
        cdef Py_ssize_t i
        self._prepare(&chunk, 1, batch, sources, sinks, rows, row0, sums, coefs, seed, count)
        self._begin()
        try:
            for i in range(self.count):
                begin = time.perf_counter()
                with nogil:
                    pd_run(self.records + i, 1, &chunk, nth)
                self._raise()
                after(i, time.perf_counter() - begin)
        finally:
            self.running = False


# ---- one array in, one array out --------------------------------------------------------------------------------

cdef bint _same_shape(const Py_buffer *a, const Py_buffer *b) noexcept:
    return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(Py_ssize_t)) == 0


cdef bint _rows_whole(const Py_buffer *v) noexcept:
    """Whether rows are contiguous, aligned and whole elements apart, as gather wants them."""
    cdef Py_ssize_t expected = v.itemsize, d
    for d in range(v.ndim - 1, 0, -1):
        if v.shape[d] != 1 and v.strides[d] != expected:
            return False
        expected *= v.shape[d]
    return v.strides[0] % v.itemsize == 0 and <size_t>v.buf % <size_t>v.itemsize == 0


cdef class _Call:
    """A plan that gathers from one array and puts into one."""
    cdef Plan plan
    cdef object output, copy      # the array it puts into; its method
    cdef Py_buffer x, y           # an input of the only shape it takes; output
    cdef bint brief

    def __cinit__(self, Plan plan not None, x, output, bint brief):
        self.plan, self.output, self.copy, self.brief = plan, output, output.copy, brief
        PyObject_GetBuffer(x, &self.x, PyBUF_ND)
        PyObject_GetBuffer(output, &self.y, PyBUF_ND | PyBUF_WRITABLE)

    def __dealloc__(self):
        PyBuffer_Release(&self.x)
        PyBuffer_Release(&self.y)

    cdef object run(self, const Py_buffer *x, int dtype, void *into):
        """A copy of the output, or, where it was copied `into` an array, True. None while the plan is running."""
        cdef pd_source source
        cdef pd_chunk chunk
        if self.plan.running:
            return None
        source.data, source.stride, source.dtype = x.buf, x.strides[0] // x.itemsize, dtype
        memset(&chunk, 0, sizeof(pd_chunk))
        chunk.steps, chunk.batch, chunk.src, chunk.sinks = 1, x.shape[0], &source, &self.y.buf
        self.plan.running = True
        try:
            if self.brief:
                pd_run(self.plan.records, self.plan.count, &chunk, 1)
            else:
                with nogil:
                    pd_run(self.plan.records, self.plan.count, &chunk, 1)
            self.plan._raise()
            if into == NULL:
                return self.copy()
            memcpy(into, self.y.buf, self.y.len)  # all of x has been read: it may be the same memory
            return True
        finally:
            self.plan.running = False


cdef class Predictor:
    """Calls of a model of one input and one output where nothing is out of the ordinary, within a microsecond or so.

    array: the type of arrays.   dtypes: from their dtypes to the numbers of pd_src_dtype.   limit: plans to keep.
    """
    cdef object array
    cdef dict dtypes, calls       # calls by number of rows
    cdef Py_ssize_t limit

    def __cinit__(self, array not None, dict dtypes not None, Py_ssize_t limit):
        self.array, self.dtypes, self.limit, self.calls = array, dtypes, limit, {}

    def clear(self):
        """Forget all plans."""
        self.calls = {}

    def __contains__(self, rows):
        cdef _Call c = self.calls.get(rows)
        return c is not None and c.plan.isa is _isa

    def add(self, Plan plan not None, x, output, bint brief):
        """Take on a plan for inputs of the shape of x, which puts into `output`; nobody else may run it any more.

        brief: too short a run to let other threads of Python have their turn meanwhile.
        """
        self.calls.pop(len(x), None)
        self.calls[len(x)] = _Call(plan, x, output, brief)
        while len(self.calls) > self.limit:
            del self.calls[next(iter(self.calls))]

    def run(self, x, out=None):
        """The output for x, a new array or `out`.

        None for whatever is not known here, so that the caller takes the checked path: other types, shapes or layouts, a
        number of rows without a plan, a plan that is in use or was made for another instruction set.
        """
        cdef Py_buffer view
        if type(x) is not self.array:
            return None
        number = self.dtypes.get(x.dtype)
        if number is None:
            return None
        PyObject_GetBuffer(x, &view, PyBUF_STRIDES)
        try:
            return self._run(&view, number, out)
        finally:
            PyBuffer_Release(&view)

    cdef object _run(self, const Py_buffer *x, int dtype, out):
        cdef Py_buffer y
        cdef _Call c = self.calls.get(x.shape[0]) if x.ndim else None
        if c is None or c.plan.isa is not _isa or not _same_shape(x, &c.x) or not _rows_whole(x):
            return None
        if out is None:
            return c.run(x, dtype, NULL)
        if type(out) is not self.array or out.dtype is not c.output.dtype:
            return None
        PyObject_GetBuffer(out, &y, PyBUF_STRIDES)
        try:
            if y.readonly or not _same_shape(&y, &c.y) or not PyBuffer_IsContiguous(&y, c"C"):
                return None
            return out if c.run(x, dtype, y.buf) else None
        finally:
            PyBuffer_Release(&y)


# ---- products of matrices ---------------------------------------------------------------------------------------

cdef int _MATMUL = _OPS["matmul"]
cdef double _BRIEF = 1 << 16  # multiply-adds, a microsecond or less: not worth giving the GIL away for


cdef bint _describe_matrix(const Py_buffer *v, bint transpose, pd_matrix *m) noexcept:
    """Whether v is a matrix that kernels can read; m describes it, or its transpose."""
    cdef int rows = 1 if transpose else 0
    if v.ndim != 2 or v.strides[0] % v.itemsize or v.strides[1] % v.itemsize:
        return False
    m.p, m.rows, m.columns = v.buf, v.shape[rows], v.shape[1 - rows]
    m.rs, m.cs = v.strides[rows] // v.itemsize, v.strides[1 - rows] // v.itemsize
    return pd_matrix_plain(m)


cdef bint _apart(const Py_buffer *y, const Py_buffer *x) noexcept:
    """Whether y, contiguous, and x, strides positive, lie apart."""
    cdef char *p = <char *>x.buf
    cdef Py_ssize_t last = (x.shape[0] - 1) * x.strides[0] + (x.shape[1] - 1) * x.strides[1] + x.itemsize
    return x.len == 0 or <char *>y.buf + y.len <= p or p + last <= <char *>y.buf


cdef class Product:
    """Products of two matrices, with as little between the caller and the kernel as can be.

    array: the type of arrays.   dtypes: from their dtypes to the numbers of pd_dtype.   empty: (shape, dtype) -> array.
    threads: multiply-adds -> threads, asked for products of more than `small`.
    """
    cdef object array, empty, threads
    cdef dict dtypes
    cdef double small

    def __cinit__(self, array not None, dict dtypes not None, empty not None, threads not None, double small):
        self.array, self.dtypes, self.empty, self.threads, self.small = array, dtypes, empty, threads, small

    def run(self, a, b, bint transpose_a=False, bint transpose_b=False, out=None, *, bias=None, str act=None,
            double alpha=0, bint rowwise=False):
        """act(op(a) op(b) + bias): a new array, or `out`.

        None for whatever is not plain, so that the caller takes the checked path: anything but two matrices of one
        dtype, of sizes that fit, whose rows or columns are contiguous; an `out` that is not the like, C-contiguous and
        apart from both. `bias` (contiguous) and `act` (an op; `rowwise`: it normalizes over columns) are not checked.
        """
        cdef Py_buffer x, w
        if type(a) is not self.array or type(b) is not self.array:
            return None
        dtype = a.dtype
        number = self.dtypes.get(dtype)
        if number is None or (b.dtype is not dtype and b.dtype != dtype):
            return None
        PyObject_GetBuffer(a, &x, PyBUF_STRIDES)
        try:
            PyObject_GetBuffer(b, &w, PyBUF_STRIDES)
            try:
                return self._run(&x, &w, transpose_a, transpose_b, dtype, number, out, bias, act, alpha, rowwise)
            finally:
                PyBuffer_Release(&w)
        finally:
            PyBuffer_Release(&x)

    cdef object _run(self, const Py_buffer *x, const Py_buffer *w, bint transpose_a, bint transpose_b, dtype, int number,
                     out, bias, str act, double alpha, bint rowwise):
        cdef pd_product p
        cdef Py_buffer y
        cdef int isa_number = _ISA_NUMBERS[_isa]
        if (not _describe_matrix(x, transpose_a, &p.a) or not _describe_matrix(w, transpose_b, &p.b)
                or p.a.columns != p.b.rows):
            return None
        p.matmul = pd_kernel_at(_MATMUL, isa_number, number)
        p.act = NULL if act is None else pd_kernel_at(_number(act), isa_number, number)
        p.rowwise, p.alpha = rowwise, alpha
        p.bias = NULL if bias is None else _address(bias, False)
        if out is None:
            out = self.empty((p.a.rows, p.b.columns), dtype)
            PyObject_GetBuffer(out, &y, PyBUF_WRITABLE)
            try:
                self._multiply(&p, &y)
            finally:
                PyBuffer_Release(&y)
            return out
        if type(out) is not self.array or out.dtype != dtype:
            return None
        PyObject_GetBuffer(out, &y, PyBUF_STRIDES)
        try:
            if (y.readonly or y.ndim != 2 or y.shape[0] != p.a.rows or y.shape[1] != p.b.columns
                    or not PyBuffer_IsContiguous(&y, c"C") or not _apart(&y, x) or not _apart(&y, w)):
                return None
            self._multiply(&p, &y)
        finally:
            PyBuffer_Release(&y)
        return out

    cdef int _multiply(self, pd_product *p, const Py_buffer *y) except -1:
        cdef double work = <double>p.a.rows * p.a.columns * p.b.columns
        cdef int nth = 1
        p.y = y.buf
        if work <= _BRIEF:
            pd_multiply(p, 1)
            return 0
        if work > self.small:
            nth = self.threads(work)
        with nogil:
            pd_multiply(p, nth)
        return 0
