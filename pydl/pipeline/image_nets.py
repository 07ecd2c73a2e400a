"""The network of an image run: augmentation, a known net or the body of a trained one, and what tells the classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydl
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.network import compile_, stack
from pydl.pipeline.options import AUGMENTATIONS, TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target

BODY = "body"  # the layer that is the net gone on with
_SHIFT, _TURN, _ZOOM, _CONTRAST, _BRIGHTNESS = 0.1, 0.05, 0.1, 0.2, 0.1  # at most
_SLOWER = 10  # times, the learning rate once the body is trained as well
_LEAST_SIDE = 16  # pixels, from which on convolutions are worth what they take
_MOST_ROWS, _PIXELS = 128, 2**17  # of a step of a net with convolutions


@dataclass(frozen=True)
class Base:
    """A trained net to go on with.

    Attributes
    ----------
    model : pydl.Model
        What it makes of images before it tells classes.
    shape : (height, width, channels)
    top : float
        The value of full brightness that it was trained with.
    """

    model: pydl.Model
    shape: tuple[int | None, ...]
    top: float


def base(path: str) -> Base:
    """The net of a run, or of a file; one of a file is taken to want values from 0 to 1 unless it scales bytes itself.

    Raises
    ------
    ValueError, pydl.FormatError
        No run or file of a model for images.
    """
    if Path(path).is_dir():
        fitted = Run.open(path).fitted()
        if not isinstance(fitted.preparation, ImagePreparation):
            raise ValueError(f"--from {path}: expected a run on images, got one on a table")
        model, top = fitted.model, fitted.preparation.top
    else:
        model = pydl.models.load_model(path, compile=False)
        top = 255.0 if isinstance(_first(model), pydl.layers.Rescaling) else 1.0
    shape = model.inputs[0].shape[1:]
    if len(model.inputs) != 1 or len(shape) != 3:
        raise ValueError(f"--from {path}: expected a net for images (height, width, channels), got inputs {shape}")
    return Base(_body(model, path), shape, top)


def _body(model: pydl.Model, path: str) -> pydl.Model:
    """The part of a model in front of its last layer with weights, which is the one that tells the classes."""
    tensor = model.outputs[0]
    while tensor.call is not None and not tensor.call.layer.weights:
        tensor = tensor.call.inputs[0]
    if tensor.call is not None and isinstance(tensor.call.layer, pydl.Model):  # the first of several, whose mean it is
        return _body(tensor.call.layer, path)
    if tensor.call is not None and tensor.call.inputs[0].call is not None:
        body = pydl.Model(model.inputs, tensor.call.inputs[0], name=BODY)
        if body.weights:
            return body
    raise ValueError(f"--from {path}: expected a net with weights in front of the layer that tells its classes")


def _first(model: pydl.Model) -> pydl.Layer:
    """The first layer that does something, within a model that is one."""
    first = next(layer for layer in model.layers if not isinstance(layer, pydl.layers.InputLayer))
    return _first(first) if isinstance(first, pydl.Model) else first


def build(
    preparation: ImagePreparation, target: Target, options: TrainOptions, start: Base | None = None,
    *, anew: bool = False,
) -> pydl.Model:  # fmt: skip
    """A compiled model from the bytes of images to classes; the net that it starts from, if any, is frozen.

    `anew`: a net like that one, with random weights, and not frozen.
    """
    x = pydl.Input(preparation.shape, name="image")
    h = _augmented(x, options.augmentation, preparation.top)
    scale = (1.0 if start is None else start.top) / preparation.top
    if scale != 1:
        h = pydl.layers.Rescaling(scale)(h)
    if start is not None:
        body = pydl.models.clone_model(start.model)
        body.trainable = anew
        if not anew:
            body.set_weights(start.model.get_weights())
        # The statistics of a trained net stay: a few new images tell less than those it has seen.
        h = body(h) if anew else body(h, training=False)
        h = pydl.layers.GlobalAveragePooling2D()(h) if len(h.shape) == 4 else h
    else:
        h = _features(options.model or "dense")(h)
    if start is not None or not is_dense(options):
        options = options.with_(hidden=())
    model = pydl.Model(x, stack(h, target, options))
    compile_(model, target, options)
    return model


def thaw(model: pydl.Model, target: Target, options: TrainOptions) -> None:
    """Compile a model anew, to train all of it, slowly."""
    model.get_layer(BODY).trainable = True
    compile_(model, target, options.with_(lr=options.lr / _SLOWER))


def is_dense(options: TrainOptions) -> bool:
    """Whether the net has no convolutions."""
    return options.from_model is None and options.model in (None, "dense")


def suited(shape: tuple[int, int, int], hidden: tuple[int, ...]) -> str:
    """The net for images of a shape, where none was asked for: dense for small ones, and with units of one's own."""
    own = hidden != TrainOptions.hidden
    return "dense" if own or min(shape[:2]) < _LEAST_SIDE else "simple"


def rows_of_step(shape: tuple[int, int, int]) -> int:
    """How many images a step takes at most: so many that the maps of a net with convolutions stay in bounds."""
    return max(8, min(_MOST_ROWS, _PIXELS // (shape[0] * shape[1])))


def _augmented(x: Any, kinds: Sequence[str], top: float) -> Any:
    layers = pydl.layers
    made: dict[str, Callable[[], Any]] = {
        "flip": lambda: layers.RandomFlip("horizontal"),
        "shift": lambda: layers.RandomTranslation(_SHIFT, _SHIFT),
        "rotate": lambda: layers.RandomRotation(_TURN),
        "zoom": lambda: layers.RandomZoom(_ZOOM),
        "contrast": lambda: layers.RandomContrast(_CONTRAST, (0, top)),
        "brightness": lambda: layers.RandomBrightness(_BRIGHTNESS, (0, top)),
    }
    for kind in AUGMENTATIONS:
        x = made[kind]()(x) if kind in kinds else x
    return x


def _features(name: str) -> Callable[[Any], Any]:
    """What a net makes of images before it tells classes."""
    from pydl.applications import resnet, simple, small_mobilenet, vgg, xception

    if name.startswith("resnet"):
        return partial(resnet.features, blocks=(int(name.removeprefix("resnet")) - 2) // 6)
    nets: dict[str, Callable[[Any], Any]] = {
        "dense": pydl.layers.Flatten(), "simple": simple.features, "vgg": vgg.features,
        "mobilenet": small_mobilenet.features, "xception": xception.features,
    }  # fmt: skip
    return nets[name]
