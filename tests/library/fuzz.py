"""`python -m tests.library.fuzz FOLDER`: small plan files of many kinds of records, to be mutated."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pydl
from pydl import layers as L


def dense() -> Any:
    x, code = pydl.Input((5,)), pydl.Input((2,))
    h = L.Concatenate()([x, L.Flatten()(L.Embedding(4, 3)(code)), L.Dense(3, "gelu")(x)])
    h = L.Dropout(0.3)(L.BatchNormalization()(L.Dense(9, "tanh", kernel_regularizer="l2")(h)))
    h = L.Multiply()([h, L.PReLU()(L.LayerNormalization()(h))])
    model = pydl.Model([x, code], L.Dense(3, "softmax")(L.RMSNormalization()(h)))
    model.compile(pydl.optimizers.AdamW(clipnorm=1.0), "sparse_categorical_crossentropy")
    return model


def images() -> Any:
    x = pydl.Input((6, 5, 2))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", groups=2)(L.Rescaling(0.5)(x))))
    h = L.MaxPooling2D(2, padding="same")(L.ZeroPadding2D(1)(h))
    h = L.SpatialDropout2D(0.2)(L.DepthwiseConv2D(2, depth_multiplier=2, activation="tanh")(h))
    h = L.Conv2DTranspose(3, 2, 2, activation="silu")(L.AveragePooling2D(2)(L.UpSampling2D(2)(h)))
    h = L.GlobalAveragePooling2D()(L.Resizing(3, 4)(L.CenterCrop(4, 3)(h)))
    model = pydl.Model(x, L.Dense(3)(h))
    model.compile(pydl.optimizers.SGD(0.1, 0.9, global_clipnorm=1.0), "mse")
    return model


def steps() -> Any:
    x = pydl.Input((4, 3))
    h = L.Masking()(x)
    h = L.GlobalAveragePooling1D()(L.Dense(5, "softmax")(L.Dense(6, "relu")(h)))
    model = pydl.Model(x, L.Dense(1, "sigmoid")(L.GaussianNoise(0.1)(h)))
    model.compile("rmsprop", "binary_crossentropy")
    return model


MODELS = {"dense": dense, "images": images, "steps": steps}


def write(folder: Path) -> list[Path]:
    """The files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.plan.safetensors" for name in MODELS]
    for path, make in zip(paths, MODELS.values(), strict=True):
        make().export(path, training=True)
    return paths


if __name__ == "__main__":
    write(Path(sys.argv[1]))
