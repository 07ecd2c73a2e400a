# Plans: building, binding and running them. Part of _core.pyx.

cdef class _Host:
    """A record that calls Python: its function, and what that raised."""
    cdef object function, error

    def __cinit__(self, function not None):
        self.function = function


cdef void _call_host(const void *context, const pd_step *step, pd_share share) noexcept with gil:
    cdef _Host host = <_Host>context
    try:
        host.function()
    except BaseException as error:
        host.error = error
        step.failed[0] = 1


cdef dict _WHEN = {"always": PD_ALWAYS, "update": PD_ON_UPDATE}


cdef Py_ssize_t _distance(Buffer part, Buffer whole) noexcept:
    """Bytes from the start of a buffer to that of a view of it."""
    cdef Py_ssize_t bytes_ = 0
    while part is not whole:
        bytes_ += part.start
        part = part.base
    return bytes_


cdef class Plan:
    """Records of one training, evaluation or prediction step, run many times. One run at a time.

    Its buffers have memory from `bind` on (but those that hold a few samples at a time have none to be looked at); a
    plan that is run before gets memory of its own. `threads`: the most it will run on, of which each gets scratch
    memory. `apart`: no two buffers share memory, and all hold what was written last, for `run_traced`.
    """
    cdef pd_plan *plan
    cdef const pd_record *records  # once bound
    cdef Py_ssize_t count
    cdef readonly list details     # per record: op, fields, when, split, reads, writes and, once sealed, barrier, pieces
    cdef readonly str dtype, isa
    cdef readonly Buffer memory    # what it is bound to
    cdef list buffers, hosts
    cdef bint running, sealed, apart

    def __cinit__(self, str dtype not None, int threads=1, bint apart=False):
        self.apart = apart or _debug
        self.dtype, self.isa = dtype, _isa
        self.details, self.buffers, self.hosts = [], [], []
        self.plan = pd_plan_new(_DTYPES[dtype], _ISA_NUMBERS[_isa], threads)
        if self.plan == NULL:
            raise MemoryError("Plan: out of memory")

    def __dealloc__(self):
        pd_plan_free(self.plan)

    def __len__(self):
        return len(self.details)

    # -- building -------------------------------------------------------------------------------------------------

    def buffer(self, shape, str dtype=None):
        """A buffer of the plan, with anything in it: its contents last from the record that writes it first to the last
        that touches it."""
        cdef Buffer b = Buffer(shape, self.dtype if dtype is None else dtype, 0, True)
        b.number = pd_plan_buffer(self.plan, b.nbytes)
        if b.number < 0:
            raise MemoryError("Plan: out of memory")
        b.plan = <void *>self
        self.buffers.append(b)
        self.sealed = False
        return b

    cdef void *reference(self, object o, bint write) except? NULL:
        """What stands for a buffer of this plan or for an array in an argument struct."""
        cdef Buffer b, root
        if isinstance(o, Buffer):
            b = o
            root = b.root()
            if root.number >= 0:
                if root.plan != <void *>self:
                    raise ValueError(f"Plan: {o} is a buffer of another plan")
                return pd_ref(root.number, _distance(b, root))
        return _address(o, write)

    def emit(self, str op not None, str when="always", **fields):
        """Append a record. Pointer fields take buffers and arrays; what is absent is NULL or 0, scratch is the plan's own.

        when: "always", or "update" for steps that update weights (see `every` of `run`).
        """
        cdef int number = _number(op), isa_number = _ISA_NUMBERS[self.isa], i
        cdef pd_op o = pd_op_at(number)
        cdef char *block = <char *>pd_alloc(o.size)
        cdef Py_ssize_t record = -1
        cdef char kind
        if block == NULL:
            raise MemoryError("Plan: out of memory")
        try:
            _fill(&o, block, fields, isa_number, _DTYPES[self.dtype], self)
            record = pd_plan_emit(self.plan, number, block)
        finally:
            pd_free(block)
        if record < 0:
            raise MemoryError("Plan: out of memory")
        if when != "always":
            pd_plan_when(self.plan, record, _WHEN[when])
        reads, writes = [], []
        for i in range(o.nfields):
            kind = o.fields[i].kind
            if kind == c"i" or kind == c"a" or kind == c"o":
                buffer = fields.get(_names[number][i])
                if buffer is not None:
                    (writes if kind == c"o" else reads).append(buffer)
        self.details.append({"op": op, "fields": fields, "when": when, "split": _SPLITS[o.split], "reads": reads,
                             "writes": writes})
        self.sealed = False

    def emit_python(self, str name not None, function, reads, writes, str when="always"):
        """Append a record that calls `function()` with the GIL held; an exception ends the run and is raised by it."""
        cdef _Host host = _Host(function)
        self.hosts.append(host)  # first of all: a record that the plan has once is never taken back
        cdef Py_ssize_t record = pd_plan_call(self.plan, _call_host, <const void *>host)
        cdef int failed = record < 0
        for write, buffers in enumerate((reads, writes)):
            for b in buffers:
                failed = failed or pd_plan_touch(self.plan, self.reference(b, write), b.nbytes, write) != 0
        if failed:
            raise MemoryError("Plan: out of memory")
        if when != "always":
            pd_plan_when(self.plan, record, _WHEN[when])
        self.details.append({"op": name, "fields": {}, "when": when, "split": "python", "reads": list(reads),
                             "writes": list(writes)})
        self.sealed = False

    def seal(self):
        """Find barriers, pieces and where buffers lie. In debug mode there is a canary behind each."""
        cdef Py_ssize_t i, n
        cdef const pd_record *records
        if self.sealed:
            return
        if pd_plan_seal(self.plan, 64 if self.apart else 0) != 0:
            raise MemoryError("Plan: out of memory")
        records = pd_plan_records(self.plan, &n)
        for i in range(n):
            self.details[i]["barrier"] = bool(records[i].barrier)
            self.details[i]["pieces"] = records[i].pieces
            self.details[i]["deep"] = records[i].deep
        self.sealed = True

    @property
    def nbytes(self):
        """Bytes of memory that the buffers and scratch need."""
        self.seal()
        return pd_plan_bytes(self.plan)

    @property
    def work(self):
        """Multiply-adds of a step; elements touched, where it multiplies nothing."""
        return pd_plan_work(self.plan)

    def bind(self, Buffer memory not None):
        """Let the buffers lie in this memory of at least `nbytes`, which other plans may use while this one does not run."""
        cdef Buffer b
        cdef Py_ssize_t offset
        if self.running:
            raise RuntimeError("Plan: bind: this plan is running")
        if memory.nbytes < self.nbytes:
            raise ValueError(f"Plan: bind: expected {self.nbytes} bytes, got {memory.nbytes}")
        pd_plan_bind(self.plan, memory.p)
        self.records = pd_plan_records(self.plan, &self.count)
        self.memory = memory
        for b in self.buffers:
            offset = pd_plan_offset(self.plan, b.number)
            b.base, b.p = None, NULL
            if offset >= 0:
                b.base, b.p = memory, <char *>memory.p + offset
            if _debug:
                b._mark(b.nbytes)

    cdef int _ready(self) except -1:
        """Make sure that it is bound, and nobody else runs it."""
        if self.running:
            raise RuntimeError("Plan: this plan is already running")
        if not self.sealed or self.memory is None:
            self.seal()
            self.bind(Buffer((self.nbytes,), "uint8"))
        self.running = True
        return 0

    def run(self, Py_ssize_t steps, Py_ssize_t batch, *, Arrays sources=None, Arrays sinks=None, rows=None,
            int64_t row0=0, sums=None, coefs=None, uint64_t seed=0, uint64_t count=0, uint64_t every=0, int nth=1,
            progress=None):
        """Run all records `steps` times without the GIL; returns steps completed or raises what a Python record raised.

        every: steps per update of the weights, counted from the first of all (`count` is 0 there).
        `progress[0]` (int64) grows by the steps completed before anything else can happen, an interrupt included.
        """
        cdef pd_chunk chunk
        cdef Py_ssize_t done
        cdef int64_t *counter = NULL if progress is None else <int64_t *>_address(progress, True)
        self._prepare(&chunk, steps, batch, sources, sinks, rows, row0, sums, coefs, seed, count, every)
        self._ready()
        with nogil:
            done = pd_run(self.records, self.count, &chunk, nth)
        self.running = False
        if counter != NULL:
            counter[0] += done
        self._raise()
        return done

    cdef int _raise(self) except -1:
        """Raise what a Python record met."""
        cdef _Host host
        for host in self.hosts:
            if host.error is not None:
                error, host.error = host.error, None
                raise error
        return 0

    cdef int _prepare(self, pd_chunk *chunk, Py_ssize_t steps, Py_ssize_t batch, Arrays sources, Arrays sinks, rows,
                      int64_t row0, sums, coefs, uint64_t seed, uint64_t count, uint64_t every) except -1:
        memset(chunk, 0, sizeof(pd_chunk))
        chunk.steps, chunk.batch, chunk.row0, chunk.seed, chunk.count, chunk.every = \
            steps, batch, row0, seed, count, every
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
                   sums=None, coefs=None, uint64_t seed=0, uint64_t count=0, uint64_t every=0, int nth=1):
        """One step, record by record: `after(index, seconds)` is called behind each (the debug mode)."""
        cdef pd_chunk chunk
        cdef Py_ssize_t i
        self._prepare(&chunk, 1, batch, sources, sinks, rows, row0, sums, coefs, seed, count, every)
        self._ready()
        try:
            for i in range(self.count):
                begin = time.perf_counter()
                with nogil:
                    pd_run(self.records + i, 1, &chunk, nth)
                self._raise()
                after(i, time.perf_counter() - begin)
        finally:
            self.running = False
