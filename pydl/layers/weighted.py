"""What has a name and weights, and may hold others that have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl import activations, config, constraints, initializers, regularizers
from pydl._base import check
from pydl._base.naming import unique_name
from pydl._base.registry import Configurable, snake_case
from pydl._engine.layout import Layout
from pydl._engine.variable import Variable
from pydl.variable import Variable as UserVariable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_NO_HOLDERS = ("_own", "_adopted", "_of_library", "added_losses")  # lists to look for nothing in


class Weighted(Configurable):
    """The part of a layer that is about its weights, and those of layers that its attributes hold."""

    def __init__(self, name: str | None, trainable: bool, dtype: str | None) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: expected a name without '/', got {name!r}")
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = config.DTypePolicy(dtype).name
        self._trainable = trainable
        self._own: list[Variable] = []  # of `_variables`, those that are known
        self._adopted: list[Variable] = []  # of these, those that attributes held

    @property
    def trainable(self) -> bool:
        """Whether weights may change; setting it sets that of the weights, and of the layers that it holds."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        trained = {id(v) for v in self._ever_trained()} if value else ()
        for v in self._variables:
            v.trainable = id(v) in trained
        for layer in self._held_layers():
            layer.trainable = value

    def _ever_trained(self) -> list[Variable]:
        """The layer's own variables that are trained unless it is frozen."""
        return [v for v in self._variables if v.made_trainable]

    _holders: tuple[str, ...] = ()  # names of attributes in which there are or may be layers or variables

    def __setattr__(self, name: str, value: Any) -> None:
        holds = isinstance(value, _HELD | list | dict) or (
            isinstance(value, tuple) and next(held_in(value), None) is not None
        )
        if holds and name not in (*_NO_HOLDERS, *self._holders):
            self.__dict__["_holders"] = (*self._holders, name)
        object.__setattr__(self, name, value)

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
        layout: Callable[[Sequence[int], str], Layout] = Layout,
    ) -> Variable:
        """Make a weight of this layer; call it from `build`. Without a name it is "weight", then "weight_1" and on.

        Parameters
        ----------
        shape : tuple of int or int, optional
            Default (): a single number. An int n stands for (n,).
        initializer : optional
            See `pydl.initializers`; default "glorot_uniform".
        dtype : str, optional
            That of the layer, which is the default; or one of whole numbers or truth values, of a weight that is not
            trained.
        trainable : bool
        regularizer, constraint : optional
            See `pydl.regularizers` and `pydl.constraints`.
        name : str, optional
        autocast, aggregation, overwrite_with_gradient
            Taken because Keras takes them.
        """
        shape = (shape,) if isinstance(shape, int) else () if shape is None else shape
        kind = self.dtype if dtype is None else _dtype_of_weight(self, name, dtype, trainable)
        taken = {v.name for v in self._variables if not isinstance(v, UserVariable)}
        if name is None:
            name = next(n for n in ("weight", *(f"weight_{i + 1}" for i in range(len(taken)))) if n not in taken)
        if name in taken:
            raise ValueError(f'layer "{self.name}": it already has a weight named {name!r}; choose another name')
        if kind != self.dtype:
            variable: Variable = UserVariable(initializer or "zeros", shape, kind, trainable=False, name=name)
        else:
            variable = Variable(
                shape, self.dtype, name, trainable=trainable, layout=layout,
                regularizer=regularizers.get(regularizer), constraint=constraints.get(constraint),
            )  # fmt: skip
            make = initializers.get("glorot_uniform" if initializer is None else initializer)
            assert make is not None
            variable.pack(make(variable.shape, dtype=self.dtype), variable.buffer)
        variable.trainable = trainable and self._trainable
        variable.path = f"{self.name}/{name}"
        for v in self._own:
            if v.name == name:  # a variable that an attribute holds
                _name_apart(v, {other.name for other in (*self._own, variable)})
        self._own.append(variable)
        return variable

    add_variable = add_weight  # another name of Keras's

    @property
    def _variables(self) -> list[Variable]:
        """What `add_weight` made, and each `pydl.Variable` that attributes hold, themselves or in lists and such."""
        held = {id(v): v for v in self._held(UserVariable)}
        if gone := {id(v) for v in self._adopted} - held.keys():
            self._own, self._adopted = ([v for v in each if id(v) not in gone] for each in (self._own, self._adopted))
        known = {id(v) for v in self._own}
        for key, v in held.items():
            if key not in known:
                _name_apart(v, {other.name for other in self._own})
                v.trainable = v.trainable and self._trainable
                self._own.append(v)
                self._adopted.append(v)
        return self._own

    @property
    def weights(self) -> list[Variable]:
        """Its own variables, then those of layers that it holds; of each, those made trainable before the others."""
        if not self._holders:
            return _in_order(self._own)
        return each_once(v for layer in _tree(self) for v in layer._own_in_order())

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables an optimizer may change: none while the layer is frozen."""
        if not self._holders:
            return [v for v in _in_order(self._own) if v.trainable] if self.trainable else []
        trained = trained_in(self)
        return [v for v in self.weights if id(v) in trained]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other variables: all of them while the layer is frozen."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trained]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights
    variables = weights

    def _own_in_order(self) -> list[Variable]:
        """The layer's own variables, without those of layers that it holds, in Keras's order."""
        return _in_order(self._variables)

    def as_made(self, trainable: bool = False) -> list[Variable]:
        """All variables, or those an optimizer may change, in order of creation, which is that of pydl's files.

        A model lists its `weights` in another one, that of its `layers`.
        """
        trained = trained_in(self)
        made = each_once(v for layer in _tree(self) for v in layer._variables)
        return [v for v in made if id(v) in trained] if trainable else made

    def _held(self, kind: type) -> list[Any]:
        """The layers, or variables, that attributes hold, themselves or in lists, tuples and dicts."""
        if not self._holders:
            return []
        values = [vars(self)[name] for name in self._holders if name in vars(self)]
        return [held for held in held_in(values) if isinstance(held, kind)]

    def _held_layers(self) -> list[Any]:
        return self._held(Weighted)

    def _set_paths(self, prefix: str) -> None:
        """Name the variables by the layers, and models, that they are in; `prefix` ends in this one."""
        own: Counter[str] = Counter()  # functions of weights have those of other layers, which may share a name
        for v in self._variables:
            v.path = f"{prefix}{v.name}" + (f"_{own[v.name]}" if own[v.name] else "")
            own[v.name] += 1
        seen: Counter[str] = Counter()
        for layer in _tree(self):
            if layer is not self:
                seen[layer.name] += 1
                name = layer.name if seen[layer.name] == 1 else f"{layer.name}_{seen[layer.name]}"
                for v in layer._variables:
                    v.path = f"{prefix}{name}/{v.name}"

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set all weights from arrays in the order of `get_weights`."""
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(f'"{self.name}": expected {len(variables)} weight arrays, got {len(weights)}')
        arrays = []
        for v, w in zip(variables, weights, strict=True):
            a = check.numeric("set_weights", f'variable "{v.path}"', w)
            arrays.append(a)
            if a.shape != v.shape:
                raise ValueError(f'variable "{v.path}": expected an array of shape {v.shape}, got {a.shape}')
        for v, a in zip(variables, arrays, strict=True):
            v.assign(a)

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own weights into a dict by their numbers, as `.keras` files hold them.

        Override it, with `load_own_variables`, to keep more in such a file, or something else.
        """
        for i, v in enumerate(self._own_in_order()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the layer's own weights from what `save_own_variables` wrote."""
        variables = self._own_in_order()
        if len(store) != len(variables):
            raise ValueError(f'"{self.name}": expected {len(variables)} weight arrays, got {len(store)}')
        for i, v in enumerate(variables):
            v.assign(store[str(i)])

    def save_assets(self, inner_path: str) -> None:
        """Put files into a folder, which a `.keras` file takes in; override it together with `load_assets`."""

    def load_assets(self, inner_path: str) -> None:
        """Take from a folder what `save_assets` put there."""

    @property
    def stores_itself(self) -> bool:
        """Whether its class says what of it is in a `.keras` file."""
        return type(self).save_own_variables is not Weighted.save_own_variables

    def count_params(self) -> int:
        """Number of weights' elements."""
        return sum(v.size for v in self.weights)


