"""What the `call` of a layer is given besides one tensor, or a list of them: dicts, keywords, None, numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_PLAIN = (str, bool, int, float, type(None))


class Arguments:
    """The positional and keyword arguments of a call, with the places in them where tensors go.

    Attributes
    ----------
    form : dict
        `{"args": [...], "kwargs": {...}}` as JSON values: `{"tensor": i}` for the i-th tensor, `{"list": [...]}`,
        `{"dict": {...}}`, and what is no tensor as itself.
    """

    def __init__(self, form: Mapping[str, Any]) -> None:
        self.form = dict(form)

    @classmethod
    def of(cls, args: Sequence[Any], keywords: Mapping[str, Any]) -> tuple[Arguments, list[Any]]:
        """The form of some arguments, and the tensors or arrays among them in order."""
        tensors: list[Any] = []

        def placed(value: Any) -> Any:
            if isinstance(value, _PLAIN):
                return value
            if isinstance(value, Mapping):
                return {"dict": {str(k): placed(v) for k, v in value.items()}}
            if isinstance(value, list | tuple) and any(not isinstance(v, _PLAIN) for v in value):
                return {"list": [placed(v) for v in value]}
            tensors.append(value)
            return {"tensor": len(tensors) - 1}

        form = {"args": [placed(a) for a in args], "kwargs": {k: placed(v) for k, v in keywords.items()}}
        return cls(form), tensors

    def filled(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with these tensors in their places."""
        args = tuple(_filled(a, tensors) for a in self.form["args"])
        return args, {k: _filled(v, tensors) for k, v in self.form["kwargs"].items()}

    def for_build(self, build: Callable[..., Any], call: Callable[..., Any], shapes: Sequence[Any]) -> dict[str, Any]:
        """What `build` is given of the shapes of the tensors, by name.

        One parameter takes the shape of the first argument, in its structure; several take those of the arguments of
        `call` by name, `x_shape` for `x`.
        """
        names = [n for n, p in inspect.signature(build).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        args, keywords = self.filled(shapes)
        given = {**dict(zip(inspect.signature(call).parameters, args, strict=False)), **keywords}
        by_name = {f"{name}_shape": shape for name, shape in given.items()}
        if len(names) == 1 and names[0] not in by_name:
            return {names[0]: next(iter(given.values()))}
        return {name: by_name[name] for name in names if name in by_name}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arguments) and self.form == other.form

    __hash__ = None  # type: ignore[assignment]


def _filled(value: Any, tensors: Sequence[Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "list" in value:
        return [_filled(v, tensors) for v in value["list"]]
    return {k: _filled(v, tensors) for k, v in value["dict"].items()}


def is_plain(args: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Whether arguments are tensors one by one, or a list of them: what every layer takes."""
    if keywords:
        return False
    return not any(_is_structured(a) for a in args)


def _is_structured(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_is_structured(v) for v in value if not isinstance(v, np.ndarray))
    return isinstance(value, Mapping | str) or value is None
