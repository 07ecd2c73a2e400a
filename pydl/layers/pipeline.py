"""Layers one after the other, as one layer: Pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydl._base.registry import serialize, tables
from pydl._engine.graph import Shape
from pydl.layers.base import Layer


class Pipeline(Layer):
    """Layers one after the other, as one layer: of augmentation, say.

    Called on an array, `layer(x)`, all of them behave as in training unless `training=False`, and take one picture
    without the batch as well, if each of them does. In a model they behave as the model does.

    Parameters
    ----------
    layers : list of Layer
    name : str, optional
    **kwargs
        `trainable`, `dtype`.

    Examples
    --------
    >>> augment = pydl.layers.Pipeline([pydl.layers.RandomFlip("horizontal"), pydl.layers.RandomRotation(0.05)])
    """

    of_dicts = True

    def __init__(self, layers: Sequence[Layer], name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(layers, list | tuple) or not layers or not all(isinstance(x, Layer) for x in layers):
            raise TypeError(f"Pipeline: layers must be a list of layers, one at least, got {layers!r}")
        self.layers = list(layers)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """As that of other layers; a dict of arrays goes through layers of pictures as such."""
        if isinstance(inputs, Mapping):
            return self._applied(inputs, training)
        return super().__call__(inputs, *others, training=training)

    def call(self, x: Any, training: Any = None) -> Any:
        for layer in self.layers:
            x = layer(x, training=training)
        return x

    def _applied(self, inputs: Any, training: Any, tape: Any = None) -> Any:
        return self.call(inputs, True if training is None else training)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return {**super().get_config(), "layers": [serialize(layer) for layer in self.layers]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Pipeline:
        """The layer that `get_config` described."""
        if not isinstance(config.get("layers"), list | tuple):
            raise ValueError(f'Pipeline: expected a configuration with a list of "layers", got {dict(config)!r}')
        return cls(**{**config, "layers": [tables["layer"].deserialize(layer) for layer in config["layers"]]})
