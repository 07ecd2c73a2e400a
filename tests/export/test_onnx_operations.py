"""Functions of `pydl.ops` in exported models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops
from pydl._engine.tape import Op
from pydl._onnx.operations import OPS
from tests.export.onnx_runs import assert_same, chain, session

X = np.random.default_rng(0).normal(0.4, 1.2, (7, 2, 3)).astype(np.float32)
X[0, 0] = [0.0, 1.0, -2.5]

#: Functions without a form: what ONNX lacks, or what few models hold.
WITHOUT = {
    "_affine", "_each", "_of_batch", "_length", "_penalty", "_conv", "_conv_transpose",
    "_dft", "_from_hsv", "_irfft", "_overlap", "_rfft", "_to_hsv",
    "arctan2", "argsort", "bincount", "cumprod", "diag", "in_top_k", "isclose", "median", "multi_hot", "nan_to_num",
    "_updated", "_where_largest", "argpartition", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cbrt", "cholesky", "correlate", "det", "diagonal", "digitize", "eigh",
    "erfinv", "fmod", "gcd", "heaviside", "histogram", "i0", "imag", "inv", "isin", "isneginf", "isposinf", "isreal",
    "lcm", "ldexp", "logaddexp2", "lstsq", "matrix_rank", "nanquantile", "nextafter", "nonzero", "pinv", "qr",
    "real", "scatter_update", "searchsorted", "segment_max", "segment_min", "segment_prod", "segment_sum", "signbit",
    "sinc", "slogdet", "solve", "svd", "unravel_index",
    "ctc_loss", "quantile", "ravel", "roll", "sort", "take_along_axis", "tensordot", "trace", "unique",
}  # fmt: skip

CASES: dict[str, Any] = {
    **{
        name: getattr(ops, name)
        for name in (
            "absolute", "negative", "square", "exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "arctan",
            "arcsinh", "sign", "floor", "ceil", "round", "trunc", "stop_gradient", "copy", "isnan", "isinf", "isfinite",
            "logical_not", "zeros_like", "ones_like", "erf", "relu", "softmax",
        )
    },
    **{
        name: lambda x, name=name: getattr(ops, name)(ops.absolute(x) + 1.25)
        for name in ("sqrt", "rsqrt", "reciprocal", "log", "log1p", "log2", "log10", "arccosh")
    },
    **{name: lambda x, name=name: getattr(ops, name)(ops.tanh(x) * 0.9) for name in ("arcsin", "arccos", "arctanh")},
    **{
        name: lambda x, name=name: getattr(ops, name)(x, ops.square(x) - 0.5)
        for name in (
            "add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference", "hypot", "logaddexp",
            "divide_no_nan", "floor_divide", "mod", "equal", "not_equal", "less", "less_equal", "greater",
            "greater_equal", "logical_and", "logical_or", "logical_xor",
        )
    },
    **{
        f"{name} along axes": lambda x, name=name: getattr(ops, name)(x, axis=(1, 2))
        for name in ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "any", "all", "count_nonzero")
    },
    "power": lambda x: ops.power(ops.absolute(x) + 0.5, x),
    "numbers and lists": lambda x: ops.maximum(ops.arctan(x), [0.0, -1.0, 0.5]) + ops.minimum(x, 1),
    "mean, axes kept": lambda x: ops.mean(x, axis=-1, keepdims=True),
    "norm": lambda x: ops.norm(x, axis=-1, keepdims=True) + ops.norm(x, 1, axis=2, keepdims=True),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmin": lambda x: ops.argmin(x, axis=1, keepdims=True),
    "cumsum": lambda x: ops.cumsum(x, axis=2),
    "round to one digit": lambda x: ops.round(x, 1),
    "round to tens": lambda x: ops.round(10 * x, -1),
    "halves of floats": lambda x: ops.cast(x, "float16"),
    "clip": lambda x: ops.clip(x, -0.5, 1.0),
    "cast": lambda x: ops.cast(x, "int32"),
    "where": lambda x: ops.where(x > 0.3, ops.exp(x), 7.0),
    "full_like": lambda x: ops.full_like(x, 3.5),
    "softmax along axis 1": lambda x: ops.softmax(x, axis=1),
    "leaky_relu": lambda x: ops.leaky_relu(x, 0.1),
    "reshape": lambda x: ops.reshape(x, (-1, 6)),
    "expand_dims": lambda x: ops.expand_dims(x, 2),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(ops.exp(x), 2), 2),
    "transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, -1),
    "moveaxis": lambda x: ops.moveaxis(ops.expand_dims(x, 1), 3, 1),
    "concatenate": lambda x: ops.concatenate([x, ops.exp(x)], axis=1),
    "stack": lambda x: ops.stack([x, ops.exp(x)], axis=-1),
    "flip": lambda x: ops.flip(x, axis=2),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "tile": lambda x: ops.tile(x, (1, 2, 3)),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=1.5),
    "pad by reflection": lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 2)), mode="reflect"),
    "take": lambda x: ops.take(x, [2, 0, -1, 1], axis=2),
    "tril": lambda x: ops.tril(x, -1),
    "triu": lambda x: ops.triu(x, 1),
    "one_hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 3),
    "x[:, 1]": lambda x: x[:, 1],
    "x[:, -1, ::-1]": lambda x: x[:, -1, ::-1],
    "x[:, :, None, 1:]": lambda x: x[:, :, None, 1:],
    "x[..., -2:]": lambda x: x[..., -2:],
    "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "einsum": lambda x: ops.einsum("bij,bkj->bik", x, ops.exp(x)),
}  # fmt: skip


def test_every_function_is_listed() -> None:
    assert set(OPS) | WITHOUT == set(Op.known)
    assert not set(OPS) & WITHOUT


@pytest.mark.parametrize("name", CASES)
def test_functions(name: str, tmp_path: Path) -> None:
    x = pydl.Input((2, 3))
    assert_same(pydl.Model(x, CASES[name](x)), tmp_path / "m.onnx", [X])


@pytest.mark.parametrize("name", ["log1p", "expm1"])
def test_digits_near_zero(name: str, tmp_path: Path) -> None:
    x = pydl.Input((8,))
    pydl.Model(x, getattr(ops, name)(x)).export(tmp_path / "m.onnx")
    values = np.array([[1e-7, -3e-8, 1e-30, 0.0, -0.4, 0.6, 80.0, np.nan]], np.float32)
    [found] = session(tmp_path / "m.onnx").run(None, {x.name: values})
    np.testing.assert_allclose(found, getattr(np, name)(values), 2e-6)


@pytest.mark.parametrize("name", ["hard_shrink", "soft_shrink", "squareplus", "sparsemax", "selu", "softsign"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_of_numbers_of_any_size(name: str, dtype: str, tmp_path: Path) -> None:
    model = chain(L.Activation(name, dtype=dtype), shape=(8,), dtype=dtype)
    values = np.array([[-1e4, 1e20, -1e20, 3.0, 0.0, -0.3, 1e-5, 1.0], [1, 2, 3, 1e19, 0, -1, 2, 2.5]], dtype)
    values[:, 1] *= name != "sparsemax"
    if "shrink" in name:
        values[0, 3] = np.nan
    model.export(tmp_path / "m.onnx", dtype=dtype)
    [found] = session(tmp_path / "m.onnx").run(None, {model.inputs[0].name: values})
    np.testing.assert_allclose(found, model.predict(values, verbose=0), 1e-6)


@pytest.mark.parametrize("make", [ops.tril, ops.triu])
def test_an_op_that_the_opset_lacks(make: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has a form from opset 14 on, not in opset 13"):
        chain(L.Lambda(make), shape=(2, 3)).export(tmp_path / "m.onnx", opset=13)


def test_an_input_that_nothing_reads_is_read_again(tmp_path: Path) -> None:
    x, z = pydl.Input((3,), name="x"), pydl.Input((2,), name="z")
    model = pydl.Model([x, z], L.Dense(2)(x))
    model.export(tmp_path / "m.onnx")
    again = pydl.models.load_onnx(tmp_path / "m.onnx")
    given = [np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)]
    np.testing.assert_allclose(again.predict(given, verbose=0), model.predict(given, verbose=0), 1e-6)


def test_codes_with_a_mask_are_read_again(tmp_path: Path) -> None:
    x = pydl.Input((4,))
    model = pydl.Model(x, L.GlobalAveragePooling1D()(L.Embedding(5, 3, mask_zero=True)(x)))
    model.export(tmp_path / "m.onnx")
    codes = np.array([[1, 0, 3, 0], [4, 2, 2, 0]], np.float32)
    again = pydl.models.load_onnx(tmp_path / "m.onnx")
    np.testing.assert_allclose(again.predict(codes, verbose=0), model.predict(codes, verbose=0), 1e-6)


def test_code_of_ones_own(tmp_path: Path) -> None:
    class Gate(L.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

        def call(self, x: Any) -> Any:
            return x * ops.sigmoid(self.scale * x) - ops.mean(x, axis=-1, keepdims=True)

    model = chain(Gate(), L.Lambda(lambda x: ops.sqrt(ops.abs(x)) + 1), L.Dense(2), shape=(4,))
    assert_same(model, tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (ops.sort, r"pydl\.ops\.sort has no ONNX form"),
        (lambda x: x - ops.mean(x, axis=0), "expected a result with the batch as its first axis"),
    ],
)
def test_what_has_no_form_is_named(make: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        chain(L.Lambda(make), shape=(4,)).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_token_for_each_sample(tmp_path: Path) -> None:
    class Tokens(L.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner, self.token = L.Dense(3), self.add_weight((1, 1, 3), "ones", name="token")

        def call(self, x: Any) -> Any:
            return ops.concatenate([ops.tile(ops.exp(self.token), (ops.shape(x)[0], 1, 1)), self.inner(x)], axis=1)

    x = pydl.Input((2, 3))
    assert_same(pydl.Model(x, Tokens()(x)), tmp_path / "m.onnx", [X])
