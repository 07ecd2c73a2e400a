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
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from pd cimport *

cdef extern from "tuning.h":
    int PD_BATCH_BLOCK, PD_REUSE_FROM

if pd_install_fork_handler() != 0:
    raise ImportError("pydl: the fork handler could not be installed: out of memory")

# ---- instruction sets and ops -----------------------------------------------------------------------------------

_DTYPES = {"float32": PD_FLOAT32, "float64": PD_FLOAT64}
_BUFFER_FORMATS = {"float32": (b"f", 4), "float64": (b"d", 8), "int64": (b"q", 8), "uint8": (b"B", 1)}
# struct-module formats of the dtypes a batch may be gathered from, in the order of pd_src_dtype
_SOURCE_DTYPES = {"f4": 0, "f8": 1, "u1": 2, "i1": 3, "u2": 4, "i2": 5, "u4": 6, "i4": 7, "u8": 8, "i8": 9}
_SOURCE_KINDS = {"f": "f", "d": "f", "?": "u", "B": "u", "H": "u", "I": "u", "L": "u", "Q": "u",
                 "b": "i", "h": "i", "i": "i", "l": "i", "q": "i"}
_SPLITS = {PD_SPLIT_ROWS: "rows", PD_SPLIT_SAMPLES: "samples", PD_SPLIT_BANDS: "bands", PD_SPLIT_FLAT: "flat", PD_SPLIT_SCAN: "scan", PD_SPLIT_SERIAL: "serial",
           PD_SPLIT_OWN: "own"}

# Of what was measured, see tuning.h, the numbers that Python goes by.
BATCH_BLOCK, REUSE_FROM = PD_BATCH_BLOCK, PD_REUSE_FROM

_ISA_NUMBERS = {pd_isa_name(i).decode(): i for i in range(PD_ISAS)}
_OPS = {pd_op_at(i).name.decode(): i for i in range(pd_op_count())}


def _names_of(int number):
    cdef pd_op o = pd_op_at(number)
    return [o.fields[i].name.decode() for i in range(o.nfields)]


cdef list _names = [_names_of(i) for i in range(pd_op_count())]  # of the fields of each op


def source_dtypes():
    """Dtypes a batch may be gathered from, as NumPy spells them, and their numbers."""
    return dict(_SOURCE_DTYPES)


def cpu_isas(unsigned max_leaf, unsigned ecx1, unsigned ebx7, uint64_t xcr0):
    """Names of the instruction sets that a CPU with these CPUID and XGETBV values may run."""
    cdef pd_cpuid cpu
    memset(&cpu, 0, sizeof(cpu))
    cpu.max_leaf, cpu.ecx1, cpu.ebx7, cpu.xcr0 = max_leaf, ecx1, ebx7, xcr0
    cdef unsigned bits = pd_cpu_isas(&cpu)
    return [name for name, i in _ISA_NUMBERS.items() if bits >> i & 1]


def cpu_caches(subleaves):
    """The caches, as `caches` gives them, of a CPU whose CPUID has these (eax, ebx, ecx) in its subleaves for caches."""
    cdef pd_cpuid cpu
    memset(&cpu, 0, sizeof(cpu))
    for i, (eax, ebx, ecx) in enumerate(subleaves[:PD_CPUID_CACHES]):
        cpu.caches[i].eax, cpu.caches[i].ebx, cpu.caches[i].ecx = eax, ebx, ecx
    return pd_cpu_caches(&cpu)


def caches():
    """The caches that products choose their blocks for: {"l1": {"bytes", "ways", "line", "threads"}, "l2", "l3"}."""
    return pd_caches_in_use()[0]


def set_caches(dict found not None):
    """Choose blocks for other caches from now on, while nothing runs; no result changes. Returns the previous ones."""
    cdef pd_caches new = found
    previous = caches()
    for cache in found.values():
        if min(cache["ways"], cache["line"]) < 1 or cache["bytes"] < 0:
            raise ValueError(f"caches {found}: expected sizes of at least 0, ways and lines of at least 1")
    pd_use_caches(&new)
    return previous


cdef pd_cpuid _this_cpu = pd_cpu_read()
cdef pd_caches _its_caches = pd_cpu_caches(&_this_cpu)
pd_use_caches(&_its_caches)


def isas():
    """Names of the instruction sets that are built in and that this CPU can run, slowest first."""
    cdef unsigned bits = pd_cpu_isas(&_this_cpu)
    return [name for name, i in _ISA_NUMBERS.items() if bits >> i & 1 and pd_isa_built(i)]


cdef extern from *:
    """
    #ifdef __clang__
    #define PD_COMPILER __VERSION__
    #else
    #define PD_COMPILER "GCC " __VERSION__
    #endif
    """
    const char *PD_COMPILER


cdef extern from "pydl.h":
    const char *pydl_version()


def version():
    """The version of pydl that this module was built as."""
    return pydl_version().decode()


