"""The text of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pydl._c import pieces
from pydl._c.memory import Places
from pydl._c.table import Table
from pydl._c.testing import Rows
from pydl._c.unit import In, Number, Out, Unit, Windows

WIDTH = 118
ON_STACK = 16 * 1024  # bytes of workspace that may be on the stack without being asked for


def of(
    unit: Unit, name: str, rows: Rows, workspace: str | None, apart: Path | None, table: Table | None
) -> tuple[str, str]:
    """The file, and the one with the weights where they are apart."""
    return File(unit, name, workspace, table).texts(rows, apart)


def number(value: float, dtype: str) -> str:
    """What has exactly this value in the dtype; numbers that are not finite have names in math.h."""
    if not np.isfinite(value):
        return _named(value)
    return f"{np.dtype(dtype).type(value)!s}{'f' if dtype == 'float32' else ''}"


def _named(value: float) -> str:
    return "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"


def literals(values: np.ndarray) -> str:
    """What stands between the braces of an array."""
    if values.dtype.kind == "i":
        words = [str(v) for v in values]
    else:
        end, finite = "f" if values.dtype == np.float32 else "", np.isfinite(values)
        words = [f"{v!s}{end}" if there else _named(v) for v, there in zip(values, finite, strict=True)]
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {word},"
    return "\n".join([*lines, line])


class File:
    """The pieces of a file, under the names of one model."""

    def __init__(self, unit: Unit, name: str, workspace: str | None, table: Table | None) -> None:
        self.table = table
        self.unit, self.name, self.dtype = unit, name, unit.dtype
        self.type = {"float32": "float", "float64": "double"}[unit.dtype]
        self.bytes = np.dtype(unit.dtype).itemsize
        inputs = {id(t.buffer): f"x{k}" if len(unit.inputs) > 1 else "x" for k, t in enumerate(unit.inputs)}
        self.buffers = dict(inputs)
        self.puts: list[tuple[Any, str, int]] = []  # what is copied into an output
        for k, t in enumerate(unit.outputs):
            y = f"y{k}" if len(unit.outputs) > 1 else "y"
            if unit.is_own(t.buffer) and id(t.buffer) not in self.buffers:
                self.buffers[id(t.buffer)] = y
            else:
                self.puts.append((t.buffer, y, t.buffer.size))
        self.places = Places(unit.calls, self.buffers)
        self.workspace = self.places.size * self.bytes
        self.static = workspace == "static" or (workspace is None and self.workspace > ON_STACK)
        self.named = {id(values): constant for constant, values in unit.constants}
        self.windows: list[tuple[int, ...]] = []

    def texts(self, rows: Rows, apart: Path | None) -> tuple[str, str]:
        body = self.body()
        functions = {f"pd_{c.function}" for c in self.unit.calls} | ({"pd_move"} if self.puts else set())
        library = "\n\n".join(pieces.needed(functions, self.dtype))
        constants = "\n\n".join(self.constant(n, v, apart is not None) for n, v in self.unit.constants)
        declared = "\n".join(f"extern const {self.kind(v)} {self.name}_{n}[{v.size}];" for n, v in self.unit.constants)
        sizes = "\n".join(
            f"static const {self.name}_windows {self.name}_windows_{i} = {{{', '.join(map(str, w))}}};"
            for i, w in enumerate(self.windows)
        )
        main = [
            self.head(apart), self.declarations(), f"#ifndef {self.upper}_DECLARATIONS\n", INCLUDES,
            pieces.spelled(FMA + MODES, self.name, self.dtype).replace("NAME", self.upper),
            pieces.spelled(library, self.name, self.dtype), sizes, declared if apart else constants, body,
            self.table.code(self) if self.table else "",
            self.test(rows), f"#endif /* {self.upper}_DECLARATIONS */\n",
        ]  # fmt: skip
        second = f"/* The weights of {self.name}: made by pydl, see {self.name}'s own file. */\n#include <stdint.h>\n"
        return "\n\n".join(p.strip("\n") for p in main if p.strip()) + "\n", f"{second}\n{declared}\n\n{constants}\n"

    @property
    def upper(self) -> str:
        return self.name.upper()

    def kind(self, values: np.ndarray) -> str:
        return "int32_t" if values.dtype.kind == "i" else self.type

    def constant(self, word: str, values: np.ndarray, shared: bool = False) -> str:
        static = "" if shared else "static "
        return f"{static}const {self.kind(values)} {self.name}_{word}[{values.size}] = {{\n{literals(values)}\n}};"

    # -- the calls ------------------------------------------------------------------------------------------------

    def argument(self, a: Any) -> str:
        if a is None:
            return "NULL"
        if isinstance(a, In | Out):
            return self.pointer(a.buffer, a.start)
        if isinstance(a, Number):
            return number(a.value, "float64" if a.double else self.dtype)
        if isinstance(a, Windows):
            if a.sizes not in self.windows:
                self.windows.append(a.sizes)
            return f"&{self.name}_windows_{self.windows.index(a.sizes)}"
        if isinstance(a, np.ndarray):
            return f"{self.name}_{self.named[id(a)]}"
        return str(int(a))

    def pointer(self, buffer: Any, start: int) -> str:
        key = id(buffer)
        if key in self.buffers:
            return f"&{self.buffers[key]}[{start}]" if start else self.buffers[key]
        if key in self.places.at and self.unit.is_own(buffer):
            return f"&work[{self.places.at[key] + start}]"
        values = self.unit.constant("values", self.unit.value(buffer))
        self.named[id(values)] = next(n for n, v in self.unit.constants if v is values)
        return f"&{self.name}_{self.named[id(values)]}[{start}]"

    def body(self) -> str:
        lines = [f"{self.name}_{c.function}({', '.join(map(self.argument, c.arguments))});" for c in self.unit.calls]
        lines += [f"{self.name}_move({y}, {self.pointer(b, 0)}, {size});" for b, y, size in self.puts]
        inside = "\n".join(f"    {line}" for line in lines)
        unused = "" if self.workspace else "    (void)work;\n"
        where = "static " if self.static else ""
        own = (
            f"    {where}{self.type} work[{self.upper}_WORKSPACE / sizeof({self.type})];\n"
            f"    {self.name}_predict_in({', '.join(self.pointers)}, work);\n"
        )
        return (
            f"size_t {self.name}_workspace_size(void) {{ return (size_t){self.upper}_WORKSPACE; }}\n\n"
            f"void {self.name}_predict_in({self.signature}, {self.type} *{self.upper}_RESTRICT work) {{\n"
            f"    const uint64_t mode = {self.name}_flush();\n{unused}{inside}\n    {self.name}_restore(mode);\n}}\n\n"
            f"void {self.name}_predict({self.signature}) {{\n{own}}}"
        )

    # -- what surrounds them --------------------------------------------------------------------------------------

    @property
    def pointers(self) -> list[str]:
        xs = [self.buffers[id(t.buffer)] for t in self.unit.inputs]
        many = len(self.unit.outputs) > 1
        return xs + [f"y{k}" if many else "y" for k in range(len(self.unit.outputs))]

    @property
    def signature(self) -> str:
        n = len(self.unit.inputs)
        kinds = ["const "] * n + [""] * (len(self.pointers) - n)
        return ", ".join(
            f"{k}{self.type} *{self.upper}_RESTRICT {p}" for k, p in zip(kinds, self.pointers, strict=True)
        )

    def declarations(self) -> str:
        unit, model = self.unit, self.unit.model
        sizes = [(p, t.buffer.size) for p, t in zip(self.pointers, [*unit.inputs, *unit.outputs], strict=True)]
        shapes = [t.shape[1:] for t in [*unit.inputs, *unit.outputs]]
        names = [t.name for t in model.computed.inputs] + list(model.output_names)
        told = "\n".join(
            f" *   {p}  {n!r}, {shape or '1'} by rows, last axis fastest"
            for p, n, shape in zip(self.pointers, names, shapes, strict=True)
        )
        lines = "\n".join(f"#define {self.upper}_{p.upper()}_SIZE {n}" for p, n in sizes)
        return DECLARATIONS.format(
            name=self.name, upper=self.upper, signature=self.signature, sizes=lines, type=self.type, told=told,
            table=f"\n{self.table.declaration(self)}\n" if self.table else "",
            workspace=max(self.workspace, self.bytes),
            threads="static memory: one call at a time" if self.static else "on the stack: threads may call it at once",
        )  # fmt: skip

    def head(self, apart: Path | None) -> str:
        flash = sum(v.nbytes for _, v in self.unit.constants)
        work = sum(c.work for c in self.unit.calls)
        ram = f"{self.workspace:,} bytes, {'static' if self.static else 'on the stack'}"
        return HEAD.format(
            name=self.name, upper=self.upper, model=self.unit.model.name.replace("*/", ""), flash=f"{flash:,}", ram=ram,
            work=f"{work:,}", dtype=self.dtype, where=f", in {apart.name}" if apart else "",
        )  # fmt: skip

    def test(self, rows: Rows) -> str:
        unit, (xs, ys) = self.unit, rows
        arrays = [
            self.constant(f"test_{p}", a.astype(self.dtype).ravel())
            for p, a in zip(self.pointers, [*xs, *ys], strict=True)
        ]
        n = len(xs[0])
        locals_ = "\n".join(f"    static {self.type} y{k}[{y.shape[1]}];" for k, y in enumerate(ys))
        outputs = self.pointers[len(unit.inputs) :]
        given = [f"&{self.name}_test_{p}[i * {x.shape[1]}]" for p, x in zip(self.pointers, xs, strict=False)]
        call = ", ".join([*given, *(f"y{k}" for k in range(len(ys)))])
        checks = "\n".join(
            f"        wrong += {self.name}_differ(y{k}, &{self.name}_test_{p}[i * {y.shape[1]}], {y.shape[1]});"
            for k, (p, y) in enumerate(zip(outputs, ys, strict=True))
        )
        differ = pieces.spelled(DIFFER, self.name, self.dtype).replace("NAME", self.upper)
        return TEST.format(
            upper=self.upper, name=self.name, arrays="\n\n".join(arrays), n=n, locals=locals_, call=call, checks=checks,
            differ=differ,
        )  # fmt: skip


HEAD = """/* {name}: what the model "{model}" predicts, in C99. Made by pydl (model.export); do not edit, export again.
 *
 * Flash: {flash} bytes of weights{where}, and the code. RAM: {ram}. Multiply-adds of a prediction: {work}.
 * Arithmetic: {dtype}. No memory is allocated, nothing is printed, nothing is needed but libm.
 *
 * Fast: cc -O3 -march=native (or what the target has: fused multiply-adds, else each is a slow call of fma).
 * The bits are those of pydl's model.predict on x86-64 with AVX2 and FMA, where the compiler contracts nothing by
 * itself (-std=c99 of gcc, or -ffp-contract=off) and -ffast-math is not set. Where there is no fused multiply-add,
 * define {upper}_FMA(a, b, c) as ((a) * (b) + (c)): faster, and a few units in the last place away.
 * Test: cc -D{upper}_TEST {name}.c -lm && ./a.out; it returns 0 if the outputs are right ({upper}_TOLERANCE 0: to
 * the bit). {upper}_DECLARATIONS: only the declarations, for files that include this one as a header.
 *
 * Licence: the code of this file that comes from pydl may be used, changed and passed on, in source or binary form,
 * by anybody for any purpose, without conditions or warranty. The weights belong to whoever trained them. */"""

INCLUDES = """#include <math.h>
#include <stdint.h>
#include <string.h>"""

