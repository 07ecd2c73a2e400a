"""Models whose training is pinned to the bit: prints a hash for each, on one instruction set.

    PYDL_ISA=avx2 python -m tests.whole.pinned            prints JSON: model -> what -> hash
    python -m tests.whole.pinned --store                  writes tests/whole/pins.json for the ISA in use

Weights and data come from integer arithmetic, and NumPy code of "own" layers uses + - * only, so that a hash depends on
nothing but pydl, its compiler and the instruction set.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from pydl import _core, losses, optimizers
from pydl import layers as L

Array = np.ndarray[Any, Any]
PINS = Path(__file__).with_name("pins.json")
BUILT: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {}


def noise(*shape: int, seed: int = 0) -> Array:
    """Numbers in [-0.5, 0.5), the same everywhere."""
    i = np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(seed * 7919)
    z = (i + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((z >> np.uint64(40)).astype(np.float64) / 2.0**24 - 0.5).reshape(shape)


def classes(rows: int, n: int) -> Array:
    return ((noise(rows, seed=3) + 0.5) * n).astype(np.int64)


def pinned(build: Callable[[], tuple[Any, dict[str, Any]]]) -> Callable[[], tuple[Any, dict[str, Any]]]:
    BUILT[build.__name__] = build
    return build


def chain(shape: tuple[int, ...], *layers: Any) -> Any:
    return pydl.Sequential([pydl.Input(shape), *layers])


@pinned
def mlp_adam() -> tuple[Any, dict[str, Any]]:
    model = chain((13,), L.Dense(37, "relu"), L.Dense(21, "gelu"), L.Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model, {"x": noise(150, 13), "y": classes(150, 10), "validation_split": 0.1}


@pinned
def mlp_sgd_float64() -> tuple[Any, dict[str, Any]]:
    pydl.config.set_floatx("float64")
    model = chain((9,), L.Dense(33, "tanh"), L.Dense(5, "silu"), L.Dense(2))
    model.compile(optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.4), "mse", ["mae"])
    return model, {"x": noise(101, 9), "y": noise(101, 2, seed=1)}


@pinned
def norms_dropout_rmsprop() -> tuple[Any, dict[str, Any]]:
    model = chain(
        (17,), L.Dense(40, use_bias=False), L.BatchNormalization(), L.Activation("elu"), L.Dropout(0.3),
        L.Dense(19, "mish"), L.LayerNormalization(), L.Dense(1),
    )  # fmt: skip
    model.compile(optimizers.RMSprop(0.01, momentum=0.5, centered=True, global_clipnorm=0.5), "huber")
    return model, {"x": noise(130, 17), "y": noise(130, 1, seed=1)}


@pinned
def penalties_adamw() -> tuple[Any, dict[str, Any]]:
    model = chain(
        (11,), L.Rescaling(0.5, 0.1), L.Dense(64, "selu", kernel_regularizer="l2", bias_regularizer="l1"),
        L.Dense(3, kernel_regularizer=pydl.regularizers.L1L2(0.01, 0.02)),
    )  # fmt: skip
    model.compile(optimizers.AdamW(0.01, weight_decay=0.02, amsgrad=True, clipvalue=0.05), "mae")
    return model, {"x": noise(99, 11), "y": noise(99, 3, seed=1), "sample_weight": noise(99, seed=5) + 1}


@pinned
def penalties_unclipped() -> tuple[Any, dict[str, Any]]:
    model = chain((11,), L.Dense(65, "softplus", kernel_regularizer="l1l2"), L.Dense(3))
    model.compile(optimizers.SGD(0.02, weight_decay=0.01), "log_cosh")
    return model, {"x": noise(99, 11), "y": noise(99, 3, seed=1)}


@pinned
def graph_two_outputs() -> tuple[Any, dict[str, Any]]:
    a, b = pydl.Input((7,), name="a"), pydl.Input((5,), name="b")
    shared = L.Dense(12, "sigmoid", name="shared")
    h = [shared(L.Dense(9, "relu")(a)), shared(L.Dense(9, "softsign")(b)), L.Dense(12, "tanh")(a)]
    joined = L.Concatenate()([L.Add()(h), L.Multiply()(h), h[0]])
    y1 = L.Dense(4, "softmax", name="one")(joined)
    y2 = L.Dense(1, "exponential", name="two")(L.Dense(6, "leaky_relu")(joined))
    model = pydl.Model([a, b], [y1, y2])
    model.compile("adam", ["categorical_crossentropy", "poisson"], loss_weights=[1.0, 0.3],
                  metrics=[["accuracy"], ["mse"]])  # fmt: skip
    targets = [np.eye(4)[classes(90, 4)], np.floor(4 * (noise(90, 1, seed=2) + 0.5))]
    return model, {"x": [noise(90, 7), noise(90, 5, seed=1)], "y": targets}


@pinned
def embedding() -> tuple[Any, dict[str, Any]]:
    model = chain(
        (6,), L.Embedding(23, 5, embeddings_regularizer="l2"), L.Dense(8, "relu"), L.Flatten(), L.Dense(1, "sigmoid")
    )
    model.compile("rmsprop", "binary_crossentropy", ["accuracy"])
    codes = ((noise(120, 6) + 0.5) * 23).astype(np.int32)
    return model, {"x": codes, "y": (noise(120, 1, seed=4) > 0) * 1.0, "class_weight": {0: 0.7, 1: 1.6}}


class Square(L.Layer):
    """A layer in NumPy, with a weight."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, x: Array) -> Array:
        return x * x * self.factor.numpy()

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        total = np.zeros(x.shape[-1], x.dtype)
        for row in dy * x * x:
            total += row
        self.factor.gradient[...] = total
        return dy * self.factor.numpy() * x * 2