def _dtype_of_weight(layer: Weighted, name: str | None, dtype: Any, trainable: bool) -> str:
    """The dtype of a weight; ValueError for one that it cannot have."""
    kind = np.dtype(dtype).name if isinstance(dtype, type | np.dtype) else str(dtype)
    if kind == layer.dtype or (not trainable and kind.startswith(("int", "uint", "bool"))):
        return np.dtype(kind).name
    if kind not in ("float32", "float64") or config.standardize_dtype(dtype) != layer.dtype:
        raise ValueError(
            f'layer "{layer.name}", weight {name!r}: expected the dtype {layer.dtype}, or, not trained, one of '
            f"whole numbers or truth values, got {dtype!r}"
        )
    return layer.dtype


class ActivationOf:
    """The activation of a layer as an attribute that also takes what the constructor does: names, functions, None."""

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        try:
            return layer.__dict__["activation"]
        except KeyError:
            raise AttributeError(f"{type(layer).__name__} has no activation yet") from None

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__["activation"] = activations.get(value)


class KernelOf:
    """The weight that a layer multiplies by; with an adapter, the sum that it computes with, as a term of weights."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        kernel = vars(layer).get(f"_{self.name}")
        if kernel is None:
            raise AttributeError(f"{type(layer).__name__} has no {self.name} yet: build it, or call it, before")
        if not getattr(layer, "lora_enabled", False):
            return kernel
        a, b = layer.adapter
        return kernel + layer.lora_factor * (a @ b)

    def __set__(self, layer: Any, value: Any) -> None:
        setattr(layer, f"_{self.name}", value)


_HELD = Weighted | UserVariable


def held_in(values: Iterable[Any]) -> Iterator[Any]:
    """The layers and variables among some values, and in the lists, tuples and dicts among them."""
    for value in values:
        if isinstance(value, _HELD):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from held_in(value.values() if isinstance(value, dict) else value)


def layers_in(values: Iterable[Any]) -> Iterator[Any]:
    """The layers alone."""
    return (held for held in held_in(values) if isinstance(held, Weighted))


def _name_apart(v: Variable, taken: set[str]) -> None:
    """Another name, where a layer has one such already; what cannot be trained is not."""
    v.trainable = v.trainable and np.dtype(v.dtype).kind == "f"
    stem = v.name
    v.name = next(n for n in (stem, *(f"{stem}_{i + 1}" for i in range(len(taken)))) if n not in taken)


def each_once(variables: Iterable[Variable]) -> list[Variable]:
    """Variables without those that have been among them before."""
    return list({id(v): v for v in variables}.values())


def _in_order(variables: Iterable[Variable]) -> list[Variable]:
    """A layer's own variables in Keras's order: those that were made trainable come first, frozen or not."""
    return sorted(variables, key=lambda v: not v.made_trainable)


def trained_in(layer: Weighted) -> set[int]:
    """The ids of the variables of a layer, and of those in it, that an optimizer may change; none of a frozen one.

    Of layers in it their weights alone say so, as in Keras: freezing a layer freezes these.
    """
    if not layer.trainable:
        return set()
    return {id(v) for each in _tree(layer) for v in each._variables if v.trainable}


def _tree(layer: Weighted) -> list[Any]:
    """A layer and those that it holds, and they hold, each once."""
    found: dict[int, Weighted] = {}
    pending: list[Any] = [layer]
    while pending:
        current = pending.pop()
        if id(current) not in found:
            found[id(current)] = current
            pending += reversed(current._held_layers())
    return list(found.values())
