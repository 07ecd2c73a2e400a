"""Closed tables of classes: how a name, a class, an instance or a config becomes an object, and an object its config.

A name is only ever looked up, in the library's own table and among the classes a user has handed over explicitly
(`custom_objects`, or by registering them); nothing is imported or evaluated by name, so a config read from a file
cannot run foreign code.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Generic, NoReturn, Self, TypeVar

import numpy as np

from pydl._base.later import Later
from pydl._base.scoped import Scoped

registered: dict[str, Any] = {}  # classes and functions that the program has registered
_custom_objects: Scoped[Mapping[str, Any]] = Scoped(registered)


def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> AbstractContextManager[None]:
    """Within the `with` block, names in `custom_objects` are found wherever a class is looked up by name.

    Parameters
    ----------
    custom_objects : mapping of str to class, or None
        They take precedence over the library's own names. None adds nothing.
    """
    return _custom_objects.bound({**_custom_objects.get(), **(custom_objects or {})})


def snake_case(name: str) -> str:
    """`MeanSquaredError` -> `mean_squared_error`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unknown_name(kind: str, name: Any, valid: Iterable[str]) -> NoReturn:
    """Raise the ValueError for a name that no table holds: it gives the closest and all valid ones."""
    import difflib  # only errors need it

    names = sorted(set(valid))
    # Two characters of which one is right, "l3" for "l2", still count as close.
    close = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"unknown {kind} {name!r}; {hint}valid names: {', '.join(names)}")


def custom_object(name: Any) -> Any:
    """What the user has handed over under this name, None if nothing."""
    return _custom_objects.get().get(name) if isinstance(name, str) else None


def custom_function(name: Any) -> Callable[..., Any]:
    """The function that the user has handed over under this name; ValueError if there is none."""
    function = custom_object(name)
    if not callable(function):
        raise ValueError(f"unknown function {name!r}; pass it in custom_objects={{{name!r}: function}}")
    return function


def function_name(owner: str, function: Any) -> str:
    """The name by which a file refers to a function, which `custom_function` finds again.

    Raises
    ------
    TypeError
        A lambda, or another callable without a name.
    """
    name = getattr(function, "__name__", "<lambda>")
    if name == "<lambda>":
        raise TypeError(
            f"{owner}: cannot save {function!r}: give the function a name with def, and pass it in custom_objects when "
            "you load the model"
        )
    return str(name)


class Configurable:
    """An object that its constructor's arguments describe, each kept as an attribute of the same name.

    Where a constructor is `noting`, plain values need not be kept.
    """

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as values that JSON has; a tuple stays one until it is written.

        Raises
        ------
        NotImplementedError
            When an argument is not kept as an attribute: store it, or override `get_config`.
        """
        config = {}
        given = vars(self).get("_arguments_given", {})
        for name in _arguments(_describing(type(self))):
            if not hasattr(self, name):
                if name in given:
                    config[name] = _plain(given[name])
                    continue
                raise NotImplementedError(
                    f"{type(self).__name__}.get_config: the constructor argument {name!r} is not kept as an attribute; "
                    f"set self.{name} or override get_config"
                )
            config[name] = _plain(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The object that `get_config` described."""
        return cls(**config)


