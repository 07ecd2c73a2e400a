"""Lambda: a function of your own as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from pydl._base.registry import custom_function, function_name
from pydl._engine.numpy_layer import Signature
from pydl.layers.base import Layer


class Lambda(Layer):
    """`y = function(x)`, written with functions of `pydl.ops` and operators, which gives its gradient.

    Weights that the function uses are not the layer's and are not trained.

    Parameters
    ----------
    function : callable
        Of the input, or of the list of inputs; may take `training` and `mask`.
    output_shape : tuple or callable, optional
        Of a sample; by default what the function returns for zeros.
    mask : optional
        Not supported; the mask of the input ends here.
    arguments : dict, optional
        Further arguments, by name.

    Raises
    ------
    TypeError
        When it is saved with a function that has no name: files hold names, and the reader's `custom_objects` brings
        the function.
    """

    def __init__(self, function: Callable[..., Any], output_shape: Any = None, mask: Any = None,
                 arguments: Mapping[str, Any] | None = None, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f'Lambda "{self.name}": expected a function, got {function!r}')
        if mask is not None:
            raise ValueError(f'Lambda "{self.name}": mask is not supported')
        self.function, self.output_shape, self.arguments = function, output_shape, dict(arguments or {})
        self._signature = Signature(function)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *(self.output_shape(input_shape)[1:] if callable(self.output_shape) else self.output_shape))

    def call(self, inputs: Any, training: Any = None) -> Any:
        flags = {"training": training} if self._signature.training else {}
        return self.function(inputs, **flags, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        owner = f'Lambda "{self.name}"'
        name = function_name(owner, self.function)
        if callable(self.output_shape):
            raise TypeError(f"{owner}: cannot save a function as output_shape: give the shape")
        base = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        return {"function": name, "output_shape": self.output_shape, "arguments": self.arguments, **base}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        return cls(**{**config, "function": custom_function(config.get("function"))})
