"""Models with data for one batch: every layer, activation and loss, and the shapes graphs come in.

One table of more than 600 lines: what forward, gradient and configuration tests go through is seen in one place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import pydl
from pydl import layers as L
from pydl import losses
from tests.numpy_forward import ACTIVATIONS

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Case:
    """A compiled model with data for one batch."""

    model: Any
    x: Any
    y: Any
    w: Any = None


def draw_weights(model: Any, rng: np.random.Generator) -> None:
    """Weights that are nowhere zero or one, moving variances positive."""
    for v in model.weights:
        v.assign(rng.uniform(0.5, 1.5, v.shape) if v.name == "moving_variance" else rng.normal(0, 0.6, v.shape))


def targets(rng: np.random.Generator, loss: Any, shape: tuple[int, ...]) -> Array:
    """Targets of a loss for outputs of this shape."""
    loss = losses.as_loss(loss)
    if isinstance(loss, losses.GaussianNLL):
        return rng.normal(size=shape[:-1])
    if isinstance(loss, losses.Circle):
        return rng.integers(0, 2, shape[:-1]).astype(np.float64)
    if loss.sparse:
        return rng.integers(0, shape[-1], shape[:-1]).astype(np.float64)
    if isinstance(loss, losses.CategoricalCrossentropy | losses.CategoricalFocalCrossentropy | losses.KLDivergence):
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    if isinstance(loss, losses.BinaryCrossentropy | losses.BinaryFocalCrossentropy | losses.Dice | losses.Tversky):
        return rng.random(shape)
    if isinstance(loss, losses.CategoricalHinge):
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    if isinstance(loss, losses.Poisson | losses.MeanSquaredLogarithmicError):
        return rng.poisson(1.5, shape).astype(np.float64)
    if isinstance(loss, losses.Hinge | losses.SquaredHinge):
        return rng.choice([-1.0, 1.0], shape)
    return rng.normal(size=shape)


def inputs(rng: np.random.Generator, shape: tuple[int, ...], codes: int | None) -> Any:
    """Data for one input: codes where it wants them."""
    return rng.normal(size=shape) if codes is None else rng.integers(0, codes, shape)


def case(
    model: Any, loss: Any = "mse", *, batch: int = 5, weighted: bool = False, loss_weights: Any = None,
    metrics: Any = None, positive: bool = False,
) -> Case:  # fmt: skip
    given = [one if isinstance(one, str) else type(one).__name__ for one in loss] if isinstance(loss, list) else loss
    known = given if isinstance(given, str | list) else type(given).__name__  # an object's repr is another each time
    rng = np.random.default_rng(zlib.crc32(repr((known, batch, len(model.weights))).encode()))
    draw_weights(model, rng)
    # a rate of 0: train_on_batch then gives the loss of the training mode and changes no weight
    model.compile(pydl.optimizers.SGD(0.0), loss, metrics=metrics, loss_weights=loss_weights)
    x = [inputs(rng, (batch, *t.shape[1:]), n) for t, n in zip(model.inputs, model.input_codes, strict=True)]
    chosen = loss if isinstance(loss, list) else [loss] * len(model.outputs)
    y = [targets(rng, c, (batch, *t.shape[1:])) for c, t in zip(chosen, model.outputs, strict=True)]
    w = [rng.uniform(0.2, 2, batch) for _ in y] if weighted else None
    one = len(model.outputs) == 1
    return Case(model, x[0] if len(x) == 1 else x, y[0] if one else y, w and (w[0] if one else w))


def chain(*layers: Any, shape: tuple[int, ...] = (6,), **options: Any) -> Callable[[], Case]:
    """The case of a Sequential; layers are given as functions that make them."""
    return lambda: case(pydl.Sequential([pydl.Input(shape), *(make() for make in layers)]), **options)


def graph(build: Callable[[], tuple[Any, Any]], **options: Any) -> Callable[[], Case]:
    return lambda: case(pydl.Model(*build()), **options)


def embedding(codes: int, width: int, **options: Any) -> Callable[[], Any]:
    return lambda: L.Embedding(codes, width, **options)


def dense(units: int, activation: Any = None, **options: Any) -> Callable[[], Any]:
    return lambda: L.Dense(units, activation, **options)


class Scale(L.Layer):
    """The layer of the docstring of Layer, on rows of any rank."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, x: Array) -> Array:
        return x * self.factor.numpy()

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        self.factor.gradient[...] = (dy * x).sum(axis=tuple(range(x.ndim - 1)))
        return dy * self.factor.numpy()


