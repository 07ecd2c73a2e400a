"""Operators and functions on tensors in Keras's files: each names its class, which stands for one of `pydl.ops`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np

from pydl import ops
from pydl._base.errors import FormatError
from pydl._base.registry import snake_case
from pydl._engine.tape import Op
from pydl.models.configs import FUNCTION

_ROOMS = ("keras.src.ops.", "keras.ops", "keras.src.activations.")
_SIZES = (
    "newshape", "shape", "repeats", "pad_width", "num_classes", "indices_or_sections", "num_segments", "k", "n", "bins",
)  # fmt: skip
_LARGEST = 2**20  # of these: a damaged file must not take all memory
_WRITTEN = {
    "divide": "true_divide", "_squeeze": "squeeze", "_choose": "where", "_einsum": "einsum", "stacked_matmul": "matmul",
}  # fmt: skip
_READ = {"re_lu": "relu", "layer_norm": "layer_normalization", "rms_norm": "rms_normalization", "c_dist": "cdist"}
_UNWRITTEN = ("ctc_loss", "squared_difference")  # none of Keras's, as parts of functions, named _, are not
_ACTIVATIONS: dict[Any, Any] = {"erf": ("erf", {}), "gelu_tanh": ("gelu", {"approximate": True})}  # functions there
_ACTIVATED = {  # by the names of activations: Keras's functions, and what they call the number that belongs to them
    **{name: (name, None) for name in (
        "relu", "relu6", "sigmoid", "silu", "softplus", "softsign", "selu", "hard_sigmoid", "log_sigmoid", "hard_silu",
        "hard_tanh", "tanh_shrink", "sparse_plus", "tanh", "softmax", "log_softmax", "gelu",
    )},
    "exponential": ("exp", None), "leaky_relu": ("leaky_relu", "negative_slope"), "elu": ("elu", "alpha"),
    "celu": ("celu", "alpha"),
}  # fmt: skip
_ROOM_OF = {
    "one_hot": "nn", "multi_hot": "nn", "rsqrt": "math", "logsumexp": "math", "in_top_k": "math", "cast": "core",
    "stop_gradient": "core", "norm": "linalg", "erf": "math", "gelu": "nn", "erfinv": "math", "inv": "linalg",
    "det": "linalg", "solve": "linalg", "cholesky": "linalg", "lstsq": "linalg", "scatter_update": "core",
    **{name: "nn" for name, _ in _ACTIVATED.values() if name not in ("tanh", "exp")},
    "segment_sum": "math", "segment_max": "math", "segment_min": "math", "segment_prod": "math",
}  # fmt: skip
_OF_CALL = ("constant_values", "fill_value", "rtol", "atol", "q")  # which Keras's functions take with tensors


def written_function(entry: Mapping[str, Any], tensors: list[Any]) -> dict[str, Any] | None:
    """The entry of an operator or function of these tensors as Keras writes it; None of what it does not have."""
    config = entry["config"]
    if len(entry["calls"]) != 1 or config.get("on_host"):
        return None
    name, args, arguments = config.get("op"), list(tensors), {}
    if entry["class_name"] == "Arithmetic":
        if config["constant"] is not None:
            args.insert(0 if config["reflected"] else 1, _constant(config["constant"], config["dtype"]))
    elif name == "activate":
        given = config["arguments"]
        if given["name"] in _ACTIVATIONS:
            name, arguments = _ACTIVATIONS[given["name"]]
        elif given["name"] in _ACTIVATED:
            name, number = _ACTIVATED[given["name"]]
            arguments = {} if number is None else {number: given["alpha"]}
            arguments |= {"axis": given.get("axis", -1)} if name in ("softmax", "log_softmax") else {}
            arguments |= {"approximate": False} if name == "gelu" else {}
        else:
            return None
    elif entry["class_name"] == "Operation" and name not in _UNWRITTEN and (name in _WRITTEN or name[0] != "_"):
        of_tensors, arguments = iter(tensors), {key: _written(v, key) for key, v in config["arguments"].items()}
        args = [
            next(of_tensors) if isinstance(v, Mapping) else _constant(v, config["dtype"]) for v in config["operands"]
        ]
        if name == "get_item":
            key = arguments.pop("key")
            args.append(key if isinstance(key, list) else [key])
            if any(isinstance(part, list) for part in args[-1]):  # of rows by their numbers, which Keras lacks
                return None
        args = [args] if Op.known[name].tensors == 0 and name != "_einsum" else args
    elif entry["class_name"] == "Activation" and config.get("activation") in list(_ACTIVATIONS):
        name, arguments = _ACTIVATIONS[config["activation"]]
    else:
        return None
    name = _WRITTEN.get(name, name)
    kind = "".join(part.capitalize() for part in name.split("_"))
    return {
        "module": f"keras.src.ops.{_ROOM_OF.get(name, 'numpy')}", "class_name": kind, "registered_name": kind,
        "config": {"name": config["name"], **{k: v for k, v in arguments.items() if k not in _OF_CALL}},
        "name": config["name"],
        "inbound_nodes": [{"args": args, "kwargs": {k: v for k, v in arguments.items() if k in _OF_CALL}}],
    }  # fmt: skip


def _constant(value: Any, dtype: str) -> Any:
    """An operand that is no tensor."""
    if not isinstance(value, list):
        return value
    kind = np.asarray(value).dtype.kind
    return {
        "class_name": "__numpy__",
        "config": {"value": value, "dtype": {"i": "int32", "b": "bool"}.get(kind, dtype)},
    }


def _written(value: Any, key: str = "") -> Any:
    """An argument as Keras writes it, of one as `Operation` has it in its config."""
    if not isinstance(value, Mapping):
        return value
    if "slice" in value:
        start, stop, step = map(_written, value["slice"])
        return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}
    parts = value.get("tuple", value.get("list"))
    if parts is not None and len(parts) == 1 and isinstance(parts[0], int) and key == "axis":
        return parts[0]
    return {"class_name": "__ellipsis__", "config": {}} if parts is None else [_written(part) for part in parts]


def is_function(given: Mapping[str, Any]) -> bool:
    """Whether an entry of a graph is no layer.

    Older files name no modules, and operators there as the layers that merge tensors; those are called on a list.
    """
    module = given.get("module")
    if module is not None:
        return isinstance(module, str) and module.startswith(_ROOMS)
    nodes = given.get("inbound_nodes")
    node = nodes[0] if isinstance(nodes, list) and nodes and isinstance(nodes[0], Mapping) else {}
    args = node.get("args")
    several = isinstance(args, list) and len(args) > 1 and not isinstance(args[0], list)
    name = snake_case(str(given.get("class_name")))
    return several and _READ.get(name, name) in ops.__all__


def read_function(given: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a function of `pydl.ops` in a graph; its arguments are the form of its call.

    Raises
    ------
    FormatError
        A function that pydl lacks, or that is called in several places; sizes that no memory holds.
    """
    config, nodes = given.get("config"), given.get("inbound_nodes")
    name = snake_case(str(given.get("class_name")))
    name = _READ.get(name, name)
    if name not in ops.__all__:
        raise FormatError(f"Keras's function {given.get('class_name')!r:.80}: pydl.ops has none of this name")
    node = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 and isinstance(nodes[0], Mapping) else {}
    given_args, given_keywords = node.get("args"), node.get("kwargs", {})
    if not isinstance(config, Mapping) or not isinstance(given_args, list) or not isinstance(given_keywords, Mapping):
        raise FormatError(f"expected one call of the function {name}, got {nodes!r:.80}")
    known = inspect.signature(getattr(ops, name)).parameters
    numbers = count()
    args = [_placed(value, numbers) for value in given_args]
    if name == "get_item" and len(args) > 1 and isinstance(args[1], list):
        args[1] = tuple(args[1])
    said = {key: value for key, value in config.items() if key != "name"} | dict(given_keywords)
    unsaid = [key for key, value in said.items() if key not in known and (value is None or value is False)]
    keywords = {key: _placed(value, numbers) for key, value in said.items() if key not in unsaid}
    for key, value in (dict(zip(known, args, strict=False)) | keywords).items():
        if key in _SIZES and any(abs(n) > _LARGEST for n in _numbers(value)):
            raise FormatError(f"the function {name}: {key}={value!r:.80}; expected at most {_LARGEST}")
    if (first := next(iter(known), None)) in keywords:  # the subscripts of einsum
        args.insert(0, keywords.pop(first))
    if not next(numbers):
        raise FormatError(f"expected a call of the function {name} on tensors, got {given_args!r:.80}")
    config = {"name": config.get("name"), "function": getattr(ops, name)}
    return {"class_name": FUNCTION, "config": config, "form": {"args": args, "kwargs": keywords}}


def _placed(value: Any, numbers: Iterator[int]) -> Any:
    """An argument in which tensors have numbers."""
    if isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__":
            return {"tensor": next(numbers)}
        if kind == "__slice__" and isinstance(config, Mapping):
            return slice(config.get("start"), config.get("stop"), config.get("step"))
        if kind == "__ellipsis__":
            return Ellipsis
        if kind in ("__numpy__", "__tensor__") and isinstance(config, Mapping):
            return np.asarray(config.get("value"), config.get("dtype"))
        raise FormatError(f"expected a tensor or a number as argument of a function, got {value!r:.80}")
    if not isinstance(value, list):
        return value
    parts = [_placed(v, numbers) for v in value]
    return {"list": parts} if any(isinstance(part, Mapping) for part in parts) else parts


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    for part in value if isinstance(value, list) else ():
        yield from _numbers(part)