DECLARATIONS = """#ifndef {upper}_DECLARED
#define {upper}_DECLARED

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define {upper}_RESTRICT
extern "C" {{
#else
#define {upper}_RESTRICT restrict
#endif

{sizes}
#define {upper}_WORKSPACE {workspace} /* bytes */

/* One row's prediction. The workspace lies {threads}.
{told} */
void {name}_predict({signature});

/* The same with a workspace of the caller's, {name}_workspace_size() bytes, aligned as {type} is; re-entrant. */
void {name}_predict_in({signature}, {type} *{upper}_RESTRICT work);
size_t {name}_workspace_size(void);
{table}
#ifdef __cplusplus
}}
#endif
#endif /* {upper}_DECLARED */"""

FMA = """#ifdef __cplusplus
#define restrict
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__) && !defined(__STRICT_ANSI__)
#pragma GCC optimize("fp-contract=off")
#endif

#ifndef NAME_FMA
#define NAME_FMA(a, b, c) fma_of_dtype((a), (b), (c))
#endif

"""

MODES = """/* Subnormal numbers are zero while a prediction runs, as in pydl; the caller's mode comes back. */
#if defined(__SSE2__)
#include <xmmintrin.h>

static uint64_t pd_flush(void) {
    const uint32_t mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040U);
    return mode;
}

static void pd_restore(uint64_t mode) { _mm_setcsr((uint32_t)mode); }
#elif defined(__GNUC__) && defined(__aarch64__)
static uint64_t pd_flush(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | ((uint64_t)1 << 24)));
    return mode;
}

static void pd_restore(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
static uint64_t pd_flush(void) { return 0; }

static void pd_restore(uint64_t mode) { (void)mode; }
#endif"""

DIFFER = """/* How many outputs are farther from what is expected than the tolerance, relative to that or to 1. */
static int pd_differ(const real *y, const real *expected, int32_t n) {
    int wrong = 0;
    int32_t i;
    for (i = 0; i < n; i++) {
        const double d = fabs((double)y[i] - (double)expected[i]);
        const double size = fabs((double)expected[i]);
        const int same = (y[i] == expected[i]) || ((y[i] != y[i]) && (expected[i] != expected[i]));
        wrong += !(same || (d <= ((double)(NAME_TOLERANCE) * ((size > 1.0) ? size : 1.0))));
    }
    return wrong;
}"""

TEST = """#ifdef {upper}_TEST
#ifndef {upper}_TOLERANCE
#define {upper}_TOLERANCE 1e-4
#endif

{arrays}

{differ}

int main(void) {{
    int wrong = 0;
    int32_t i;
{locals}
    for (i = 0; i < {n}; i++) {{
        {name}_predict({call});
{checks}
    }}
    return wrong > 0;
}}
#endif /* {upper}_TEST */"""
