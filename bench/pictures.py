"""The convolutional nets of the comparisons, described once for every library.

A net is a list of layers, each a tuple of a name and its arguments; `residual` has two lists, which are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.nets import Array

Layer = tuple[Any, ...]


def conv(
    filters: int, kernel: int = 3, stride: int = 1, padding: str = "same", activation: str | None = "relu"
) -> Layer:
    return ("conv", filters, kernel, stride, padding, activation)


def normed(filters: int, kernel: int = 3, stride: int = 1, padding: str = "same") -> list[Layer]:
    return [conv(filters, kernel, stride, padding, None), ("norm",), ("relu",)]


@dataclass(frozen=True)
class PictureNet:
    """A net that classifies images, or steps, of a shape; where `classes` is None it is trained on its input."""

    name: str
    shape: tuple[int, ...]
    batch: int
    layers: Sequence[Layer] = field(repr=False)
    classes: int | None = 10

    def __str__(self) -> str:
        return f"{self.name} b{self.batch}"

    @property
    def inputs(self) -> int:
        """Numbers in a row."""
        return int(np.prod(self.shape))

    def data(self, rows: int) -> tuple[Array, Array]:
        """Random inputs and targets."""
        rng = np.random.default_rng(0)
        x = rng.random((rows, *self.shape), np.float32)
        return x, x if self.classes is None else rng.integers(0, self.classes, rows)

    def keras(self, library: Any) -> Any:
        """The model, of a library that is called as Keras is."""
        x = library.Input(self.shape)
        return library.Model(x, _keras(library.layers, self.layers, x))

    @property
    def flops(self) -> int:
        """Of the products of a training step; what reads the data needs no gradient of its input."""
        import pydl

        first, total = None, 0
        model = self.keras(pydl)
        for layer in model.layers:
            kernels = [w for w in layer.weights if w.ndim > 1]
            if not kernels:
                continue
            out, inn = (np.prod(s[1:-1]) for s in (layer.output.shape, layer.input.shape))
            grows = type(layer).__name__.endswith("Transpose")
            places = [inn if grows else out] * len(kernels)
            macs = int(sum(w.size * n for w, n in zip(kernels, places, strict=True)))
            first = macs if first is None else first
            total += macs
        return 2 * self.batch * (3 * total - (first or 0))


def _keras(layers: Any, description: Sequence[Layer], x: Any) -> Any:
    rank = len(x.shape) - 2
    for name, *args in description:
        match name:
            case "conv":
                filters, kernel, stride, padding, activation = args
                make = getattr(layers, f"Conv{rank}D")
                x = make(filters, kernel, strides=stride, padding=padding, activation=activation)(x)
            case "transposed":
                x = layers.Conv2DTranspose(args[0], 3, strides=2, padding="same", activation="relu")(x)
            case "separable":
                x = layers.SeparableConv2D(args[0], 3, padding="same", use_bias=False)(x)
            case "norm":
                x = layers.BatchNormalization()(x)
            case "relu":
                x = layers.Activation("relu")(x)
            case "max":
                size, stride, padding = args
                x = layers.MaxPooling2D(size, strides=stride, padding=padding)(x)
            case "mean":
                x = getattr(layers, f"GlobalAveragePooling{rank}D")()(x)
            case "flatten":
                x = layers.Flatten()(x)
            case "dropout":
                x = layers.Dropout(args[0])(x)
            case "dense":
                x = layers.Dense(args[0], activation=args[1])(x)
            case "softmax":
                x = layers.Activation("softmax")(x)
            case "residual":
                x = layers.Add()([_keras(layers, part, x) for part in args])
    return x


def _cifar_block(filters: int) -> list[Layer]:
    return [conv(filters), conv(filters, padding="valid"), ("max", 2, 2, "valid"), ("dropout", 0.25)]


def _resnet() -> list[Layer]:
    layers = normed(16)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            main = [*normed(filters, 3, stride), conv(filters, activation=None), ("norm",)]
            shortcut = [conv(filters, 1, 2, activation=None)] if stride == 2 else []
            layers += [("residual", main, shortcut), ("relu",)]
    return [*layers, ("mean",), ("dense", 10, "softmax")]


def _xception() -> list[Layer]:
    layers = [*normed(8, padding="valid"), *normed(8, padding="valid")]
    for filters in (16, 32, 64, 128):
        main = [("separable", filters), ("norm",), ("relu",), ("separable", filters), ("norm",), ("max", 3, 2, "same")]
        layers += [("residual", main, [conv(filters, 1, 2, activation=None), ("norm",)])]
    return [*layers, conv(7, activation=None), ("mean",), ("softmax",)]


MNIST_CONVNET = [
    conv(32, padding="valid"), ("max", 2, 2, "valid"), conv(64, padding="valid"), ("max", 2, 2, "valid"), ("flatten",),
    ("dropout", 0.5), ("dense", 10, "softmax"),
]  # fmt: skip
CIFAR_CNN = [*_cifar_block(32), *_cifar_block(64), ("flatten",), ("dense", 512, "relu"), ("dropout", 0.5),
             ("dense", 10, "softmax")]  # fmt: skip
AUTOENCODER = [
    conv(32), ("max", 2, 2, "same"), conv(32), ("max", 2, 2, "same"), ("transposed", 32), ("transposed", 32),
    conv(1, activation="sigmoid"),
]  # fmt: skip
FCN = [*normed(64), *normed(64), *normed(64), ("mean",), ("dense", 10, "softmax")]

# In the order of the floors that vision is judged by; the last one is there for its layers.
NETS = [
    PictureNet("mnist-convnet", (28, 28, 1), 128, MNIST_CONVNET),
    PictureNet("cifar10-cnn", (32, 32, 3), 32, CIFAR_CNN),
    PictureNet("cifar10-cnn", (32, 32, 3), 128, CIFAR_CNN),
    PictureNet("ResNet20", (32, 32, 3), 128, _resnet()),
    PictureNet("mini-XCEPTION", (64, 64, 1), 64, _xception(), 7),
    PictureNet("FCN-1D", (500, 1), 32, FCN),
    PictureNet("autoencoder", (28, 28, 1), 128, AUTOENCODER, None),
]


def named(label: str) -> PictureNet:
    """The net that a label stands for."""
    return next(net for net in NETS if str(net) == label)
