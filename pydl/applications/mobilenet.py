"""MobileNet: each channel convolved by itself, then all of them mixed, 13 times (Howard et al., 2017)."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydl import layers
from pydl.applications._imagenet import documented, net, rows_of
from pydl.applications.imagenet_utils import decode_predictions
from pydl.applications.imagenet_utils import tf as preprocess_input
from pydl.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def _normalized(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


def features(x: Any, alpha: float, depth_multiplier: int) -> Any:
    """A convolution and 13 separable ones."""
    x = _normalized(layers.Conv2D(int(32 * alpha), 3, 2, padding="same", use_bias=False, name="conv1")(x), "conv1")
    for number, (filters, strides) in enumerate(_BLOCKS, 1):
        if strides > 1:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
        name = f"conv_dw_{number}"
        padding = "same" if strides == 1 else "valid"
        x = layers.DepthwiseConv2D(3, strides, padding, depth_multiplier, use_bias=False, name=name)(x)
        x = _normalized(x, name)
        name = f"conv_pw_{number}"
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=name)(x)
        x = _normalized(x, name)
    return x


def _classified(x: Any, classes: int, activation: Any, dropout: float) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(layers.Dropout(dropout, name="dropout")(x))
    return layers.Activation(activation, name="predictions")(layers.Reshape((classes,), name="reshape_2")(x))


@documented(
    "MobileNet, every layer with `alpha` times its filters, each channel convolved `depth_multiplier` times, `dropout` "
    "before the classes: 4.3 million weights.",
    224,
)
def MobileNet(
    input_shape: Any = None, alpha: float = 1.0, depth_multiplier: int = 1, dropout: float = 1e-3,
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, pooling: str | None = None,
    classes: int = 1000, classifier_activation: Any = "softmax", name: str | None = None,
) -> Model:  # fmt: skip
    rows = rows_of(input_shape, input_tensor, include_top)
    return net(
        partial(features, alpha=alpha, depth_multiplier=depth_multiplier), partial(_classified, dropout=dropout), 224,
        include_top=include_top, weights=weights, input_tensor=input_tensor, input_shape=input_shape, pooling=pooling,
        classes=classes, classifier_activation=classifier_activation, name=name or f"mobilenet_{alpha:0.2f}_{rows}",
    )  # fmt: skip
