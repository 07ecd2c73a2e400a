# One array in, one array out: calls of a small model within a microsecond. Part of _core.pyx.

cdef bint _same_shape(const Py_buffer *a, const Py_buffer *b) noexcept:
    return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(Py_ssize_t)) == 0


cdef object _key(Py_ssize_t ndim, const Py_ssize_t *shape):
    """A number for each shape, which others may have as well."""
    cdef Py_ssize_t key = shape[0], d
    for d in range(1, ndim):
        key = (key * 31 ^ shape[d]) & 0x3fffffff
    return key


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
    cdef object pace
    cdef int most                 # the setting for threads when it was made

    def __cinit__(self, Plan plan not None, x, output, bint brief, pace, int most):
        self.plan, self.output, self.copy, self.brief, self.pace = plan, output, output.copy, brief, pace
        self.most = most
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
                self._run_without_gil(&chunk)
            self.plan._raise()
            if into == NULL:
                return self.copy()
            memcpy(into, self.y.buf, self.y.len)  # all of x has been read: it may be the same memory
            return True
        finally:
            self.plan.running = False


    cdef int _run_without_gil(self, const pd_chunk *chunk) except -1:
        cdef int nth = 1 if self.pace is None else self.pace.threads()
        begin = time.perf_counter()
        with nogil:
            pd_run(self.plan.records, self.plan.count, chunk, nth)
        if self.pace is not None:
            self.pace.took(nth, 1, time.perf_counter() - begin)
        return 0


cdef class Predictor:
    """Calls of a model of one input and one output where nothing is out of the ordinary, within a microsecond or so.

    array: the type of arrays.   dtypes: from their dtypes to the numbers of pd_src_dtype.   limit: plans to keep.
    threads: says how many are allowed at the moment.
    """
    cdef object array, threads
    cdef dict dtypes, calls       # calls by the key of the input's shape
    cdef Py_ssize_t limit

    def __cinit__(self, array not None, dict dtypes not None, Py_ssize_t limit, threads not None):
        self.array, self.dtypes, self.limit, self.threads, self.calls = array, dtypes, limit, threads, {}

    def clear(self):
        """Forget all plans."""
        self.calls = {}

    def __contains__(self, x):
        """Whether there is a plan for inputs of the shape of x."""
        cdef Py_buffer view
        PyObject_GetBuffer(x, &view, PyBUF_STRIDES)
        try:
            return self._known(&view) is not None
        finally:
            PyBuffer_Release(&view)

    cdef _Call _known(self, const Py_buffer *x):
        """The call for inputs of this shape, if it does what the settings ask for."""
        cdef _Call c = self.calls.get(_key(x.ndim, x.shape)) if x.ndim else None
        return c if self._current(c) and _same_shape(x, &c.x) else None

    cdef bint _current(self, _Call c) except -1:
        """Whether a call does what the settings for instruction set and threads ask for."""
        return c is not None and c.plan.isa is _isa and (c.pace is None or c.most == self.threads())

    def add(self, Plan plan not None, x, output, bint brief, pace):
        """Take on a plan for inputs of the shape of x, which puts into `output`; nobody else may run it any more.

        brief: too short a run to let other threads of Python have their turn meanwhile.
        pace: says how many threads to run it on, from how long it took; None: one.
        """
        cdef _Call call = _Call(plan, x, output, brief, pace, self.threads())
        key = _key(call.x.ndim, call.x.shape)
        self.calls.pop(key, None)
        self.calls[key] = call
        while len(self.calls) > self.limit:
            del self.calls[next(iter(self.calls))]

    def run(self, x, out=None):
        """The output for x, a new array or `out`.

        None for whatever is not known here, so that the caller takes the checked path: other types or layouts, a shape
        without a plan, a plan that is in use or was made for another instruction set.
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
        cdef _Call c = self._known(x)
        if c is None or not _rows_whole(x):
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
