"""Objects as the JSON values that Keras makes of them, and classes that a program registers for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydl._base.registry import custom_object_scope, registered, serialize
from pydl._keras import configs
from pydl.models.configs import entry, kind_of, model_from_config

Named = TypeVar("Named", bound=Any)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Named], Named]:
    """A decorator for classes of your own, so that files that name them are read without `custom_objects`.

    They are found by their own name and as ``package>name``. Only what a program registers is found: nothing is ever
    imported because a file names it.

    Parameters
    ----------
    package : str, default "Custom"
    name : str, optional
        Default that of the class.

    Raises
    ------
    ValueError
        A class without `get_config`.
    """

    def register(thing: Named) -> Named:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"register_keras_serializable: {thing.__name__} has no get_config")
        own = name or thing.__name__
        registered[f"{package}>{own}"] = thing
        registered[thing.__name__] = thing
        return thing

    return register


def get_custom_objects() -> dict[str, Any]:
    """The registered classes and functions by name; what is added to this dict is registered."""
    return registered


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered, else its own."""
    names = [name for name, thing in registered.items() if thing is obj]
    return next((name for name in names if ">" in name), obj.__name__)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function of a name: of `custom_objects`, registered, of `module_objects`; None if there is none."""
    for table in (custom_objects, registered, module_objects):
        if table is not None and name in table:
            return table[name]
    return None


def serialize_keras_object(obj: Any) -> Any:
    """JSON values, in Keras's form, that describe a layer, a model, a loss, ...; plain values stay what they are."""
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, list | tuple):
        return [serialize_keras_object(part) for part in obj]
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(part) for key, part in obj.items()}
    if hasattr(obj, "tolist"):
        return obj.tolist()
    return configs.written(entry(obj) if kind_of(obj) else serialize(obj), of=type(obj))


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object that `serialize_keras_object`, here or in Keras, described.

    Parameters
    ----------
    config : dict, or a plain value, which stays what it is
    custom_objects : dict of str to class, optional
    safe_mode : bool
        Taken because Keras takes it: code is never run.

    Raises
    ------
    ValueError
        A class that is neither pydl's nor in `custom_objects` nor registered.
    """
    if isinstance(config, list):
        return [deserialize_keras_object(part, custom_objects) for part in config]
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config:
        return {key: deserialize_keras_object(part, custom_objects) for key, part in config.items()}
    with custom_object_scope(custom_objects):
        found = configs.read(config)
        name = found["class_name"]
        if name in ("Model", "Sequential"):
            return model_from_config(found["config"])
        own = get_registered_object(name, custom_objects)
        if own is not None:
            return own.from_config(found["config"]) if hasattr(own, "from_config") else own
        room: Any = configs.room_of(name, config.get("module"))
        if room is None:
            raise ValueError(f"deserialize_keras_object: unknown class {name!r}; pass it in custom_objects")
        return room.deserialize(found)
