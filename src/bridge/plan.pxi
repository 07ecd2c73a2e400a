# Plans: records, the meeting points between them, their runs. Part of _core.pyx.

cdef struct python_args:
    void *plan
    Py_ssize_t index


cdef void _call_python(const void *args, const pd_step *step, pd_share share) noexcept with gil:
    cdef const python_args *a = <const python_args *>args
    cdef Plan plan = <Plan>a.plan
    try:
        plan.details[a.index]["function"]()
    except BaseException as error:
        plan.error = error
        step.failed[0] = 1


cdef enum:
    PIECES_FROM = 2000000  # multiply-adds between two meetings, about 10 us on two threads: what pays for the pieces


cdef class Plan:
    """Records of one training, evaluation or prediction step, run many times. One run at a time."""
    cdef pd_record *records
    cdef Py_ssize_t count, capacity
    cdef readonly list details     # per record: op, fields, part, reads, writes, barrier, pieces
    cdef readonly str dtype, isa
    cdef object error
    cdef bint running
    cdef Py_ssize_t phase          # first record since the last barrier, or -1 behind one that calls Python
    cdef double work               # their multiply-adds
    cdef list hazards              # since the last barrier: {id(buffer): set of keys} read, written

    def __cinit__(self, str dtype not None):
        self.dtype = dtype
        self.isa = _isa
        self.details = []
        self.hazards = [{}, {}]
        self.phase = -1

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
        elif o.part == PD_PART_FLAT or o.part == PD_PART_SCAN:
            key = ("flat", fields["n"])
        elif o.part == PD_PART_SERIAL:
            key = "serial"
        else:
            key = self.count
        r.barrier = self._meet(key, reads, writes)
        self.details[-1]["barrier"] = bool(r.barrier)
        self._share_out(o.part, r.barrier, fields)

    def amend(self, Py_ssize_t i, **fields):
        """Set sizes and flags of a record that were left out."""
        cdef pd_op o = pd_op_at(_number(self.details[i]["op"]))
        _fill(&o, <char *>self.records[i].args, fields, _ISA_NUMBERS[self.isa], _DTYPES[self.dtype])
        self.details[i]["fields"].update(fields)

    def emit_python(self, str name not None, function, reads, writes):
        """Append a record that calls `function()` with the GIL held; an exception ends the run and is raised by it."""
        cdef pd_record *r = self._append(sizeof(python_args))
        cdef python_args *a = <python_args *>r.args
        a.plan, a.index = <void *>self, self.count - 1
        r.fn, r.serial, r.python, r.barrier = _call_python, 1, 1, 1
        self.hazards = [{}, {}]
        self.phase = -1
        self.details.append({"op": name, "fields": {}, "part": "python", "reads": list(reads), "writes": list(writes),
                             "barrier": True, "function": function})

    cdef int _share_out(self, int part, bint barrier, dict fields) except -1:
        """Let threads run the records since the last barrier in pieces, where they are long and all of them can be.

        Rows cannot: a product reads all weights for each piece of them.
        """
        if barrier:
            self.phase, self.work = self.count - 1, 0
        if self.phase < 0:
            return 0
        if part == PD_PART_ROWS or part == PD_PART_SCAN:
            self.work = -INFINITY
        elif part != PD_PART_SERIAL:
            self.work += fields.get("B", 1) * <double>(fields["n"] if "n" in fields else fields["I"] * fields["O"])
        pieces = self.count - self.phase if self.work >= PIECES_FROM else 0
        self.records[self.phase].pieces = self.details[self.phase]["pieces"] = pieces
        return 0

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
