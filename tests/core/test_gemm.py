"""Matrix products of random shapes on every instruction set: error bounds, and bits that depend on nothing else."""

from __future__ import annotations

import functools
import timeit
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core, ops
from pydl._engine import matmul
from tests.numpy_forward import ACTIVATIONS
from tests.specs.gemm import dw_scratch, dx_scratch, pack, scratch, unpack

Array = np.ndarray[Any, Any]

DTYPES = ("float32", "float64")
SHAPES_DRAWN = 150
EDGES = (1, 2, 3, 5, 6, 7, 13, 14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129)
# (B, I, O): more inner terms than one block holds; weights larger than what is kept in L2; rows beyond a block of dW
LARGE = ((40, 1100, 150), (17, 1030, 300), (300, 20, 70), (520, 33, 9))


def shapes() -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(3)
    small = [tuple(int(d) for d in rng.choice(EDGES, 3)) for _ in range(SHAPES_DRAWN // 2)]
    any_size = [tuple(int(d) for d in rng.integers(1, 90, 3)) for _ in range(SHAPES_DRAWN // 2)]
    drawn = [*small, *any_size]
    assert len(set(drawn)) > 0.9 * SHAPES_DRAWN
    return [*drawn, *LARGE]  # type: ignore[list-item]


def normal(rng: np.random.Generator, dtype: str, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(dtype)


def assert_close(got: Array, a: Array, b: Array, what: str) -> None:
    """|got - a b| <= 2 K eps |a| |b|, in float128 or so."""
    wide = np.longdouble if got.dtype == np.float64 else np.float64
    exact = a.astype(wide) @ b.astype(wide)
    bound = 2 * a.shape[1] * np.finfo(got.dtype).eps * (np.abs(a).astype(wide) @ np.abs(b).astype(wide))
    worst = np.max(np.abs(got - exact) - bound)
    assert worst <= 0, f"{what}: beyond the bound by {worst}"


def products(x: Array, w: Array, dy: Array, isa: str, nth: int, add: float | None = None) -> tuple[Array, Array, Array]:
    """The three products of a Dense layer, each split among nth threads; weights as users see them.

    `add`: what the two gradients are added to.
    """
    (B, I), O, dtype = x.shape, w.shape[1], x.dtype.name
    panels = pack(w, dtype)
    sizes = {"B": B, "I": I, "O": O}
    y, dx, dw = np.empty((B, O), dtype), np.full((B, I), add, dtype), np.zeros_like(panels)
    dw += pack(np.full((I, O), add or 0, dtype), dtype)
    sums = add is not None
    _core.call("gemm_fwd", dtype=dtype, isa=isa, nth=nth, x=x, w=panels, y=y, **sizes)
    _core.call("gemm_dx", dtype=dtype, isa=isa, nth=nth, dy=dy, w=panels, dx=dx, add=sums, **sizes,
               **scratch(dtype, dx_scratch(B, panels.size // I)))  # fmt: skip
    _core.call("gemm_dw", dtype=dtype, isa=isa, nth=nth, x=x, dy=dy, dw=dw, n=dw.size, add=sums, **sizes,
               **scratch(dtype, dw_scratch(B, panels.size // I, dtype)))  # fmt: skip
    return y, dx, unpack(dw, O)


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_bound_of_the_three_products(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    for B, I, O in shapes():
        x, w, dy = normal(rng, dtype, B, I), normal(rng, dtype, I, O), normal(rng, dtype, B, O)
        y, dx, dw = products(x, w, dy, isa, 1)
        assert_close(y, x, w, f"y of {(B, I, O)}")
        assert_close(dx, dy, w.T, f"dx of {(B, I, O)}")
        assert_close(dw, x.T, dy, f"dw of {(B, I, O)}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_depend_on_no_thread_count_and_no_other_row(isa: str, dtype: str) -> None:
    """Subset invariance: rows alone and rows in a batch have the same y and dx."""
    rng = np.random.default_rng(2)
    for B, I, O in shapes()[::3]:
        x, w, dy = normal(rng, dtype, B, I), normal(rng, dtype, I, O), normal(rng, dtype, B, O)
        whole = products(x, w, dy, isa, 1)
        for nth in (2, 3, 7):
            for got, expected in zip(products(x, w, dy, isa, nth), whole, strict=True):
                np.testing.assert_array_equal(got, expected)
        added = products(x, w, dy, isa, 1, add=0.1)
        for nth in (2, 7):
            for got, expected in zip(products(x, w, dy, isa, nth, add=0.1), added, strict=True):
                np.testing.assert_array_equal(got, expected)
        for rows in (slice(0, 1), slice(B - 1, B), slice(B // 3, B // 3 + 7)):
            y, dx, _ = products(x[rows], w, dy[rows], isa, 1)
            np.testing.assert_array_equal(y, whole[0][rows])
            np.testing.assert_array_equal(dx, whole[1][rows])


# (bytes, ways) of L1, bytes of L2: everything is copied, everything conflicts but blocks are large, nothing does
CACHES = {
    "none": (64, 1, 64),
    "one way": (1 << 15, 1, 1 << 21),
    "small": (1 << 12, 4, 1 << 14),
    "vast": (1 << 30, 1 << 16, 1 << 30),
}
# (B, I, O): rows a power of two apart, several blocks of rows, terms and columns, ragged edges
BLOCKED = ((70, 1024, 64), (130, 512, 200), (300, 300, 33), (67, 128, 512), (12, 600, 100), (5, 1024, 1024),
           (300, 70, 600))  # fmt: skip


@contextmanager
def other_caches(name: str) -> Iterator[None]:
    """Blocks for caches that this machine does not have."""
    (l1, ways, l2), found = CACHES[name], _core.caches()
    _core.set_caches(found | {"l1": found["l1"] | {"bytes": l1, "ways": ways}, "l2": found["l2"] | {"bytes": l2}})
    try:
        yield
    finally:
        _core.set_caches(found)


@functools.cache
def blocked(isa: str, dtype: str) -> list[tuple[Array, ...]]:
    """Operands and products of every shape, with the caches of this machine."""
    rng, found = np.random.default_rng(20), []
    for B, I, O in BLOCKED:
        x, w, dy = normal(rng, dtype, B, I), normal(rng, dtype, I, O), normal(rng, dtype, B, O)
        found.append(
            (x, w, dy, *products(x, w, dy, isa, 1, 0.1), ops.matmul(x, w), ops.matmul(x, w, activation="relu"))
        )
    return found


@pytest.mark.parametrize("name", CACHES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_depend_on_no_cache(isa: str, dtype: str, name: str) -> None:
    expected = blocked(isa, dtype)
    with other_caches(name):
        for x, w, dy, y, dx, dw, z, relu in expected:
            for nth in (1, 3):
                for got, right in zip(products(x, w, dy, isa, nth, 0.1), (y, dx, dw), strict=True):
                    np.testing.assert_array_equal(got, right)
            np.testing.assert_array_equal(ops.matmul(x, w), z)
            np.testing.assert_array_equal(ops.matmul(x, np.asfortranarray(w)), z)
            np.testing.assert_array_equal(ops.matmul(np.asfortranarray(x), w), z)
            np.testing.assert_array_equal(ops.matmul(x, w, activation="relu"), relu)


def test_exact_products_are_the_same_on_every_isa() -> None:
    rng = np.random.default_rng(4)
    x, w, dy = (rng.integers(-9, 10, s).astype(np.float32) for s in ((37, 45), (45, 51), (37, 51)))
    for isa in _core.isas():
        y, dx, dw = products(x, w, dy, isa, 3)
        np.testing.assert_array_equal(y, x @ w)
        np.testing.assert_array_equal(dx, dy @ w.T)
        np.testing.assert_array_equal(dw, x.T @ dy)


def test_nan_and_infinity_come_through(isa: str) -> None:
    x, w = np.ones((9, 11), np.float32), np.ones((11, 19), np.float32)
    x[4, 5], w[2, 7] = np.nan, np.inf
    got = ops.matmul(x, w)
    assert np.isnan(got[4]).all()
    assert np.isinf(np.delete(got, 4, axis=0)[:, 7]).all()
    assert np.isfinite(np.delete(np.delete(got, 4, axis=0), 7, axis=1)).all()


# -- ops.matmul -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_of_random_shapes_and_layouts(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    for i, (B, I, O) in enumerate(shapes()):
        a, b = normal(rng, dtype, B, I), normal(rng, dtype, I, O)
        flip_a, flip_b = bool(i & 1), bool(i & 2)
        left = np.ascontiguousarray(a.T) if flip_a else a
        right = np.ascontiguousarray(b.T) if flip_b else b
        if i % 5 == 4:  # columns in Fortran's order, every second of them
            left = np.repeat(np.asfortranarray(left), 2, axis=1)[:, ::2]
        got = ops.matmul(left, right, transpose_a=flip_a, transpose_b=flip_b)
        assert got.dtype == dtype
        assert_close(got, a, b, f"{(B, I, O)}, transposed {flip_a}, {flip_b}")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_with_bias_and_activation(activation: str, dtype: str) -> None:
    rng = np.random.default_rng(6)
    a, b, bias = normal(rng, dtype, 23, 5), normal(rng, dtype, 5, 37), normal(rng, dtype, 37)
    z = a.astype(np.float64) @ b.astype(np.float64) + bias
    alpha = pydl.activations.get(activation).alpha
    expected = ACTIVATIONS[activation](z, alpha)
    got = ops.matmul(a, b, bias=bias, activation=activation)
    # z, up to about 10, carries 2 * 6 roundings; no other activation here is steeper than 1.76 (selu)
    steepness = expected if activation == "exponential" else 1
    tolerance = 64 * np.finfo(dtype).eps * (1 + np.abs(z).max()) * steepness
    assert (np.abs(got - expected) <= tolerance).all()
    into = np.full_like(got, np.nan)
    assert ops.matmul(a, b, bias=bias, activation=activation, out=into) is into
    np.testing.assert_array_equal(into, got)


def test_matmul_on_many_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    a, b = normal(rng, "float32", 301, 129), normal(rng, "float32", 129, 77)
    expected = ops.matmul(a, b, activation="gelu")
    for threads in (2, 3, 7):
        monkeypatch.setattr(matmul, "choose_threads", lambda work, limit, threads=threads: threads)
        np.testing.assert_array_equal(ops.matmul(a, b, activation="gelu"), expected)
    np.testing.assert_array_equal(ops.matmul(a[5:6], b, activation="gelu"), expected[5:6])


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_products_have_the_bits_of_their_parts(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    a, b = normal(rng, dtype, 131, 1024), normal(rng, dtype, 1024, 301)
    assert a.size * b.shape[1] > 1 << 24, "panels of b have a room of their own"
    expected = np.concatenate([ops.matmul(a[i : i + 10], b) for i in range(0, len(a), 10)])
    for threads in (1, 3):
        monkeypatch.setattr(matmul, "choose_threads", lambda work, limit, threads=threads: threads)
        for name in CACHES:
            with other_caches(name):
                np.testing.assert_array_equal(ops.matmul(a, b), expected)
                np.testing.assert_array_equal(ops.matmul(np.asfortranarray(a), np.asfortranarray(b)), expected)


def test_matmul_takes_vectors_stacks_and_other_numbers() -> None:
    rng = np.random.default_rng(8)
    a, b, v = rng.normal(size=(2, 3, 5)), rng.normal(size=(5, 7)), rng.normal(size=5)
    np.testing.assert_allclose(ops.matmul(a, b), a @ b, rtol=1e-12)
    np.testing.assert_allclose(ops.matmul(a, v), a @ v, rtol=1e-12)
    np.testing.assert_allclose(ops.matmul(v, b), v @ b, rtol=1e-12)
    assert ops.matmul(v, v) == pytest.approx(v @ v)
    small = np.full((2, 300), 100, np.int8)
    assert ops.matmul(small, small.T // 25).max() == 100 * 4 * 300
    large = np.array([2**40 + 1, 3])
    assert (ops.matmul(large, large), ops.matmul(large, large).dtype) == (large @ large, np.int64)  # exact
    assert ops.matmul(np.arange(4), np.arange(4.0, dtype=np.float32)).dtype == np.float32
    assert ops.matmul(np.arange(4, dtype=np.int8), [[1], [2], [3], [True]]) == [11]
    assert ops.matmul(a[0].astype(np.float32), b).dtype == np.float64
    assert ops.matmul(a[0].astype(np.float16), b.astype(np.float32)).dtype == np.float32
    big = ops.matmul(a[0].astype(">f8"), b.astype(">f4").astype("<f4"))
    np.testing.assert_allclose(big, a[0] @ b.astype(np.float32), rtol=1e-12)


def test_matmul_of_nothing() -> None:
    assert ops.matmul(np.ones((0, 3)), np.ones((3, 2))).shape == (0, 2)
    assert ops.matmul(np.ones((2, 3)), np.ones((3, 0))).shape == (2, 0)
    nothing_to_sum = ops.matmul(np.ones((2, 0)), np.ones((0, 3)), bias=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(nothing_to_sum, [[1, 2, 3], [1, 2, 3]])


LAYOUTS = {
    "contiguous": lambda x: x,
    "fortran": np.asfortranarray,
    "rows apart": lambda x: np.pad(x, ((0, 0), (0, 3)))[:, : x.shape[1]],
    "columns apart": lambda x: np.pad(x.T, ((0, 0), (2, 3)))[:, 2 : 2 + x.shape[0]].T,
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "dtype of its own": lambda x: x.astype(np.dtype(x.dtype.str, metadata={"unit": "m"})),
    "subclass": lambda x: x.view(type("Subclass", (np.ndarray,), {})),
    "list": lambda x: [[x.dtype.type(v) for v in row] for row in x],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 5, 1), (1, 7, 3), (3, 1, 40), (4, 9, 37), (40, 1, 1), (19, 8, 33), (70, 20, 1)]
)
def test_matmul_gives_the_same_bits_for_any_layout(layout: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(9)
    B, I, O = shape
    for dtype in DTYPES:
        a, b = normal(rng, dtype, B, I), normal(rng, dtype, I, O)
        expected = ops.matmul(a, b)
        assert_close(expected, a, b, "plain")
        np.testing.assert_array_equal(ops.matmul(a[B // 2 : B // 2 + 1], b), expected[B // 2 : B // 2 + 1])
        as_laid_out = LAYOUTS[layout]
        for left, right in ((as_laid_out(a), b), (a, as_laid_out(b)), (as_laid_out(a), as_laid_out(b))):
            got = ops.matmul(left, right)
            assert type(got) is np.ndarray
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_over_blocks_of_rows_terms_and_columns(isa: str, dtype: str) -> None:
    """Sizes beyond every block; rows of b a power of two apart, which are packed where rows of a are many."""
    rng = np.random.default_rng(10)
    for B, I, O in ((300, 1030, 64), (130, 600, 1024), (3, 520, 1024), (2, 40, 200)):
        a, b = normal(rng, dtype, B, I), normal(rng, dtype, I, O)
        bias = normal(rng, dtype, O)
        got = ops.matmul(a, b)
        assert_close(got, a, b, f"{(B, I, O)}")
        np.testing.assert_array_equal(ops.matmul(a, np.asfortranarray(b)), got)
        np.testing.assert_array_equal(ops.matmul(np.asfortranarray(a), b), got)
        some = slice(B // 2, B // 2 + 17)
        np.testing.assert_array_equal(ops.matmul(a[some], b[:, 5:42]), got[some, 5:42])
        biased = ops.matmul(a, b, bias=bias, activation="relu")
        np.testing.assert_array_equal(
            ops.matmul(a[some], b[:, 5:42], bias=bias[5:42], activation="relu"), biased[some, 5:42]
        )


def test_matmul_from_many_threads_of_python() -> None:
    rng = np.random.default_rng(11)
    a, b = normal(rng, "float32", 150, 140), normal(rng, "float32", 140, 130)
    expected = ops.matmul(a, b)

    def differences(_: int) -> int:
        return sum(not np.array_equal(ops.matmul(a, b), expected) for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(differences, range(8))) == 0


def test_matmul_into_out_next_to_its_operands() -> None:
    memory = np.ones(32, np.float32)
    a, out = memory[:16].reshape(4, 4), memory[16:].reshape(4, 4)
    assert ops.matmul(a, a, out=out) is out
    np.testing.assert_array_equal(memory, np.repeat([1, 4], 16))
    with pytest.raises(ValueError, match="share memory"):
        ops.matmul(a, a, out=memory[15:31].reshape(4, 4))
    with pytest.raises(ValueError, match="share memory"):
        ops.matmul(a.T, a, out=memory[15:31].reshape(4, 4))


def test_matmul_costs_little_to_call() -> None:
    """Against NumPy, which takes about a microsecond; the plan that was once built for each call took twenty."""
    a = np.ones((16, 16), np.float32)
    ours, theirs = (min(timeit.repeat(f, number=500, repeat=20)) for f in (lambda: ops.matmul(a, a), lambda: a @ a))
    assert ours < 3 * theirs


def test_matmul_leaves_its_operands_alone() -> None:
    a, b = np.ones((3, 4), np.float32), np.ones((4, 2), np.float32)
    a.flags.writeable = b.flags.writeable = False
    np.testing.assert_array_equal(ops.matmul(a, b), np.full((3, 2), 4))


ONES = np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "words"),
    [
        ((ONES, ONES), {}, ValueError, ("inner sizes differ: 4 and 3", "(3, 4) and (3, 4)")),
        ((ONES, ONES), {"transpose_a": True, "transpose_b": True}, ValueError, ("3 and 4", "transposed")),
        ((None, ONES), {}, TypeError, ("matmul", "a is None")),
        ((ONES, "text"), {}, TypeError, ("matmul", "b", "array of numbers")),
        ((ONES, ONES * 1j), {}, TypeError, ("complex64", "array of numbers")),
        ((ONES, np.array([[object()]])), {}, TypeError, ("object", "array of numbers")),
        (([[1, 2], [3]], ONES), {}, TypeError, ("a", "array of numbers")),
        ((np.float32(2), ONES), {}, ValueError, ("expected a (..., K)", "()")),
        ((ONES, np.ones((2, 4, 3))), {"bias": np.ones(3)}, TypeError, ("bias", "for arrays, b a matrix")),
        ((np.ones((2, 3, 4)), ONES), {"transpose_a": True}, ValueError, ("matrices where transposed",)),
        ((ONES, ONES.T), {"bias": np.ones(4)}, ValueError, ("bias", "(3,)", "(4,)")),
        ((ONES, ONES.T), {"activation": "rellu"}, ValueError, ("unknown activation 'rellu'", "'relu'")),
        ((ONES, ONES.T), {"activation": np.tanh}, TypeError, ("activation", "name")),
        ((ONES, ONES.T), {"out": np.ones((3, 3))}, ValueError, ("out", "float32", "float64")),
        ((ONES, ONES.T), {"out": np.ones((3, 4), "f4")}, ValueError, ("out", "(3, 3)", "(3, 4)")),
        ((ONES, ONES.T), {"out": np.ones((3, 3), "f4", "F")}, ValueError, ("out", "C-contiguous")),
        ((ONES, ONES.T), {"out": np.ones((3, 6), "f4")[:, ::2]}, ValueError, ("out", "C-contiguous")),
        ((ONES, ONES.T), {"out": [[0.0]]}, TypeError, ("out", "ndarray", "list")),
    ],
)  # fmt: skip
def test_matmul_refuses(arguments: Any, options: Any, kind: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(kind) as error:
        ops.matmul(*arguments, **options)
    for word in words:
        assert word in str(error.value)


def test_matmul_refuses_to_write_into_what_it_reads() -> None:
    square = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match="share memory"):
        ops.matmul(square, ONES.T @ ONES, out=square)
    frozen = np.ones((3, 3), np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        ops.matmul(ONES, ONES.T, out=frozen)
    bias = np.ones((1, 4), np.float32)  # a bias is copied, so it may
    ops.matmul(np.ones((1, 2), np.float32), np.ones((2, 4), np.float32), bias=bias[0], out=bias)
    np.testing.assert_array_equal(bias, np.full((1, 4), 3))
