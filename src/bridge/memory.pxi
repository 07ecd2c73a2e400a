# Memory: aligned buffers, and the arrays that batches are gathered from and put into. Part of _core.pyx.

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
