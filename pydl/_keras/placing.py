"""Where the layers of a model are in a file of Keras 3: `layers/dense_1`, or by the attributes that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from pydl._base.registry import snake_case
from pydl.layers.base import Layer
from pydl.models import configs

if TYPE_CHECKING:
    from pydl.models.model import Model

_LISTED = "layers"


class Form:
    """A file of a whole model, which has the layers of its graph; or else of weights.

    There Keras finds layers by the attributes that hold them.
    """

    def __init__(self, whole: bool = True) -> None:
        self.whole = whole

    def by_graph(self, prefix: str) -> bool:
        """Whether a model below a prefix is taken for its graph."""
        return self.whole

    def has(self, group: str) -> bool:
        """Whether a layer, or layers, are there for certain."""
        return False


class FormOf(Form):
    """What a file shows."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def by_graph(self, prefix: str) -> bool:
        """A graph begins with an input."""
        return f"{prefix}layers/input_layer" in self.file

    def has(self, group: str) -> bool:
        return group in self.file


def placed(model: Model, form: Form) -> Iterator[tuple[str, Layer]]:
    """The layers of a model, what is within them taken apart, each once with its group in a file of Keras 3.

    `form`: how the file, or the one to be, names the layers of models whose class says what they compute.
    """
    return _in_model(model, "", set(), form)


def _in_model(model: Model, prefix: str, seen: set[int], form: Form) -> Iterator[tuple[str, Layer]]:
    if type(model).call is not Layer.call and not form.by_graph(prefix):
        yield prefix.rstrip("/"), model
        yield from _by_attribute(model, prefix, seen, form)
        return
    for name, layer in _named(model.by_depth(), _kind):
        yield from _at(f"{prefix}layers/{name}", layer, seen, form)


def _at(group: str, layer: Layer, seen: set[int], form: Form) -> Iterator[tuple[str, Layer]]:
    """A layer and those in it."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if configs.kind_of(layer):
        yield from _in_model(cast("Model", layer), f"{group}/", seen, form)
        return
    yield group, layer
    yield from _by_attribute(layer, f"{group}/", seen, form)


def _by_attribute(layer: Layer, prefix: str, seen: set[int], form: Form) -> Iterator[tuple[str, Layer]]:
    """The layers that attributes hold, private ones last.

    The list of a model's layers is one of them to Keras, `layers`, behind those that come before it in the alphabet.
    """
    names = vars(layer) if configs.kind_of(layer) else layer._holders
    holders = [name for name in names if name not in ("_layers", "_ordered")]  # of a model's graph
    listed = [_LISTED] if configs.kind_of(layer) and form.has(f"{prefix}{_LISTED}") else []
    for attribute in sorted([*holders, *listed], key=lambda name: (name.startswith("_"), name)):
        if attribute in listed:
            for name, inner in _named(layer._held_layers(), _own_kind):
                if form.has(f"{prefix}{attribute}/{name}"):
                    yield from _at(f"{prefix}{attribute}/{name}", inner, seen, form)
            continue
        held = vars(layer).get(attribute)
        if isinstance(held, Layer):
            yield from _at(f"{prefix}{attribute}", held, seen, form)
        elif isinstance(held, list | tuple | dict):
            yield from _within(f"{prefix}{attribute}", held, seen, form)


def _within(group: str, held: Any, seen: set[int], form: Form) -> Iterator[tuple[str, Layer]]:
    """The layers in a list, tuple or dict, and in those in it."""
    for name, value in _named(held.values() if isinstance(held, dict) else held, _own_kind):
        if isinstance(value, Layer):
            yield from _at(f"{group}/{name}", value, seen, form)
        else:
            yield from _within(f"{group}/{name}", value, seen, form)


def _named(values: Iterable[Any], kind: Callable[[Layer], str]) -> Iterator[tuple[str, Any]]:
    """What has layers, with Keras's names: by class and place."""
    counts: Counter[str] = Counter()
    for value in values:
        if isinstance(value, Layer | list | tuple | dict):
            stem = kind(value) if isinstance(value, Layer) else "container"
            yield stem + (f"_{counts[stem]}" if counts[stem] else ""), value
            counts[stem] += 1


def _kind(layer: Layer) -> str:
    """As a file of a whole model calls it, in which models of one's own are their graphs."""
    return "functional" if configs.kind_of(layer) == "Model" else _own_kind(layer)


def _own_kind(layer: Layer) -> str:
    """As Keras calls it by its class."""
    kind = configs.kind_of(layer) if type(layer).call is Layer.call else None
    return {"Sequential": "sequential", "Model": "functional"}.get(kind or "", snake_case(type(layer).__name__))