def noting(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that notes what it is given, as far as a file can hold it, for a class that does not keep it."""

    @wraps(init)
    def noted(self: Any, *args: Any, **keywords: Any) -> None:
        if "_arguments_given" not in vars(self):
            names = list(inspect.signature(init).parameters)[1:]
            found = {**dict(zip(names, args, strict=False)), **keywords}
            vars(self)["_arguments_given"] = {name: value for name, value in found.items() if _is_plain(value)}
        init(self, *args, **keywords)

    return noted


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


class FromFunction(Configurable):
    """An object that calls a function; in a config it is the function's name, found again among `custom_objects`.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def get_config(self) -> dict[str, Any]:
        """The function's name.

        Raises
        ------
        TypeError
            A lambda, which has none.
        """
        return {"function": function_name(type(self).__name__, self.function)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The object of the function that `custom_objects` holds under this name."""
        return cls(custom_function(config["function"]))


def _describing(cls: type) -> type:
    """The class whose arguments a config holds: of one that brings a `get_config`, which adds its own, that of the
    library which it derives from."""
    owner = next(base for base in cls.__mro__ if "get_config" in vars(base))
    if owner.__module__.startswith("pydl."):
        return cls
    return next(base for base in cls.__mro__ if base.__module__.startswith("pydl."))


_settings: dict[type, frozenset[str]] = {}


def settings(cls: type) -> frozenset[str]:
    """Names of the constructor's arguments of a class of the library, or of that which a user's derives from."""
    library = next(base for base in cls.__mro__ if base.__module__.startswith("pydl."))
    if library not in _settings:
        _settings[library] = frozenset(_arguments(library))
    return _settings[library]


def _arguments(cls: type) -> list[str]:
    """Names of the constructor's arguments; `**kwargs` stands for those of the next class with a constructor."""
    names: list[str] = []
    for owner in cls.__mro__:
        if "__init__" not in vars(owner) or owner is object:
            continue
        parameters = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        names += [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))


def _plain(value: Any) -> Any:
    if hasattr(value, "as_config"):  # an activation, which is a name more often than a dict
        return value.as_config()
    if isinstance(value, Configurable) or callable(value):
        return serialize(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        parts = [_plain(v) for v in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value


def unsavable(value: Any) -> NoReturn:
    """What `json.dumps` calls with a value that no file holds."""
    raise TypeError(
        f"cannot save {value!r:.100}: files hold numbers, text, lists and objects that have get_config() as arguments "
        "of layers; override get_config and from_config of the one that was given it"
    )


def serialize(obj: Any) -> dict[str, Any]:
    """`{"class_name": ..., "config": ...}` of an object that has `get_config`.

    Raises
    ------
    TypeError
        For anything else, such as a bare function: a file holds names and numbers, never code.
    """
    if isinstance(obj, type) or not hasattr(obj, "get_config"):
        raise TypeError(f"cannot save {obj!r}: only objects with get_config() can; make it a class with that method")
    return {"class_name": type(obj).__name__, "config": obj.get_config()}


T = TypeVar("T")


tables: dict[str, Registry[Any]] = {}  # by kind, for objects that hold others of their kind


class Registry(Generic[T]):
    """The closed table of one kind of object.

    Parameters
    ----------
    kind : str
        What the objects are called in messages, such as "initializer".
    base : type
        Class they all derive from; a user's own classes and instances must too.
    classes : iterable of type
        Found by class name and by its `spelling`.
    aliases : mapping of str to str
        Further names, each with that of a class.
    spelling : callable
        Class name -> the name users write.
    later : Later, optional
        Brings further classes when they are looked for.
    of_function : type, optional
        What makes an object of a user's own function, where functions are taken; a `FromFunction` of the base.
    """

    def __init__(
        self,
        kind: str,
        base: type[T],
        classes: Iterable[type[T]],
        aliases: Mapping[str, str] | None = None,
        spelling: Callable[[str], str] = snake_case,
        later: Later | None = None,
        of_function: type | None = None,
    ) -> None:
        self.kind = kind
        tables[kind] = self
        self.base = base
        self.of_function = of_function
        self._later = later
        self._classes = {c.__name__: c for c in [*classes, *([of_function] if of_function else ())]}
        self.class_names = [*self._classes, *(later.classes if later else ())]
        self._names = {spelling(name): name for name in self.class_names} | dict(aliases or {})

    def __contains__(self, name: str) -> bool:
        """Whether a class of the library's own has this name."""
        return name in self.class_names or name in self._names

    def find(self, name: str) -> type[T]:
        """The class called `name`; ValueError with the valid names if there is none."""
        custom = _custom_objects.get()
        if name in custom and (isinstance(custom[name], type) or name not in self):  # a function may share its name
            return self._own_class(custom[name], f"custom_objects[{name!r}]")
        class_name = name if name in self.class_names else self._names.get(name)
        if class_name is None:
            unknown_name(self.kind, name, [*self._names, *custom])
        if class_name not in self._classes and self._later is not None:
            self._classes[class_name] = self._later(class_name)
        return self._classes[class_name]

    def get(self, identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> T | None:
        """None, a name, a class, an instance or a config dict as an instance (None stays None).

        Raises
        ------
        ValueError
            An unknown name, or a config its class does not understand.
        TypeError
            Anything that is no such identifier.
        """
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier, custom_objects)
        if self.of_function is not None:
            own = {**_custom_objects.get(), **(custom_objects or {})}
            function = own.get(identifier) if isinstance(identifier, str) else identifier
            if callable(function) and not isinstance(function, type):
                made: T = self.of_function(function)
                return made
        if isinstance(identifier, str):
            return self.deserialize({"class_name": identifier, "config": {}}, custom_objects)
        return self._own_class(identifier, f"{self.kind} identifier")()

    def deserialize(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> T:
        """The object that `serialize` described. Raises ValueError as `get` does."""
        name = config.get("class_name") if isinstance(config, Mapping) else None
        arguments = config.get("config", {}) if isinstance(name, str) else None
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            raise ValueError(f'{self.kind} config: expected {{"class_name": str, "config": dict}}, got {config!r}')
        with custom_object_scope(custom_objects):
            cls: Any = self.find(name)
            try:
                return cls.from_config(dict(arguments)) if hasattr(cls, "from_config") else cls(**arguments)
            except TypeError as error:
                raise ValueError(f"{self.kind} {name!r} cannot be made from {dict(arguments)!r}: {error}") from error

    def _own_class(self, cls: Any, what: str) -> type[T]:
        if not isinstance(cls, type) or not issubclass(cls, self.base):
            raise TypeError(
                f"{what}: expected a name, a config dict, or a {self.base.__name__} class or instance, got {cls!r}"
            )
        return cls
