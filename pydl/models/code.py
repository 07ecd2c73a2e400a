"""The code of a model that cannot become a graph, as the only layer of its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl._engine.numpy_layer import Signature
from pydl._engine.variable import Variable
from pydl.layers.base import Layer


class ModelCode(Layer):
    """What `call` of a model computes, step by step, with gradients by its functions and layers.

    Parameters
    ----------
    model : Model
        Whose weights and layers are those of this one.
    why : Exception
        What came of running its code on symbolic tensors.
    """

    _holders = ("model",)  # by whose attributes it holds layers

    _model: Any

    def __init__(self, model: Any, why: Exception) -> None:
        self.__dict__["_model"] = model  # which is no layer of this one
        super().__init__(name=f"{model.name}_code", dtype=model.dtype)
        self._why = why

    def call(self, *inputs: Any, **flags: Any) -> Any:
        return self._model.call(*inputs, **flags)

    def _signature_of_call(self) -> Signature:
        return Signature(self._model.call, self._call_form)

    def _find_graph(self, input_shape: Any, dtypes: Sequence[str]) -> None:
        self.no_graph = self._why

    @property
    def _variables(self) -> list[Variable]:
        own: list[Variable] = self._model._variables
        return own

    def _held_layers(self) -> list[Any]:
        return list(self._model.layers)

    @property
    def added_losses(self) -> list[Any]:
        """What the model's code added to the loss."""
        found: list[Any] = self._model.added_losses
        return found

    @added_losses.setter
    def added_losses(self, terms: list[Any]) -> None:
        self._model.added_losses = terms

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f'model "{self._model.name}": what its call computes is no graph that a file could hold ({self._why}); '
            "save its weights, save_weights, and make it anew"
        )
