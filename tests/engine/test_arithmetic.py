"""Arithmetic of symbolic tensors: values, gradients, broadcasting, files, masks, what is refused."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine.graph import SymbolicTensor

RNG = np.random.default_rng(2)
ROW = np.array([1.5, -2.0, 0.5])

# Of two tensors (batch, 4, 3).
EXPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x + x": lambda x, y: x + x,
    "x - x * x": lambda x, y: x - x * x,
    "numbers": lambda x, y: 2 * x + 1 - (3 - y) / 4 + (y - 0.5) * np.float32(1.5),
    "1 / x": lambda x, y: 1 / x + y / 3,
    "-x": lambda x, y: -x,
    "x ** 2": lambda x, y: x**2 + y**0.5,
    "2 ** x": lambda x, y: 2.0**x,
    "array right": lambda x, y: x * ROW - ROW + x / ROW,
    "array left": lambda x, y: ROW * x + (ROW - y) / (ROW[None, None] + 5),
    "list": lambda x, y: x * [1, 2, 3],
    "array of steps": lambda x, y: x * np.arange(4.0)[:, None],
    "mean and spread": lambda x, y: (x - ROW) / (ROW**2 + 1) * y,
}


def model_of(expression: Callable[[Any, Any], Any], shapes: Any = ((4, 3), (4, 3))) -> tuple[Any, Any]:
    """A model whose output is the expression of two trained tensors; those tensors of a batch."""
    inputs = [pydl.Input(s) for s in shapes]
    scaled = [L.LayerNormalization(center=False)(t) for t in inputs]
    positive = [L.Activation("exponential")(t) for t in scaled]
    x, y = positive
    out = expression(x, y)
    unused = [t for t in (x, y) if not _reaches(out, t)]
    outputs = [out, *unused]
    return pydl.Model(inputs, outputs if unused else out), pydl.Model(inputs, positive)


def _reaches(out: SymbolicTensor, t: SymbolicTensor) -> bool:
    return out is t or (out.call is not None and any(_reaches(i, t) for i in out.call.inputs))


def data(shapes: Any) -> list[np.ndarray]:
    return [RNG.normal(size=(5, *s)) for s in shapes]


def value(model: Any, x: Any) -> np.ndarray:
    y = model.predict(x)
    return np.asarray(y[0] if isinstance(y, list) else y)


BROADCAST = {
    "a column": ((4, 3), (4, 1)),
    "one step": ((4, 3), (1, 3)),
    "both ways": ((4, 1), (1, 3)),
    "a number a row": ((4, 3), (1, 1)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.usefixtures("float64")
def test_values(name: str, tmp_path: Path) -> None:
    expression, shapes = EXPRESSIONS[name], ((4, 3), (4, 3))
    model, parts = model_of(expression)
    x = data(shapes)
    expected = expression(*(np.asarray(p) for p in parts.predict(x)))
    np.testing.assert_allclose(value(model, x), expected, rtol=1e-12, atol=1e-12)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(value(again, x), value(model, x))


@pytest.mark.parametrize("shapes", BROADCAST.values(), ids=BROADCAST)
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.usefixtures("float64")
def test_broadcasting(op: Callable[[Any, Any], Any], shapes: Any) -> None:
    for order in (shapes, shapes[::-1]):
        model, parts = model_of(op, order)
        x = data(order)
        np.testing.assert_allclose(value(model, x), op(*parts.predict(x)), rtol=1e-12)
        check_gradients(model, x)


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.usefixtures("float64")
def test_gradients(name: str) -> None:
    model, _ = model_of(EXPRESSIONS[name])
    check_gradients(model, data(((4, 3), (4, 3))))


def check_gradients(model: Any, x: list[np.ndarray]) -> None:
    """Of the weights in front of the arithmetic, against central differences."""
    model.compile("sgd", "mse")
    t = [RNG.normal(size=y.shape) for y in (lambda y: y if isinstance(y, list) else [y])(model.predict(x))]
    found = model.gradients(x, t if len(t) > 1 else t[0])

    def loss() -> float:
        return float(np.atleast_1d(model.evaluate(x, t if len(t) > 1 else t[0], verbose=0))[0])

    for v in model.trainable_weights:
        before = v.numpy()
        for i in range(v.size):
            step = 1e-6 * (np.arange(v.size) == i).reshape(v.shape)
            v.assign(before + step)
            high = loss()
            v.assign(before - step)
            assert found[v.path][i] == pytest.approx((high - loss()) / 2e-6, rel=1e-5, abs=1e-7)
        v.assign(before)


def test_a_residual_connection_is_as_fast_as_the_layer_add() -> None:
    x = pydl.Input((3,))
    h = L.Dense(3)(x)
    for y, ops in (
        (x + h, ["gather", "gemm_fwd", "add", "put"]),
        (2 * h, ["gather", "gemm_fwd", "affine", "put"]),
        (x - h, ["gather", "gemm_fwd", "affine", "add", "put"]),
    ):
        assert [r["op"] for r in pydl.Model(x, y).plan(4).records] == ops


def test_names_and_shapes() -> None:
    pydl.utils.clear_session()
    x, y = pydl.Input((None, 3)), pydl.Input((None, 1))
    assert (x + y).shape == (None, None, 3)
    assert (x * y).name == "multiply"
    assert (x / 2).name == "divide"
    assert (x - 1).dtype == "float32"


@pytest.mark.parametrize(
    "make", [lambda i: i + 1, lambda i: 10 - i, lambda i: i / 2, lambda i: i**2, lambda i: i * i, lambda i: -i]
)
def test_of_whole_numbers(make: Callable[[Any], Any]) -> None:
    i = pydl.Input((5,), dtype="int32")
    x = np.arange(10).reshape(2, 5)
    np.testing.assert_array_equal(pydl.Model(i, make(i)).predict(x), make(x.astype(np.float32)))


def test_outputs_of_whole_numbers() -> None:
    i = pydl.Input((5,), dtype="int32")
    x = np.arange(10).reshape(2, 5)
    y = pydl.Model(i, i // 2).predict(x)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, x // 2)
    np.testing.assert_array_equal(pydl.Model(i, pydl.ops.cast(i // 2, "float32")).predict(x), x // 2)


def test_masks_end_as_they_do_in_keras() -> None:
    codes = pydl.Input((None,))
    h = L.Embedding(9, 3, mask_zero=True)(codes)
    with pytest.warns(UserWarning, match="the mask of its input ends here"):
        y = h * 2.0
    model = pydl.Model(codes, [L.GlobalAveragePooling1D()(y), y])
    mean, steps = model.predict(np.array([[3, 4, 0, 0], [1, 0, 0, 0]]))
    np.testing.assert_allclose(mean, steps.mean(axis=1), rtol=1e-6, atol=1e-7)  # steps of up to 0.1, which may cancel


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda x: x + pydl.Input((4,)), ValueError, r"cannot add shapes \(None, 3\) and \(None, 4\)"),
        (lambda x: x * pydl.Input((2, 3)), ValueError, "could not be broadcast"),
        (lambda x: x - np.ones(4), ValueError, "cannot subtract shapes"),
        (lambda x: x + np.ones((5, 3)), ValueError, "cannot add shapes"),
        (lambda x: x + "1", TypeError, "multiply|add: expected tensors and numbers"),
        (lambda x: None * x, TypeError, "multiply: expected tensors and numbers, got None"),
        (lambda x: x + pydl.Input((3,), dtype="float64"), ValueError, "the same dtype"),
    ],
)
def test_what_is_refused(make: Callable[[Any], Any], kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        make(pydl.Input((3,)))