class LessSine(L.Layer):
    """Two inputs, two gradients."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape[0])

    def call(self, a: Array, b: Array) -> Array:
        return a - np.sin(b)

    def backward(self, a: Array, b: Array, y: Array, dy: Array) -> Any:
        return dy, -dy * np.cos(b)


class Noisy(L.Layer):
    """Behaves differently in training."""

    def call(self, x: Array, training: bool = False) -> Array:
        return 2 * x if training else x

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return 2 * dy


class OwnLogCosh(losses.Loss):
    """A loss in NumPy: the mean of log(cosh(y - t))."""

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return np.log(np.cosh(y_pred - y_true)).mean(axis=-1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return np.tanh(y_pred - y_true) / y_pred.shape[-1]


# -- graphs ---------------------------------------------------------------------------------------------------------


def merged(merge: Callable[[], Any]) -> Callable[[], tuple[Any, Any]]:
    def build() -> tuple[Any, Any]:
        a, b = pydl.Input((4,)), pydl.Input((3,))
        h = [L.Dense(5, "tanh")(a), L.Dense(5)(b), L.Dense(5, "sigmoid")(a)]
        return [a, b], L.Dense(2)(merge()(h))

    return build


def several_consumers() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    h = L.Dense(5, "gelu")(x)
    joined = L.Concatenate()([L.Dense(3, "tanh")(h), h, L.Dense(2)(h)])
    return x, L.Dense(2)(L.Multiply()([joined, joined]))


def added_to_itself() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    h = L.Dense(5, "softplus")(x)
    return x, L.Dense(2)(L.Add()([h, h, L.Dense(5)(h)]))


def residual() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    h = L.Dense(6)(x)
    for _ in range(2):
        inner = L.Dense(6)(L.Dense(7, "silu")(L.LayerNormalization()(h)))
        h = L.Add()([h, inner])
    return x, L.Dense(1)(h)


def two_outputs() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    h = L.Dense(5, "tanh")(x)
    return x, [L.Dense(3, "softmax")(h), L.Dense(2)(h)]


def consumed_output() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    probabilities = L.Dense(3, "softmax")(x)
    return x, [probabilities, L.Dense(1, "sigmoid")(probabilities)]


def same_output_twice() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    y = L.Dense(3, "sigmoid")(x)
    return x, [y, y]


def shared_layer() -> tuple[Any, Any]:
    a, b = pydl.Input((4,)), pydl.Input((4,))
    tower, norm = L.Dense(5, "tanh"), L.LayerNormalization()
    return [a, b], L.Dense(1)(L.Concatenate()([norm(tower(a)), norm(tower(b))]))


def shared_in_a_row() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    again = L.Dense(4, "tanh")
    return x, L.Dense(2)(again(again(again(x))))


def inner_model(*layers: Any, shape: tuple[int, ...] = (4,)) -> Any:
    return pydl.Sequential([pydl.Input(shape), *layers])


def shared_model() -> tuple[Any, Any]:
    a, b = pydl.Input((4,)), pydl.Input((4,))
    tower = inner_model(L.Dense(5, "mish"), L.BatchNormalization(), L.Dense(3))
    return [a, b], L.Dense(1)(L.Multiply()([tower(a), tower(b)]))


def model_as_last_layer() -> tuple[Any, Any]:
    """The loss takes on the last sigmoid, and only that."""
    x = pydl.Input((4,))
    return x, inner_model(L.Dense(5, "sigmoid"), L.Dense(1, "sigmoid"))(x)


def model_of_models() -> tuple[Any, Any]:
    x = pydl.Input((4,))
    inner = inner_model(L.Dense(3, "tanh"))
    return x, L.Dense(2)(inner_model(inner, L.Dense(3, "elu"), shape=(4,))(x))


def custom_layers() -> tuple[Any, Any]:
    x = pydl.Input((3, 4))
    scale = Scale()
    h = scale(L.Dense(4, "tanh")(scale(x)))
    return x, Noisy()(L.Dense(2)(LessSine()([h, L.Dense(4)(h)])))


def towers_of_different_rank() -> tuple[Any, Any]:
    x, z = pydl.Input((3, 4)), pydl.Input((6,))
    h = L.Dense(2, "softmax")(x)
    return [x, z], L.Dense(3)(L.Add()([L.Flatten()(h), L.Rescaling(0.5, 1.0)(L.Dense(6)(z))]))


def columns_and_codes() -> tuple[Any, Any]:
    """What a table of data gives: numbers, and a code per row for each category."""
    x, a, b = pydl.Input((4,)), pydl.Input(()), pydl.Input((1,))
    parts = [x, L.Embedding(7, 3)(a), L.Flatten()(L.Embedding(5, 2)(b))]
    return [x, a, b], L.Dense(2)(L.Dense(6, "tanh")(L.Concatenate()(parts)))


def shared_embedding() -> tuple[Any, Any]:
    a, b = pydl.Input((3,)), pydl.Input((2,))
    table = L.Embedding(4, 3)
    joined = table(L.Reshape((5,))(L.Concatenate()([a, b])))
    return [a, b], L.Dense(2)(L.Flatten()(L.Concatenate()([joined, table(L.Concatenate()([b, a]))])))


def embedding_in_a_model() -> tuple[Any, Any]:
    x = pydl.Input((3,))
    inner = inner_model(L.Embedding(6, 4), L.Flatten(), L.Dense(3, "tanh"), shape=(3,))
    return x, L.Dense(2)(L.Concatenate()([inner(x), x]))


def pooled_and_read() -> tuple[Any, Any]:
    """Gradients that are added to others."""
    x = pydl.Input((4, 4, 2))
    h = L.Dense(3, "tanh")(x)
    pooled = L.Add()([L.MaxPooling2D()(h), L.AveragePooling2D(2)(h), L.MaxPooling2D(3, 2, "same")(h)])
    again = L.Add()([h, L.UpSampling2D()(pooled), L.Cropping2D(1)(L.ZeroPadding2D(1)(h))])
    means = [L.GlobalMaxPooling2D()(again), L.GlobalAveragePooling2D()(again), L.Flatten()(L.Cropping2D(1)(again))]
    return x, L.Dense(2)(L.Concatenate()(means))


def pooled_activations() -> tuple[Any, Any]:
    """Derivatives that are applied to what was picked, also with overlap; few windows, as near ties are kinks."""
    x = pydl.Input((4, 4, 1))
    h = L.Conv2D(2, 3, padding="same", activation="tanh")(x)
    h = L.Conv2D(2, 3, padding="same", activation="sigmoid")(L.MaxPooling2D(2, 1)(h))
    h = L.Dropout(0.2)(L.MaxPooling2D(3, 2, "same")(h))
    return x, L.Dense(2)(L.Flatten()(L.Dense(3, "tanh")(h)))


def of_different_shapes(merge: Callable[[], Any]) -> Callable[[], tuple[Any, Any]]:
    """Axes of size 1, and one that is missing."""

    def build() -> tuple[Any, Any]:
        x = pydl.Input((3, 4))
        wide, one = L.Dense(5, "tanh")(x), L.Dense(1)(x)
        row = L.Dense(5)(L.Flatten()(x))
        return x, L.Dense(2)(merge()([one, wide, row] if merge is not L.Subtract else [one, row]))

    return build


def dotted(axes: Any, left: Any = (), right: Any = (), **options: Any) -> Callable[[], tuple[Any, Any]]:
    """A Dot of two tensors of these shapes of a row."""

    def build() -> tuple[Any, Any]:
        x = pydl.Input((4,))
        one, other = (L.Reshape(s)(L.Dense(int(np.prod(s)), "tanh")(x)) for s in (left, right))
        return x, L.Dot(axes, **options)([one, other])

    return build


def joined(axis: int) -> Callable[[], tuple[Any, Any]]:
    def build() -> tuple[Any, Any]:
        x = pydl.Input((2, 3, 4))
        h = L.Dense(4, "tanh")(x)
        return x, L.Dense(2)(L.Concatenate(axis)([x, h, L.Dense(4)(h)]))

    return build


def maxima_of_one() -> tuple[Any, Any]:
    """Among the inputs, the same twice: they share the gradient."""
    x = pydl.Input((4,))
    h = L.Dense(5)(x)
    return x, [L.Maximum()([h, L.Dense(5)(x), h]), L.Minimum()([h, h, L.Dense(5)(x)])]


def penalised() -> tuple[Any, Any]:
    """Penalties of outputs: in the middle, before a view, at the end, of a layer used twice, in a model within."""
    x = pydl.Input((4,))
    inner = inner_model(L.Dense(4, "relu", activity_regularizer="l2"), L.ActivityRegularization(0.1, 0.2))
    h = L.Dense(4, "tanh", activity_regularizer=pydl.regularizers.L1L2(0.3, 0.4))(inner(x))
    twice = L.Activation("sigmoid", activity_regularizer="l1")
    h = L.Flatten()(twice(L.Dense(4)(twice(h))))
    return x, L.Dense(3, "softmax", activity_regularizer="l2")(h)


def shared_convolution() -> tuple[Any, Any]:
    """A kernel used twice, and its output added to what is not positions."""
    x = pydl.Input((4, 5, 2))
    again = L.Conv2D(2, 3, padding="same", activation="tanh")
    return x, L.Dense(2)(L.Add()([L.Flatten()(again(again(x))), L.Dense(40)(L.Flatten()(x))]))


def shared_depthwise() -> tuple[Any, Any]:
    """Kernels used twice, of an input that other records read as well."""
    x = pydl.Input((4, 5, 2))
    h = L.Dense(2, "tanh")(x)
    again, twice = L.DepthwiseConv2D(3, padding="same", activation="tanh"), L.SeparableConv2D(2, 2, 1, "same")
    return x, L.Add()([again(again(h)), twice(twice(h)), L.DepthwiseConv2D(1, depth_multiplier=1)(h)])


CHANNELWISE: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "DepthwiseConv1D": (lambda: L.DepthwiseConv1D(3, activation="relu"), (7, 2)),
    "DepthwiseConv1D same": (lambda: L.DepthwiseConv1D(4, 2, "same", depth_multiplier=3, activation="gelu"), (5, 3)),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D((2, 3), activation="tanh"), (5, 4, 2)),
    "DepthwiseConv2D same": (lambda: L.DepthwiseConv2D(3, padding="same", activation="silu"), (4, 3, 9)),
    "DepthwiseConv2D with strides": (lambda: L.DepthwiseConv2D(3, (2, 3), "same", use_bias=False), (5, 6, 2)),
    "DepthwiseConv2D with strides and holes": (
        lambda: L.DepthwiseConv2D(2, 2, dilation_rate=(3, 2), depth_multiplier=2, activation="softmax"), (8, 7, 2),
    ),
    "DepthwiseConv2D with strides beyond its kernel": (lambda: L.DepthwiseConv2D(2, (3, 4)), (5, 6, 2)),
    "DepthwiseConv2D larger than the image": (lambda: L.DepthwiseConv2D(5, padding="same"), (2, 3, 2)),
    "SeparableConv1D": (lambda: L.SeparableConv1D(3, 3, 2, depth_multiplier=2, activation="relu"), (7, 2)),
    "SeparableConv2D": (lambda: L.SeparableConv2D(3, (2, 3), activation="tanh", padding="same"), (5, 4, 2)),
    "SeparableConv2D, softmax": (lambda: L.SeparableConv2D(4, 2, 2, use_bias=False, activation="softmax"), (4, 5, 3)),
}  # fmt: skip

CONVOLUTIONS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "Conv1D": (lambda: L.Conv1D(3, 3, activation="relu"), (7, 2)),
    "Conv1D of few steps": (lambda: L.Conv1D(2, 4, 2, "same", activation="gelu"), (3, 3)),
    "Conv1D causal": (lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2, groups=2), (5, 4)),
    "Conv2D": (lambda: L.Conv2D(3, (2, 3), activation="tanh"), (5, 4, 2)),
    "Conv2D same": (lambda: L.Conv2D(5, 3, padding="same", activation="silu"), (4, 3, 3)),
    "Conv2D with strides": (lambda: L.Conv2D(3, 3, (2, 3), "same", use_bias=False), (5, 6, 2)),
    "Conv2D with strides beyond its kernel": (lambda: L.Conv2D(2, 2, (3, 4)), (5, 6, 2)),
    "Conv2D of one pixel": (lambda: L.Conv2D(4, 1, 2, activation="softmax"), (3, 4, 3)),
    "Conv2D with holes": (lambda: L.Conv2D(2, 2, padding="same", dilation_rate=(2, 3)), (4, 5, 3)),
    "Conv2D in groups": (lambda: L.Conv2D(6, (3, 2), (1, 2), "same", groups=3, activation="elu"), (3, 5, 6)),
    "Conv2D larger than the image": (lambda: L.Conv2D(2, 5, padding="same"), (2, 3, 2)),
    "Conv1DTranspose": (lambda: L.Conv1DTranspose(3, 3, 2, activation="tanh"), (4, 2)),
    "Conv1DTranspose same": (lambda: L.Conv1DTranspose(2, 2, 3, "same", output_padding=1), (3, 3)),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(3, (2, 4), (3, 2), activation="gelu"), (2, 3, 2)),
    "Conv2DTranspose same": (lambda: L.Conv2DTranspose(2, 3, 2, "same", activation="relu"), (3, 2, 3)),
    "Conv2DTranspose with holes": (lambda: L.Conv2DTranspose(2, 2, dilation_rate=(2, 1), use_bias=False), (2, 3, 2)),
}  # fmt: skip

# -- the table --------------------------------------------------------------------------------------------------------

FUSED = {
    "bce": ("sigmoid", losses.BinaryCrossentropy),
    "cce": ("softmax", losses.CategoricalCrossentropy),
    "sparse_cce": ("softmax", losses.SparseCategoricalCrossentropy),
    "focal bce": ("sigmoid", partial(losses.BinaryFocalCrossentropy, True, 0.3)),
    "focal cce": ("softmax", losses.CategoricalFocalCrossentropy),
}


def loss_cases() -> dict[str, Callable[[], Case]]:
    cases: dict[str, Callable[[], Case]] = {}
    for name, (activation, cls) in FUSED.items():
        last: dict[str, list[Any]] = {
            "in dense": [dense(3, activation)],
            "as a layer": [dense(3), lambda activation=activation: L.Activation(activation)],
            "not fused": [dense(3, activation), L.Flatten],
        }
        for where, made in last.items():
            for weighted in (False, True):
                cases[f"{name}, {where}, weighted {weighted}"] = chain(
                    dense(4, "tanh"), *made, loss=cls(), weighted=weighted, metrics=["accuracy"]
                )
        cases[f"{name} from logits"] = chain(dense(4, "tanh"), dense(3), loss=cls(from_logits=True), weighted=True)
        cases[f"{name} of sequences"] = chain(dense(3, activation), shape=(2, 4), loss=cls(), weighted=True)
        cases[f"{name} of sequences, not fused"] = chain(
            dense(3, activation), lambda: L.Reshape((2, 3)), shape=(2, 4), loss=cls(), weighted=True
        )
        if name != "sparse_cce":
            for where, made in last.items():
                cases[f"{name} smoothed, {where}"] = chain(dense(4), *made, loss=cls(label_smoothing=0.1))
    for name in ("mse", "mae"):
        for weighted in (False, True):
            cases[f"{name}, weighted {weighted}"] = chain(dense(4, "tanh"), dense(3), loss=name, weighted=weighted)
        cases[f"{name} of a relu"] = chain(dense(4, "tanh"), dense(5, "relu"), loss=name)
        cases[f"{name} of a softmax"] = chain(dense(4, "tanh"), dense(5, "softmax"), loss=name)
    plain = (
        losses.Huber(0.5), losses.LogCosh(), losses.Quantile(0.9), losses.Hinge(), losses.SquaredHinge(),
        losses.CategoricalHinge(), losses.CosineSimilarity(), losses.MeanAbsolutePercentageError(),
    )  # fmt: skip
    for loss in plain:
        cases[f"{loss.name}"] = chain(dense(4, "tanh"), dense(3), loss=loss, weighted=True)
    for name in ("poisson", "msle"):
        cases[name] = chain(dense(4, "tanh"), dense(3, "softplus"), loss=name, weighted=True)
    for loss in (losses.KLDivergence(), losses.CategoricalGeneralizedCrossEntropy(0.7)):
        cases[f"{loss.name}"] = chain(dense(4, "tanh"), dense(3, "softmax"), loss=loss, weighted=True)
    cases["gaussian"] = chain(dense(4, "tanh"), dense(2), loss=losses.GaussianNLL(), weighted=True)
    cases["gaussian of sequences"] = chain(dense(2), shape=(3, 4), loss=losses.GaussianNLL(), weighted=True)
    for loss in (losses.Dice(axis=-1), losses.Tversky(0.3, 0.6, axis=(1,))):
        cases[f"{loss.name} by row"] = chain(dense(4, "tanh"), dense(3, "sigmoid"), loss=loss, weighted=True)
    cases["another axis"] = chain(dense(3), shape=(4, 5), loss=losses.CosineSimilarity(axis=1), weighted=True)
    cases["sum"] = chain(dense(4, "tanh"), dense(3), loss=losses.MeanSquaredError(reduction="sum"), weighted=True)
    cases["custom loss"] = chain(dense(4, "tanh"), dense(3), loss=OwnLogCosh(), weighted=True)
    cases["custom loss of sequences"] = chain(dense(3, "tanh"), shape=(2, 4), loss=OwnLogCosh(), weighted=True)
    return cases


CASES: dict[str, Callable[[], Case]] = {
    **{f"{a} in dense": chain(dense(5, a), dense(3)) for a in ACTIVATIONS},
    **{f"{a} as a layer": chain(dense(5), lambda a=a: L.Activation(a), dense(3)) for a in ACTIVATIONS},
    "leaky_relu of another slope": chain(dense(5, {"class_name": "leaky_relu", "config": {"alpha": 0.3}}), dense(3)),
    **loss_cases(),
    "without bias": chain(dense(5, "tanh", use_bias=False), dense(3, use_bias=False)),
    "one of everything": chain(dense(1, "tanh"), dense(1), shape=(1,), batch=1),
    "batch of one": chain(dense(7, "gelu"), dense(3, "softmax"), loss="categorical_crossentropy", batch=1),
    "odd sizes": chain(dense(33, "tanh"), dense(17, "relu"), dense(5), shape=(19,), batch=13),
    "more rows than a block": chain(dense(3, "tanh"), dense(2), shape=(3,), batch=301),
    "rank 3": chain(dense(5, "gelu"), dense(2), shape=(3, 4)),
    "rank 4, softmax within": chain(dense(3, "softmax"), L.Flatten, dense(2), shape=(2, 2, 3)),
    "reshaped": chain(dense(6, "tanh"), lambda: L.Reshape((3, -1)), dense(4, "elu"), L.Flatten, dense(2)),
    "rescaled": chain(dense(4), lambda: L.Rescaling(0.3, 2.0), dense(2), lambda: L.Rescaling(3.0)),
    "rescaled by arrays": chain(
        dense(6),
        lambda: L.Rescaling([0.3, -2, 1, 5, 0.1, 4], 2.0),
        lambda: L.Reshape((3, 2)),
        lambda: L.Rescaling([[0.5], [2], [-1]], [1.0, 3.0]),
        lambda: L.Rescaling(-3.0, [1.0, 2.0]),
    ),
    "batch normalization": chain(dense(5), L.BatchNormalization, lambda: L.Activation("relu"), dense(2), batch=9),
    "batch normalization of sequences": chain(dense(5, "tanh"), L.BatchNormalization, dense(2), shape=(3, 4)),
    "batch normalization of images": chain(
        dense(5),
        L.BatchNormalization,
        lambda: L.Activation("gelu"),
        dense(9),
        L.BatchNormalization,
        L.ReLU,
        L.Flatten,
        dense(2),
        shape=(3, 4, 2),
        batch=4,
    ),
    "batch normalization of images, first and last": chain(
        L.BatchNormalization,
        dense(3),
        lambda: L.BatchNormalization(center=False),
        L.Flatten,
        dense(20),
        lambda: L.Reshape((2, 10)),
        lambda: L.BatchNormalization(scale=False),
        shape=(3, 4, 2),
        batch=4,
    ),
    "batch normalization of another axis": chain(
        dense(3), lambda: L.BatchNormalization(1), dense(4), lambda: L.BatchNormalization(-2), shape=(3, 4, 2), batch=4
    ),
    "batch normalization of steps": chain(dense(5, "tanh"), lambda: L.BatchNormalization(axis=1), shape=(3, 4)),
    "frozen batch normalization of images": chain(
        dense(3),
        lambda: L.BatchNormalization(trainable=False),
        dense(2),
        shape=(3, 4, 2),
    ),
    "batch normalization first": chain(L.BatchNormalization, dense(2)),
    "batch normalization last": chain(dense(3), L.BatchNormalization),
    "plain batch normalization": chain(
        dense(5), lambda: L.BatchNormalization(center=False, scale=False), dense(2), batch=8
    ),
    "layer normalization": chain(dense(5, "relu"), L.LayerNormalization, dense(2)),
    "layer normalization of sequences": chain(dense(5), L.LayerNormalization, dense(2), shape=(3, 4)),
    "layer normalization over two axes": chain(
        dense(5), lambda: L.LayerNormalization(axis=[-1, 1]), dense(2), shape=(3, 4)
    ),
    "layer normalization over the first axes": chain(
        dense(5), lambda: L.LayerNormalization(axis=(1, 2)), dense(2), shape=(3, 2, 4)
    ),
    "layer normalization, gamma only": chain(dense(5), lambda: L.LayerNormalization(center=False), dense(2)),
    "dropout": chain(dense(9, "tanh"), lambda: L.Dropout(0.4), dense(7), lambda: L.Dropout(0.2), dense(2)),
    "dropout first and last": chain(lambda: L.Dropout(0.3), dense(4, "sigmoid"), lambda: L.Dropout(0.3)),
    "embedding": chain(embedding(7, 5), dense(3), shape=()),
    "embedding of sequences": chain(embedding(5, 4), dense(3, "tanh"), L.Flatten, dense(2), batch=9),
    "embedding of one code": chain(embedding(1, 1), dense(2), shape=(1,)),
    "wide embedding last": chain(embedding(3, 70), shape=(2, 2), batch=4),
    "embedding with regularizer": chain(embedding(9, 3, embeddings_regularizer="l2"), L.Flatten, dense(2)),
    "columns and codes": graph(columns_and_codes, batch=8),
    "a shared embedding": graph(shared_embedding, batch=6),
    "embedding in a model": graph(embedding_in_a_model),
    "regularizers": chain(
        dense(5, "tanh", kernel_regularizer=pydl.regularizers.L1L2(0.01, 0.02), bias_regularizer="l2"),
        dense(33, kernel_regularizer="l2"),
        lambda: L.LayerNormalization(gamma_regularizer="l1", beta_regularizer="l2"),
        dense(2),
    ),
    **{
        f"merged by {m.__name__}": graph(merged(m))  # type: ignore[attr-defined]
        for m in (L.Add, L.Multiply, L.Concatenate)
    },
    "several consumers": graph(several_consumers),
    "added to itself": graph(added_to_itself),
    "residual": graph(residual),
    "two outputs": graph(two_outputs, loss=["categorical_crossentropy", "mse"], loss_weights=[0.3, 2.0], weighted=True),
    "an output that is consumed": graph(
        consumed_output, loss=["sparse_categorical_crossentropy", "binary_crossentropy"]
    ),
    "the same output twice": graph(same_output_twice, loss=["mse", "binary_crossentropy"]),
    "shared layers": graph(shared_layer),
    "a layer three times in a row": graph(shared_in_a_row),
    "a shared model": graph(shared_model, batch=7),
    "a model as the last layer": graph(model_as_last_layer, loss="binary_crossentropy"),
    "models in models": graph(model_of_models),
    "custom layers": graph(custom_layers),
    **{
        f"layer of {name}": chain(dense(5), make, dense(3))
        for name, make in {
            "ReLU": L.ReLU,
            "ReLU with slope": lambda: L.ReLU(negative_slope=0.3),
            "ReLU with maximum": lambda: L.ReLU(0.7),
            "ReLU with everything": lambda: L.ReLU(0.8, 0.2, 0.1),
            "LeakyReLU": L.LeakyReLU,
            "ELU": lambda: L.ELU(0.7),
            "PReLU": L.PReLU,
            "Softmax": L.Softmax,
            "Parametric": lambda: L.Parametric("multiply", (5,), initializer="he_normal"),
            "Parametric on the left": lambda: L.Parametric("subtract", (1, 5), True, "ones"),
            "Identity": L.Identity,
            "RMSNormalization": L.RMSNormalization,
            "UnitNormalization": L.UnitNormalization,
            "GroupNormalization": lambda: L.GroupNormalization(1),
            "GaussianNoise": lambda: L.GaussianNoise(0.5),
            "GaussianDropout": lambda: L.GaussianDropout(0.4, seed=3),
            "AlphaDropout": lambda: L.AlphaDropout(0.3),
            "seeded Dropout": lambda: L.Dropout(0.3, seed=5),
        }.items()
    },
    **{
        f"layer of {name} on sequences": chain(dense(6, "tanh"), make, dense(2), shape=(4, 5))
        for name, make in {
            "PReLU": L.PReLU,
            "PReLU over steps": lambda: L.PReLU(shared_axes=[1]),
            "PReLU over features": lambda: L.PReLU(shared_axes=[2]),
            "Softmax over steps": lambda: L.Softmax(1),
            "Softmax over both": lambda: L.Softmax([1, 2]),
            "RMSNormalization": L.RMSNormalization,
            "RMSNormalization of both": lambda: L.RMSNormalization([1, 2]),
            "UnitNormalization over steps": lambda: L.UnitNormalization(1),
            "GroupNormalization": lambda: L.GroupNormalization(3),
            "GroupNormalization of steps": lambda: L.GroupNormalization(-1, axis=1, scale=False),
            "SpatialDropout1D": lambda: L.SpatialDropout1D(0.4),
            "AlphaDropout of steps": lambda: L.AlphaDropout(0.4, (None, None, 1)),
            "Permute": lambda: L.Permute((2, 1)),
            "EinsumDense": lambda: L.EinsumDense("abc,cd->abd", (None, 3), "tanh", bias_axes="d"),
            "EinsumDense over steps": lambda: L.EinsumDense("abc,bd->adc", (3, None), bias_axes="dc"),
            "EinsumDense of the rest": lambda: L.EinsumDense("...x,xyz->...yz", (2, 3), "softmax"),
        }.items()
    },
    **{
        f"layer of {name}": chain(dense(shape[-1], "tanh"), make, dense(2), shape=shape, batch=3)
        for name, (make, shape) in (CONVOLUTIONS | CHANNELWISE).items()
    },
    "shared depthwise convolution": graph(shared_depthwise),
    "depthwise convolution first": chain(
        lambda: L.DepthwiseConv2D(2, depth_multiplier=2),
        L.BatchNormalization,
        L.ReLU,
        lambda: L.SeparableConv2D(2, 2),
        L.BatchNormalization,
        lambda: L.Activation("tanh"),
        shape=(4, 4, 2),
    ),
    "convolutions in a row": chain(
        lambda: L.Conv2D(3, 3, padding="same", activation="tanh"),
        lambda: L.Conv2D(2, 2, 2, activation="sigmoid"),
        L.Flatten,
        dense(3, "softmax"),
        shape=(5, 6, 2),
        loss="categorical_crossentropy",
        weighted=True,
    ),
    "shared convolution": graph(shared_convolution),
    "convolution as output": chain(
        lambda: L.Conv2D(3, 2, activation="softmax"), shape=(3, 4, 2), loss="categorical_crossentropy"
    ),
    **{
        f"pictures by {name}": chain(dense(3, "tanh"), make, L.Flatten, dense(2), shape=(5, 6, 2))
        for name, make in {
            "RandomFlip": L.RandomFlip,
            "RandomFlip of columns": lambda: L.RandomFlip("horizontal", seed=3),
            "RandomCrop": lambda: L.RandomCrop(3, 4),
            "RandomCrop of one axis": lambda: L.RandomCrop(5, 3),
            "RandomTranslation": lambda: L.RandomTranslation(0.4, 0.3, "constant", fill_value=0.7),
            "RandomRotation": lambda: L.RandomRotation(0.3, seed=4),
            "RandomZoom": lambda: L.RandomZoom(0.4, 0.2, "nearest"),
            "RandomZoom that keeps the aspect": lambda: L.RandomZoom((0.1, 0.4), None, "wrap"),
            "CenterCrop": lambda: L.CenterCrop(2, 3),
            "Resizing to more": lambda: L.Resizing(8, 7),
            "Resizing to less": lambda: L.Resizing(2, 4),
        }.items()
    },
    "contrast and brightness of pictures": chain(
        lambda: L.RandomContrast(0.4, (-2, 2)),
        lambda: L.RandomBrightness(0.2, (-2, 2), seed=1),
        L.Flatten,
        dense(2),
        shape=(4, 5, 3),
    ),
    **{
        f"{name} on positions": chain(dense(3, "tanh"), make, dense(2), shape=shape)
        for name, make, shape in (
            ("Cropping1D", lambda: L.Cropping1D((1, 2)), (5, 2)),
            ("Cropping2D", lambda: L.Cropping2D(((1, 0), (0, 2))), (3, 4, 2)),
            ("Cropping3D", lambda: L.Cropping3D(1, "channels_first"), (2, 3, 4, 3)),
            ("ZeroPadding1D", lambda: L.ZeroPadding1D((0, 2)), (2, 3)),
            ("ZeroPadding2D", lambda: L.ZeroPadding2D((1, 2), "channels_first"), (2, 3, 2)),
            ("ZeroPadding3D", L.ZeroPadding3D, (1, 2, 1, 2)),
            ("UpSampling1D", lambda: L.UpSampling1D(3), (2, 4)),
            ("UpSampling2D", lambda: L.UpSampling2D((1, 2)), (2, 3, 4)),
            ("UpSampling3D", lambda: L.UpSampling3D(2, "channels_first"), (2, 2, 2, 2)),
        )
    },
    **{
        f"{name} of channels": chain(dense(channels, "tanh"), make, dense(2), shape=shape, batch=batch)
        for name, make, shape, channels, batch in (
            ("MaxPooling1D", L.MaxPooling1D, (5, 2), 3, 5),
            ("MaxPooling1D with overlap", lambda: L.MaxPooling1D(3, 1, "same"), (4, 2), 1, 5),
            ("MaxPooling2D", L.MaxPooling2D, (4, 5, 2), 3, 3),
            ("MaxPooling2D with overlap", lambda: L.MaxPooling2D((3, 2), (2, 1), "same"), (5, 4, 2), 9, 2),
            ("AveragePooling1D", lambda: L.AveragePooling1D(2), (5, 2), 3, 5),
            ("AveragePooling2D", lambda: L.AveragePooling2D((2, 3)), (4, 6, 2), 5, 3),
            ("AveragePooling2D with overlap", lambda: L.AveragePooling2D(3, 2, "same"), (4, 5, 2), 3, 3),
            ("GlobalMaxPooling1D", L.GlobalMaxPooling1D, (300, 1), 2, 3),  # more taps than a byte has numbers
            ("GlobalMaxPooling2D", lambda: L.GlobalMaxPooling2D(keepdims=True), (3, 2, 2), 3, 4),
            ("GlobalAveragePooling1D", L.GlobalAveragePooling1D, (4, 3), 5, 3),
            ("GlobalAveragePooling2D", lambda: L.GlobalAveragePooling2D(keepdims=True), (3, 2, 2), 3, 4),
            ("GlobalMaxPooling3D", L.GlobalMaxPooling3D, (2, 3, 2, 2), 3, 3),
            ("GlobalAveragePooling3D", lambda: L.GlobalAveragePooling3D(keepdims=True), (2, 3, 2, 2), 3, 3),
            ("AdaptiveAveragePooling1D", lambda: L.AdaptiveAveragePooling1D(3), (5, 2), 3, 4),
            ("AdaptiveAveragePooling2D", lambda: L.AdaptiveAveragePooling2D((2, 3)), (3, 5, 2), 3, 2),
            ("AdaptiveMaxPooling1D", lambda: L.AdaptiveMaxPooling1D(3, "channels_first"), (2, 5), 4, 4),
            ("AdaptiveMaxPooling2D", lambda: L.AdaptiveMaxPooling2D((2, 3)), (3, 5, 2), 3, 2),
            ("AdaptiveMaxPooling3D", lambda: L.AdaptiveMaxPooling3D(2), (3, 2, 3, 2), 2, 2),
            ("ZeroPadding2D", lambda: L.ZeroPadding2D(((1, 0), (2, 1))), (2, 3, 2), 3, 3),
            ("UpSampling2D", lambda: L.UpSampling2D(2), (2, 3, 2), 9, 2),
            ("UpSampling2D, bilinear", lambda: L.UpSampling2D((2, 3), interpolation="bilinear"), (3, 2, 2), 3, 2),
            ("UpSampling2D, in front", lambda: L.UpSampling2D(2, "channels_first", "bilinear"), (2, 3, 2), 3, 2),
            ("SpatialDropout2D", lambda: L.SpatialDropout2D(0.4, seed=3), (2, 3, 2), 5, 4),
        )
    },
    "a pooled tensor that others read": graph(pooled_and_read),
    "pooled activations": graph(pooled_activations),
    "repeated": chain(dense(5), lambda: L.RepeatVector(3), dense(2)),
    "einsum with a softmax last": chain(
        lambda: L.EinsumDense("ab,bc->ac", 3, "softmax", bias_axes="c"), loss="categorical_crossentropy"
    ),
    "softmax layer with its loss": chain(dense(3), L.Softmax, loss="categorical_crossentropy"),
    **{f"merged by {m.__name__}": graph(merged(m)) for m in (L.Average, L.Maximum, L.Minimum)},  # type: ignore[attr-defined]
    **{
        f"{m.__name__} of different shapes": graph(of_different_shapes(m))  # type: ignore[attr-defined]
        for m in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)
    },
    "merged by Subtract": graph(merged(lambda: lambda h: L.Subtract()(h[:2]))),
    **{f"joined along axis {axis}": graph(joined(axis)) for axis in (1, 2, -1)},
    "maxima of one tensor": graph(maxima_of_one),
    "dot": graph(dotted(1, (5,), (5,))),
    "dot, normalized": graph(dotted(-1, (5,), (5,), normalize=True)),
    "dot of matrices": graph(dotted((1, 2), (3, 2), (4, 3))),
    "dot of matrices, normalized": graph(dotted(2, (3, 2), (4, 2), normalize=True)),
    "penalties of outputs": graph(penalised, loss="categorical_crossentropy"),
    "towers of different rank": graph(towers_of_different_rank),
}
