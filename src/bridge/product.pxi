# Products of matrices: ops.matmul where nothing is out of the ordinary. Part of _core.pyx.

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
        p.rowwise, p.alpha, p.size = rowwise, alpha, x.itemsize
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