class OwnLoss(losses.Loss):
    def call(self, y_true: Array, y_pred: Array) -> Array:
        return (y_pred - y_true)[..., 0] * (y_pred - y_true)[..., 0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return 2 * (y_pred - y_true)


class OwnStep(optimizers.Optimizer):
    """Momentum in NumPy."""

    @property
    def slots(self) -> tuple[str | None, ...]:
        return ("speed",)

    def update(self, w: Array, g: Array, slots: dict[str, Array], rate: float, t: int) -> None:
        slots["speed"] *= 0.5
        slots["speed"] += g
        w -= rate * slots["speed"]


@pinned
def own_layer_and_loss() -> tuple[Any, dict[str, Any]]:
    model = chain((8,), L.Dense(15, "hard_sigmoid"), Square(), L.Dense(1))
    model.compile("sgd", OwnLoss())
    return model, {"x": noise(70, 8), "y": noise(70, 1, seed=1), "sample_weight": noise(70, seed=5) + 1}


@pinned
def own_optimizer() -> tuple[Any, dict[str, Any]]:
    model = chain((8,), L.Dense(15, "relu", kernel_constraint="non_neg"), L.Dense(1))
    model.compile(OwnStep(0.01, clipnorm=1.0, weight_decay=0.01), "mse")
    return model, {"x": noise(70, 8), "y": noise(70, 1, seed=1)}


@pinned
def rows_of_rows() -> tuple[Any, dict[str, Any]]:
    model = chain((7, 6), L.Dense(18, "tanh"), L.LayerNormalization(), L.BatchNormalization(),
                  L.Dropout(0.2), L.Dense(5, "softmax"))  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy", "sparse_top_k_categorical_accuracy"])
    return model, {"x": noise(60, 7, 6), "y": classes(60 * 7, 5).reshape(60, 7), "sample_weight": noise(60) + 1}


@pinned
def wide_first_layer() -> tuple[Any, dict[str, Any]]:
    model = chain((784,), L.Dense(128, "relu"), L.Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model, {"x": noise(260, 784), "y": classes(260, 10), "batch_size": 64}


@pinned
def beyond_caches() -> tuple[Any, dict[str, Any]]:
    model = chain((1500,), L.Dense(1501, "relu"), L.Dense(1500, "tanh"), L.Dense(1))
    model.compile("adam", "mse")
    return model, {"x": noise(64, 1500), "y": noise(64, 1, seed=1), "epochs": 1}


@pinned
def frozen_and_nested() -> tuple[Any, dict[str, Any]]:
    inner = chain((10,), L.Dense(14, "relu"), L.BatchNormalization(), L.Dense(6, "tanh"))
    inner.layers[1].trainable = False
    fixed = L.Dense(10, trainable=False)
    x = pydl.Input((5,))
    h = fixed(x)
    model = pydl.Model(x, L.Dense(2)(L.Concatenate()([inner(h), inner(L.Dense(10)(h))])))
    model.compile(optimizers.Adam(0.01, global_clipnorm=1.0), "mse", weighted_metrics=["mae"])
    return model, {"x": noise(80, 5), "y": noise(80, 2, seed=1), "sample_weight": noise(80, seed=5) + 1}


@pinned
def schedule_and_many_steps() -> tuple[Any, dict[str, Any]]:
    model = chain((4,), L.Dense(8, "relu"), L.Dense(1))
    rate = optimizers.schedules.ExponentialDecay(0.02, 7, 0.9)
    model.compile(optimizers.Adam(rate), "mse")
    return model, {"x": noise(203, 4), "y": noise(203, 1, seed=1), "batch_size": 8, "epochs": 4}


@pinned
def every_activation() -> tuple[Any, dict[str, Any]]:
    x = pydl.Input((6,))
    names = ["relu", "leaky_relu", "elu", "selu", "gelu", "sigmoid", "tanh", "softplus", "exponential", "softsign",
             "silu", "mish", "hard_sigmoid", "softmax", "log_softmax"]  # fmt: skip
    model = pydl.Model(x, L.Dense(2)(L.Concatenate()([L.Activation(n)(L.Dense(5, n)(x)) for n in names])))
    model.compile("sgd", "mse")
    return model, {"x": noise(50, 6), "y": noise(50, 2, seed=1)}


def one_loss(loss: Any, last: str | None, units: int, y: Array) -> Callable[[], tuple[Any, dict[str, Any]]]:
    def build() -> tuple[Any, dict[str, Any]]:
        model = chain((6,), L.Dense(9, "tanh"), L.Dense(units, last))
        model.compile("adam", loss)
        return model, {"x": noise(50, 6), "y": y, "sample_weight": noise(50, seed=5) + 1}

    return build


ZERO_ONE, SHARES = (noise(50, 3, seed=1) > 0) * 1.0, np.eye(3)[classes(50, 3)]
for _name, _loss, _last, _units, _y in [
    ("msle", "mean_squared_logarithmic_error", "softplus", 3, ZERO_ONE),
    ("hinge", "hinge", None, 3, 2 * ZERO_ONE - 1),
    ("bce_probabilities", losses.BinaryCrossentropy(label_smoothing=0.1), "tanh", 3, ZERO_ONE),
    ("bce_logits", losses.BinaryCrossentropy(from_logits=True), None, 3, ZERO_ONE),
    ("cce_logits", losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), None, 3, SHARES),
    ("sparse_logits", losses.SparseCategoricalCrossentropy(from_logits=True), None, 3, classes(50, 3)),
    ("quantile", losses.Quantile(0.3), None, 3, noise(50, 3, seed=1)),
]:
    BUILT[f"loss_{_name}"] = one_loss(_loss, _last, _units, _y)


def digest(parts: Any) -> str:
    h = hashlib.sha256()
    for part in parts:
        h.update(part if isinstance(part, bytes) else repr(part).encode())
    return h.hexdigest()[:16]


def train(name: str, threads: int) -> dict[str, str]:
    """Hashes of what a model's training leaves."""
    pydl.config.set_num_threads(threads)
    pydl.utils.set_random_seed(11)
    pydl.utils.clear_session()
    try:
        model, data = BUILT[name]()
        model.seed = 12345
        for i, v in enumerate(model.as_made()):
            scale = 2.0 / math.sqrt(v.shape[0])
            v.assign(noise(*v.shape, seed=100 + i) + 1 if v.name.startswith(("moving_v", "gamma", "factor"))
                     else scale * noise(*v.shape, seed=100 + i))  # fmt: skip
        history = model.fit(**{"batch_size": 32, "epochs": 3, "verbose": 0, **data}).history
        outputs = model.predict(data["x"], batch_size=17)
        evaluated = model.evaluate(data["x"], data["y"], batch_size=23, verbose=0, return_dict=True)
        gradients = model.gradients(data["x"], data["y"])
    finally:
        pydl.config.set_floatx("float32")
        pydl.config.set_num_threads(None)
    listed = outputs if isinstance(outputs, list) else [outputs]
    return {
        "weights": digest(v.numpy().tobytes() for v in model.as_made()),
        "slots": digest([model.optimizer.iterations, *(v.numpy().tobytes() for v in model.optimizer.state_variables)]),
        "predictions": digest(y.tobytes() for y in listed),
        "figures": digest(
            [[(k, [float(v).hex() for v in values]) for k, values in sorted(history.items())],
             [(k, float(v).hex()) for k, v in sorted(evaluated.items())]]
        ),
        "gradients": digest(g.tobytes() for g in gradients.values()),
    }  # fmt: skip


def main() -> None:
    hashes = {name: train(name, 1) for name in BUILT}
    if "--store" not in sys.argv:
        print(json.dumps({"isa": _core.isa(), "one": hashes, "two": {name: train(name, 2) for name in BUILT}}))
        return
    stored = json.loads(PINS.read_text()) if PINS.exists() else {}
    stored[_core.isa()] = hashes
    PINS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
