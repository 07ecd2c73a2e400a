# Memory: aligned buffers, and the arrays that batches are gathered from and put into. Part of _core.pyx.

cdef bytes _CANARY = b"\xa5" * 64  # behind every buffer in debug mode; as wide as the widest vector


cdef class Buffer:
    """64-byte aligned memory of one dtype and shape; `numpy.asarray(buffer)` is a view of it.

    `Buffer(shape, dtype)` has zeroed memory of its own (of `padded` elements, where that is more). Those that `Plan.buffer`
    makes have none until the plan is bound. `view` gives a part of one under another shape.
    """
    cdef void *p                   # NULL: not bound yet
    cdef void *owned               # NULL where it is a plan's, or another buffer's
    cdef Buffer base               # what it is a view of, or the memory that its plan is bound to
    cdef Py_ssize_t start          # bytes from the base, for views
    cdef int number                # in its plan; -1: none
    cdef void *plan                # the plan, to tell strangers by; not to be followed
    cdef Py_ssize_t *dims
    cdef readonly tuple shape
    cdef readonly str dtype
    cdef readonly Py_ssize_t size, nbytes
    cdef bytes _format
    cdef Py_ssize_t itemsize
    cdef char *canary              # NULL but in debug mode

    def __cinit__(self, shape, str dtype not None, Py_ssize_t padded=0, bint empty=False):
        cdef Py_ssize_t n = 1, total = 0
        self.shape = tuple(shape)
        self.dtype = dtype
        self.number = -1
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
        self.dims = <Py_ssize_t *>PyMem_Malloc(2 * max(len(self.shape), 1) * sizeof(Py_ssize_t))
        if not empty:
            with nogil:
                self.owned = pd_alloc(<size_t>total + (64 if _debug else 0))
            self.p = self.owned
        if self.dims == NULL or (self.p == NULL and not empty):
            raise MemoryError(f"Buffer of shape {self.shape}, {dtype}: {total} bytes could not be allocated")
        if _debug and not empty:
            self._mark(total)
        cdef Py_ssize_t stride = self.itemsize, i, ndim = len(self.shape)
        for i in range(ndim - 1, -1, -1):
            self.dims[i] = self.shape[i]
            self.dims[ndim + i] = stride
            stride *= self.dims[i]

    cdef int _mark(self, Py_ssize_t nbytes) except -1:
        """Put a canary behind so many bytes."""
        self.canary = <char *>self.p + nbytes
        memcpy(self.canary, <const char *>_CANARY, 64)
        return 0

    def __dealloc__(self):
        pd_free(self.owned)
        PyMem_Free(self.dims)

    def view(self, shape, Py_ssize_t start=0):
        """Elements from `start` on under another shape: the same memory."""
        cdef Buffer part = Buffer(shape, self.dtype, 0, True)
        if start < 0 or part.size > self.size - start:
            raise ValueError(f"view of {self}: {part.size} elements from {start} on are not in it")
        part.base, part.start = self, start * self.itemsize
        return part

    cdef void *memory(self) noexcept:
        """Where it lies; NULL while its plan is not bound."""
        cdef char *p
        if self.p != NULL or self.base is None:
            return self.p
        p = <char *>self.base.memory()
        return NULL if p == NULL else p + self.start

    cdef Buffer root(self):
        """The buffer that it is a view of, in the end."""
        cdef Buffer b = self
        while b.number < 0 and b.owned == NULL and b.base is not None:
            b = b.base
        return b

    def origin(self):
        """Where it comes from: the buffer that it is a view of in the end, that one's number in its plan, or -1 if it has
        memory of its own, and the bytes between the two."""
        cdef Buffer root = self.root()
        return root, root.number, _distance(self, root)

    def __getbuffer__(self, Py_buffer *view, int flags):
        cdef Buffer root = self.root()
        view.buf = self.memory()
        if view.buf == NULL:
            raise BufferError(f"{self}: it has no memory yet, as its plan is not bound")
        view.obj = root.base if root.number >= 0 else root  # whoever owns the memory now, whatever is bound later
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
        cdef Buffer root = self.root()
        return root.canary == NULL or memcmp(root.canary, <const char *>_CANARY, 64) == 0

    def __repr__(self):
        return f"Buffer(shape={self.shape}, dtype={self.dtype!r})"


cdef void *_address(object o, bint write) except? NULL:
    """The memory of a Buffer or of any other C-contiguous array; the caller keeps it alive."""
    cdef Py_buffer view
    cdef void *p
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
