"""ResNets of 50, 101 and 152 layers, version 1 (He et al., 2015), with Keras's names of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl import layers
from pydl.applications._imagenet import dense_top, documented, net, pooled
from pydl.applications.imagenet_utils import caffe as preprocess_input
from pydl.applications.imagenet_utils import decode_predictions
from pydl.models import Model

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

_EPSILON = 1.001e-5


def _convolved(x: Any, name: str, filters: int, size: int, strides: int = 1, padding: str = "valid") -> Any:
    x = layers.Conv2D(filters, size, strides, padding=padding, name=f"{name}_conv")(x)
    return layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)


def _block(x: Any, name: str, filters: int, strides: int, first: bool) -> Any:
    """1 x 1, 3 x 3 and 1 x 1 convolutions, beside them the input itself, or where maps change a convolution of it."""
    beside = _convolved(x, f"{name}_0", 4 * filters, 1, strides) if first else x
    x = layers.Activation("relu", name=f"{name}_1_relu")(_convolved(x, f"{name}_1", filters, 1, strides))
    x = layers.Activation("relu", name=f"{name}_2_relu")(_convolved(x, f"{name}_2", filters, 3, padding="same"))
    x = _convolved(x, f"{name}_3", 4 * filters, 1)
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([beside, x]))


def features(x: Any, blocks: Sequence[int]) -> Any:
    """A convolution, pooling, and four stages of so many blocks."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Activation("relu", name="conv1_relu")(_convolved(x, "conv1", 64, 7, 2))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    for stage, count in enumerate(blocks):
        for i in range(count):
            strides = 2 if stage > 0 and i == 0 else 1
            x = _block(x, f"conv{stage + 2}_block{i + 1}", 64 * 2**stage, strides, i == 0)
    return x


def _named(depth: int, blocks: Sequence[int], millions: str) -> Callable[..., Model]:
    @documented(f"A residual net of {depth} layers, version 1: {millions} million weights.", 224)
    def build(
        include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None,
        pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax",
        name: str = f"resnet{depth}",
    ) -> Model:  # fmt: skip
        return net(
            lambda x: features(x, blocks), dense_top(pooled), 224, include_top=include_top, weights=weights,
            input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
            classifier_activation=classifier_activation, name=name, pool_names=True,
        )  # fmt: skip

    build.__name__ = build.__qualname__ = f"ResNet{depth}"
    made: Callable[..., Model] = build
    return made


ResNet50 = _named(50, (3, 4, 6, 3), "25.6")
ResNet101 = _named(101, (3, 4, 23, 3), "44.7")
ResNet152 = _named(152, (3, 8, 36, 3), "60.4")
