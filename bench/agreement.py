"""Layers over windows on configurations drawn at random, beside torch: python -m bench.agreement [--count N].

Convolutions (plain, transposed, by channel, separable), pooling and batch normalization, values and gradients of all
inputs and weights. What is right is what torch says in float64; an error is the largest difference over the largest
value of the array. The command ends with 1 if an error in float64 is above 1e-12, one in float32 above 1e-5.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pydl
from bench.nets import Array
from bench.table import markdown
from pydl import config

BOUNDS = {"float64": 1e-12, "float32": 1e-5}
KINDS = (
    "Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv", "MaxPooling", "AveragePooling", "GlobalMaxPooling",
    "GlobalAveragePooling", "BatchNormalization",
)  # fmt: skip
Worst = tuple[float, str]  # an error, and what it is of


@dataclass(frozen=True)
class Case:
    """A layer of some kind and the shape that it is given, the batch included."""

    name: str
    arguments: dict[str, Any] = field(repr=False)
    shape: tuple[int, ...]

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.name}({said}) on {self.shape}"

    def layer(self) -> Any:
        return getattr(pydl.layers, self.name)(**self.arguments)


def drawn(count: int, seed: int) -> Iterator[Case]:
    """So many cases that have an output, of each kind about as many."""
    rng = np.random.default_rng(seed)
    found = 0
    while found < count:
        case = _draw(rng, KINDS[found % len(KINDS)])
        try:
            case.layer().build(case.shape)
            out = case.layer().compute_output_shape(case.shape)
        except ValueError:
            continue  # windows that do not fit, or a stride and a dilation at once
        if min(out) >= 1:
            found += 1
            yield case


def _draw(rng: np.random.Generator, kind: str) -> Case:
    axes = int(rng.integers(1, 3))

    def each(low: int, high: int) -> list[int]:
        return [int(n) for n in rng.integers(low, high, axes)]

    groups = int(rng.integers(1, 4)) if kind == "Conv" else 1
    sizes = each(1, 30 if axes == 1 else 13)
    channels = groups * int(rng.choice([1, 2, 3, 8, 17]))
    shape = (int(rng.integers(1, 6)), *sizes, channels)
    if kind == "BatchNormalization":
        return Case(kind, {"epsilon": float(rng.choice([1e-3, 1e-5]))}, (shape[0] + 1, *shape[1:]))
    name = f"{kind}{axes}D" if kind != "ConvTranspose" else f"Conv{axes}DTranspose"
    if kind.startswith("Global"):
        return Case(name, {}, shape)
    paddings = ["valid", "same", "causal"] if name == "Conv1D" else ["valid", "same"]
    padding = str(rng.choice(paddings))
    if kind.endswith("Pooling"):
        return Case(name, {"pool_size": each(1, 5), "strides": each(1, 5), "padding": padding}, shape)
    stride, dilation = each(1, 5), each(1, 4)
    if rng.random() < {"DepthwiseConv": 0, "ConvTranspose": 0.25}.get(kind, 0.5):
        stride = [1] * axes
    if kind in ("DepthwiseConv", "SeparableConv"):  # theirs are alike along both axes
        stride, dilation = [stride[0]] * axes, [dilation[0]] * axes
    arguments = {"kernel_size": each(1, 6), "strides": stride, "padding": padding, "dilation_rate": dilation}
    if (max(stride) > 1 and kind != "DepthwiseConv") or rng.random() < 0.5:  # which alone takes both
        arguments["dilation_rate"] = [1] * axes
    if kind == "ConvTranspose":
        arguments["output_padding"] = int(rng.integers(0, min(stride))) if rng.random() < 0.5 else None
    if kind == "Conv":
        arguments["groups"] = groups
    if kind in ("DepthwiseConv", "SeparableConv"):
        arguments["depth_multiplier"] = int(rng.integers(1, 4))
    if kind != "DepthwiseConv":
        arguments["filters"] = groups * int(rng.choice([1, 2, 5, 16, 19]))
    return Case(name, arguments, shape)


def operands(case: Case, seed: int) -> tuple[Array, list[Array], Array]:
    """Input, weights and target in float64, all of which float32 holds too. No two inputs are equal, for maxima."""
    rng = np.random.default_rng(seed)

    def random(shape: Sequence[int]) -> Array:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64)

    layer = case.layer()
    layer.build(case.shape)
    x = (rng.permutation(np.prod(case.shape)) / np.prod(case.shape) - 0.5).reshape(case.shape)
    weights = [random(w.shape) for w in layer.weights]
    return x.astype(np.float32).astype(np.float64), weights, random(layer.compute_output_shape(case.shape))


def evaluated(case: Case, x: Array, weights: Sequence[Array], target: Array) -> tuple[Array, list[Array]]:
    """As in `peers.torch_windows`. The input is a table of which each row is asked for, so that it has a gradient."""
    config.set_floatx(x.dtype.name)
    try:
        codes = pydl.Input((), dtype="int32")
        table = pydl.layers.Embedding(len(x), x[0].size)
        layer = case.layer()
        y = layer(pydl.layers.Reshape(case.shape[1:])(table(codes)))
        model = pydl.Model(codes, y)
        table.set_weights([x.reshape(len(x), -1)])
        layer.set_weights(weights)
        model.compile("sgd", "mse")
        rows = np.arange(len(x))
        gradients = model.gradients(rows, target)
        found = layer(x, training=True) if layer.weights else layer(x)
    finally:
        config.set_floatx("float32")
    names = [table.weights[0].path, *(w.path for w in layer.trainable_weights)]
    of_input, *others = (gradients[name] for name in names)
    return found, [of_input.reshape(x.shape), *others]


def compared(case: Case, seed: int, peer: Any) -> dict[str, dict[str, float]]:
    """Errors by what is compared, of pydl in both dtypes and, for orientation, of torch in float32."""
    given = operands(case, seed)
    right = peer.evaluated(case.name, case.arguments, *given)
    single = _single(given)
    found = {
        "float64": evaluated(case, *given), "float32": evaluated(case, *single),
        "torch, float32": peer.evaluated(case.name, case.arguments, *single),
    }  # fmt: skip
    return {name: _errors(each, right) for name, each in found.items()}


def _single(given: tuple[Array, list[Array], Array]) -> tuple[Array, list[Array], Array]:
    x, weights, target = given
    return x.astype(np.float32), [w.astype(np.float32) for w in weights], target.astype(np.float32)


def _errors(found: tuple[Array, list[Array]], right: tuple[Array, list[Array]]) -> dict[str, float]:
    of_input, *of_weights = (_error(a, b) for a, b in zip(found[1], right[1], strict=True))
    return {
        "output": _error(found[0], right[0]), "gradient of the input": of_input,
        "gradients of weights": max(of_weights, default=0.0),
    }  # fmt: skip


def _error(found: Array, right: Array) -> float:
    if found.shape != right.shape:
        return np.inf
    return float(np.abs(found - right).max() / max(np.abs(right).max(), 1e-300))


def main() -> int:
    """Compare; print the worst errors by kind of layer and the configuration of the worst."""
    parser = argparse.ArgumentParser("python -m bench.agreement", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--count", type=int, default=200, metavar="N", help="configurations; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn; default %(default)s")
    given = parser.parse_args()
    from bench.peers import torch_windows as peer

    worst: dict[str, dict[str, Worst]] = {}
    counts: dict[str, int] = {}
    for seed, case in enumerate(drawn(given.count, given.seed)):
        counts[case.name] = counts.get(case.name, 0) + 1
        so_far = worst.setdefault(case.name, {})
        for dtype, errors in compared(case, seed, peer).items():
            of_case = max((error, f"{what} of {case}") for what, error in errors.items())
            so_far[dtype] = max(so_far.get(dtype, of_case), of_case)
    rows = [
        {"layer": name, "cases": counts[name]} | {by: f"{error:.1e}" for by, (error, _) in found.items()}
        for name, found in sorted(worst.items())
    ]  # fmt: skip
    print(markdown(rows))
    right = True
    for dtype, bound in BOUNDS.items():
        error, where = max(found[dtype] for found in worst.values())
        right &= error <= bound
        print(f"\n{dtype}: the worst of {given.count} is {error:.1e}, at most {bound:.0e} is right: the {where}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
