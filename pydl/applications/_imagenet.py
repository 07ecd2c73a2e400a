"""What nets of the size of ImageNet have in common: Keras's arguments, the top, and weights from a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl import layers
from pydl._base.args import one_of
from pydl._engine.graph import SymbolicTensor
from pydl.models import Model

Part = Callable[[Any], Any]
Top = Callable[[Any, int, Any], Any]

ARGUMENTS = """

    Parameters
    ----------
    include_top : bool
        Whether it tells classes; else it ends in maps of features, or what `pooling` makes of them.
    weights : str or None
        None: random ones. Else a file that Keras, or pydl, wrote for this net. The default, "imagenet", is an error
        that says how to get such a file: pydl brings no weights.
    input_tensor : SymbolicTensor, optional
        What the net is put on.
    input_shape : (height, width, channels), optional
        Default {size} x {size} x 3; without the top any height and width.
    pooling : {{"avg", "max"}}, optional
        Without the top: the mean, or maximum, over all positions.
    classes : int
    classifier_activation : str or None
        None: logits.
    name : str
    """


def documented(text: str, size: int) -> Callable[[Any], Any]:
    """Give a net a docstring: what it is, and the arguments that all of them have."""

    def give(build: Any) -> Any:
        build.__doc__ = text + ARGUMENTS.format(size=size)
        return build

    return give


def net(
    features: Part, top: Top, size: int, *, include_top: bool, weights: Any, input_tensor: Any,
    input_shape: Sequence[int | None] | None, pooling: str | None, classes: int, classifier_activation: Any, name: str,
    pool_names: bool = False,
) -> Model:  # fmt: skip
    """Features, what becomes of them, and weights.

    Parameters
    ----------
    features : callable
        From images to maps.
    top : callable
        From maps, the number of classes and an activation to the classes.
    size : int
        Of images where no shape is given.
    pool_names : bool
        Whether what `pooling` puts behind the features has a name, "avg_pool" or "max_pool".
    """
    if weights == "imagenet":
        raise ValueError(
            f'{name}: weights="imagenet" cannot be had, as pydl has no weights; give weights=None for random ones, '
            "or a file that Keras wrote for this net with the same arguments: "
            f'.save_weights("{name}.weights.h5") there, weights="{name}.weights.h5" here'
        )
    if pooling is not None:
        one_of(name, "pooling", pooling, ("avg", "max"))
    if input_shape is None:
        input_shape = (size, size, 3) if include_top else (None, None, 3)
    x = layers.Input(tuple(input_shape)) if input_tensor is None else input_tensor
    y = features(x)
    if include_top:
        y = top(y, classes, classifier_activation)
    elif pooling is not None:
        kind = layers.GlobalAveragePooling2D if pooling == "avg" else layers.GlobalMaxPooling2D
        y = kind(name=f"{pooling}_pool" if pool_names else None)(y)
    model = Model(_sources(x), y, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def _sources(x: SymbolicTensor) -> Any:
    """The inputs that a tensor comes from."""
    found: list[SymbolicTensor] = []
    todo = [x]
    while todo:
        t = todo.pop()
        if t.call is not None:
            todo += t.call.inputs
        elif all(t is not other for other in found):
            found.append(t)
    return found if len(found) > 1 else found[0]


def dense_top(before: Part) -> Top:
    """A top that ends in a dense layer, `predictions`, behind what makes one row for each image."""

    def top(x: Any, classes: int, activation: Any) -> Any:
        return layers.Dense(classes, activation=activation, name="predictions")(before(x))

    return top


def pooled(x: Any) -> Any:
    """The mean over all positions, by Keras's name."""
    return layers.GlobalAveragePooling2D(name="avg_pool")(x)


def rows_of(input_shape: Any, input_tensor: Any, include_top: bool) -> Any:
    """The rows of images that the names of some nets tell."""
    if input_tensor is not None:
        return input_tensor.shape[1]
    return input_shape[0] if input_shape is not None else 224 if include_top else None