def compiler():
    """Name and version of the C compiler that this module was built with."""
    return PD_COMPILER.decode()


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
    """What ops.def and op_args.h say of an op.

    family; split; reads ("x", "y" or None), rowwise and alpha (the default) of an activation; fields: name -> kind.
    """
    cdef int number = _number(op), i
    cdef pd_op o = pd_op_at(number)
    fields = {_names[number][i]: chr(o.fields[i].kind) for i in range(o.nfields)}
    return {"family": o.family.decode(), "split": _SPLITS[o.split], "reads": chr(o.reads) if o.reads else None,
            "rowwise": bool(o.rowwise), "alpha": o.alpha, "fields": fields}


def facts(str op not None, str dtype not None, **fields):
    """What depends on sizes: work, in_place (may read a batch's rows where they lie), reach (pointer field -> bytes)."""
    cdef int number = _number(op), i
    cdef pd_op o = pd_op_at(number)
    cdef char *block = <char *>pd_alloc(o.size)
    if block == NULL:
        raise MemoryError("facts: out of memory")
    try:
        _fill(&o, block, fields, _ISA_NUMBERS[_isa], _DTYPES[dtype], None)
        reach = {_names[number][i]: o.reach(block, o.fields[i].offset, _DTYPES[dtype])
                 for i in range(o.nfields) if chr(o.fields[i].kind) in "iaos"}
        return {"work": o.work(block), "in_place": bool(o.in_place(block)), "reach": reach}
    finally:
        pd_free(block)


cdef int _number(str op) except -1:
    cdef object i = _OPS.get(op)
    if i is None:
        raise ValueError(f"unknown op {op!r}")
    return i


def panel_width(Py_ssize_t units, str dtype not None):
    """Width of the panels that a Dense kernel of so many columns is stored in."""
    return pd_panel_width(units, _DTYPES[dtype])


def derived(uint64_t seed, uint64_t number):
    """A 64-bit seed for each number: the words of SplitMix64, the first one's number is 1."""
    return pd_derived(seed, number)


def permutation(order not None, uint64_t seed):
    """Fill an int64 array with the numbers below its length, in a random order that is a function of the seed."""
    cdef int64_t *p = <int64_t *>_address(order, True)
    cdef Py_ssize_t n = len(order)
    with nogil:
        pd_permutation(p, n, seed)


def max_threads():
    """Threads the OpenMP runtime would use here."""
    return pd_max_threads()


include "memory.pxi"


# ---- argument structs -------------------------------------------------------------------------------------------

cdef int _fill(const pd_op *op, char *block, dict fields, int isa_number, int dtype, Plan plan) except -1:
    """Write keyword arguments into an argument struct, pointers as the plan, if any, wants them. Absent pointers and
    kernels are NULL, absent numbers 0."""
    cdef int i, used = 0
    cdef char kind
    cdef char *at
    cdef list names = _names[_number(op.name.decode())]
    for i in range(op.nfields):
        name = names[i]
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
        elif plan is None:
            (<void **>at)[0] = _address(value, kind == c"o" or kind == c"s")
        else:
            (<void **>at)[0] = plan.reference(value, kind == c"o" or kind == c"s")
    if used != len(fields):
        raise TypeError(f"{op.name.decode()}: unknown fields {sorted(set(fields) - set(names))}; it has {names}")
    return 0


def call(str op not None, *, str dtype not None, isa=None, int nth=1, step=None, **fields):
    """Run one kernel on arrays, in nth shares one after the other, in the calling thread."""
    cdef int number = _number(op), isa_number = _ISA_NUMBERS[_isa if isa is None else isa], ith
    cdef pd_op o = pd_op_at(number)
    cdef pd_kernel fn = pd_kernel_at(number, isa_number, _DTYPES[dtype])
    cdef pd_step s
    cdef pd_share share
    cdef int failed = 0
    if fn == NULL:
        raise ValueError(f"isa {isa!r}: not built; expected one of {isas()}")
    memset(&s, 0, sizeof(s))
    s.failed, s.caches = &failed, pd_caches_in_use()
    sources = sinks = None
    if step:
        sources, sinks = Arrays(step.get("src", ())), Arrays(step.get("sinks", ()), True)
        s.src, s.sinks = (<Arrays>sources).sources, (<Arrays>sinks).sinks
        if step.get("rows") is not None:
            s.rows = <const int64_t *>_address(step["rows"], False)
        if step.get("next") is not None:
            s.next = <const int64_t *>_address(step["next"], False)
        if step.get("sums") is not None:
            s.sums = <double *>_address(step["sums"], True)
        s.row0, s.seed, s.count = step.get("row0", 0), step.get("seed", 0), step.get("count", 0)
        s.update = step.get("update", 0)
        for ith, c in enumerate(step.get("coef", ())):
            s.coef[ith] = c
    cdef char *block = <char *>pd_alloc(o.size)
    if block == NULL:
        raise MemoryError("call: out of memory")
    try:
        _fill(&o, block, fields, isa_number, _DTYPES[dtype], None)
        with nogil:
            for ith in range(nth):
                share.lo, share.hi, share.of, share.part, share.parts = ith, ith + 1, nth, 0, 1
                fn(block, &s, share)
    finally:
        pd_free(block)


include "plan.pxi"
include "predictor.pxi"
include "product.pxi"
