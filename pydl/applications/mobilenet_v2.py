"""MobileNetV2: blocks that widen, convolve each channel, and narrow again (Sandler et al., 2018)."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydl import layers
from pydl.applications._imagenet import dense_top, documented, net, rows_of
from pydl.applications.imagenet_utils import decode_predictions
from pydl.applications.imagenet_utils import tf as preprocess_input
from pydl.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_BLOCKS = (
    (16, 1, 1, 1), (24, 2, 6, 2), (32, 3, 6, 2), (64, 4, 6, 2), (96, 3, 6, 1), (160, 3, 6, 2), (320, 1, 6, 1),
)  # fmt: skip  # filters, blocks, how much they widen, strides of the first


def _scaled(filters: float) -> int:
    """The multiple of 8 next to a number of filters, that takes away a tenth at most."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest


def _normalized(x: Any, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)
    return x if activation is None else layers.ReLU(6.0, name=activation)(x)


def _block(x: Any, prefix: str, filters: int, widen: int, strides: int) -> Any:
    given = x
    channels = x.shape[-1]
    if prefix != "expanded_conv_":
        x = layers.Conv2D(widen * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = _normalized(x, f"{prefix}expand_BN", f"{prefix}expand_relu")
    if strides == 2:
        before = [0 if size is None else size % 2 for size in x.shape[1:3]]
        x = layers.ZeroPadding2D(tuple((n, 1) for n in before), name=f"{prefix}pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = layers.DepthwiseConv2D(3, strides, padding=padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = _normalized(x, f"{prefix}depthwise_BN", f"{prefix}depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _normalized(x, f"{prefix}project_BN")
    return layers.Add(name=f"{prefix}add")([given, x]) if strides == 1 and channels == filters else x


def features(x: Any, alpha: float) -> Any:
    """A convolution, 17 blocks, and a convolution to 1,280 maps."""
    x = layers.Conv2D(_scaled(32 * alpha), 3, 2, padding="same", use_bias=False, name="Conv1")(x)
    x = _normalized(x, "bn_Conv1", "Conv1_relu")
    number = 0
    for filters, count, widen, strides in _BLOCKS:
        for i in range(count):
            prefix = f"block_{number}_" if number else "expanded_conv_"
            x = _block(x, prefix, _scaled(filters * alpha), widen, strides if i == 0 else 1)
            number += 1
    last = _scaled(1280 * alpha) if alpha > 1 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    return _normalized(x, "Conv_1_bn", "out_relu")


def _mean(x: Any) -> Any:
    return layers.GlobalAveragePooling2D()(x)


@documented("MobileNetV2, every layer with `alpha` times its filters: 3.5 million weights.", 224)
def MobileNetV2(
    input_shape: Any = None, alpha: float = 1.0, include_top: bool = True, weights: Any = "imagenet",
    input_tensor: Any = None, pooling: str | None = None, classes: int = 1000,
    classifier_activation: Any = "softmax", name: str | None = None,
) -> Model:  # fmt: skip
    rows = rows_of(input_shape, input_tensor, include_top)
    return net(
        partial(features, alpha=alpha), dense_top(_mean), 224, include_top=include_top, weights=weights,
        input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
        classifier_activation=classifier_activation, name=name or f"mobilenetv2_{alpha:0.2f}_{rows}",
    )  # fmt: skip
