"""Requests and answers of the Open Inference Protocol V2, with its extension for binary tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pydl.serving.documents import read_json, write_json
from pydl.serving.tensors import DTYPES, Array, Refused, Spec, Tensor, bad, from_bytes, to_bytes

_FOREIGN = ("shared_memory_region", "classification")  # parameters that change what is asked, of other extensions
_NOTHING = memoryview(b"")
_LARGEST = 1 << 40  # values of a tensor, far beyond any body


@dataclass(slots=True)
class Request:
    """What is asked.

    Attributes
    ----------
    inputs : list of Tensor
    id : str or None
    parameters : dict
    outputs : dict of str to bool, or None
        The outputs that are wanted, and whether as bytes; None: all.
    binary : bool
        Whether outputs are wanted as bytes, unless `outputs` says otherwise.
    """

    inputs: list[Tensor]
    id: str | None
    parameters: dict[str, Any]
    outputs: dict[str, bool] | None
    binary: bool


@dataclass(slots=True)
class Answer:
    """What a model says.

    Attributes
    ----------
    outputs : list of (Spec, ndarray)
    rows : int
    notes : list of str, or None
        What was noticed in the rows; None if that was not asked.
    """

    outputs: list[tuple[Spec, Array]]
    rows: int
    notes: list[str] | None = None


def read_request(body: bytes, json_length: int | None, inputs: list[Spec]) -> Request:
    """A request from its body.

    Parameters
    ----------
    body : bytes
    json_length : int or None
        How much of the body is JSON, before bytes of tensors; None: all. 0: the body is the values of the only input.
    inputs : list of Spec
        Those of the model.

    Raises
    ------
    Refused
        400, with what is wrong.
    """
    if json_length == 0:
        return Request([_raw(body, inputs)], None, {}, None, True)
    if json_length is not None and json_length > len(body):
        raise bad(f"Inference-Header-Content-Length: {json_length}, but the body has {len(body)} bytes")
    try:
        found = read_json(body if json_length is None else body[:json_length])
    except ValueError as error:
        raise bad(f"the body is no JSON: {error}") from None
    if type(found) is not dict:
        raise bad("expected a JSON object with inputs")
    listed = found.get("inputs")
    if type(listed) is not list or not listed:
        raise bad('expected "inputs", a list of tensors')
    tensors, rest = [], _NOTHING if json_length is None else memoryview(body)[json_length:]
    for tensor in listed:
        one, used = _tensor(tensor, rest)
        tensors.append(one)
        if used:
            rest = rest[used:]
    if len(rest):
        raise bad(f"{len(rest)} bytes behind the last tensor; binary_data_size says how many each has")
    name, parameters = found.get("id"), found.get("parameters")
    if name is not None and type(name) is not str:
        raise bad('expected "id" to be text')
    if parameters is None:
        parameters = {}
    elif type(parameters) is not dict:
        raise bad('expected "parameters" to be an object')
    binary = parameters.get("binary_data_output", False)
    if type(binary) is not bool:
        raise bad('expected "binary_data_output" to be true or false')
    wanted = found.get("outputs")
    return Request(tensors, name, parameters, None if wanted is None else _outputs(wanted, binary), binary)


def _tensor(tensor: Any, rest: memoryview) -> tuple[Tensor, int]:
    """A tensor of a request, and how many of the bytes behind the JSON are its."""
    if type(tensor) is not dict:
        raise bad("inputs: expected objects with name, datatype, shape and data")
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    if type(name) is not str:
        raise bad("inputs: expected a name in each")
    if type(datatype) is not str or datatype not in DTYPES:
        raise bad(f'input "{name}": datatype: expected one of {", ".join(DTYPES)}')
    if type(shape) is not list or not shape:
        raise bad(f'input "{name}": shape: expected a list of sizes')
    for d in shape:
        if type(d) is not int or not 0 <= d < _LARGEST:
            raise bad(f'input "{name}": shape: expected a list of sizes')
    size = _parameters(name, tensor).get("binary_data_size") if "parameters" in tensor else None
    if size is None:
        data = tensor.get("data")
        if type(data) is not list:
            raise bad(f'input "{name}": expected data, a list, or binary_data_size among its parameters')
        return Tensor(name, datatype, tuple(shape), data), 0
    if "data" in tensor:
        raise bad(f'input "{name}": expected data or binary_data_size, not both')
    if type(size) is not int or not 0 <= size <= len(rest):
        raise bad(f'input "{name}": binary_data_size: {len(rest)} bytes are left for it, got {size!r:.40}')
    return from_bytes(name, datatype, tuple(shape), rest[:size]), size


def _parameters(name: str, tensor: dict[str, Any]) -> dict[str, Any]:
    parameters = tensor.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise bad(f'"{name}": expected "parameters" to be an object')
    for other in _FOREIGN:
        if other in parameters:
            raise bad(f'"{name}": {other} is of an extension that this server does not have')
    return parameters


def _outputs(wanted: Any, binary: bool) -> dict[str, bool]:
    if type(wanted) is not list or not all(type(o) is dict and type(o.get("name")) is str for o in wanted):
        raise bad('expected "outputs" to be a list of objects with a name')
    found = {}
    for output in wanted:
        name = output["name"]
        chosen = _parameters(name, output).get("binary_data", binary)
        if type(chosen) is not bool:
            raise bad(f'output "{name}": expected "binary_data" to be true or false')
        found[name] = chosen
    return found


def _raw(body: bytes, inputs: list[Spec]) -> Tensor:
    """The only input, whose values are the body."""
    spec = inputs[0]
    rest = spec.shape[1:]
    if len(inputs) > 1 or -1 in rest or DTYPES[spec.datatype].kind == "O":
        raise bad("Inference-Header-Content-Length: 0 is for models of one input of numbers, of one size a row")
    row = int(np.prod(rest, dtype=np.int64)) * DTYPES[spec.datatype].itemsize
    return from_bytes(spec.name, spec.datatype, (len(body) // row, *rest), memoryview(body))


def write_answer(model: tuple[str, str], request: Request, answer: Answer) -> tuple[bytes, int | None]:
    """The body of an answer, and how much of it is JSON if bytes follow; `model` is its name and version.

    Raises
    ------
    Refused
        400, for an output that the model does not have.
    """
    outputs: list[dict[str, Any]] = []
    tails: list[bytes] = []
    wanted = request.outputs
    if wanted:
        missing = wanted.keys() - {spec.name for spec, _ in answer.outputs}
        if missing:
            raise bad(f'output "{min(missing)}": this model has {", ".join(s.name for s, _ in answer.outputs)}')
    for spec, values in answer.outputs:
        if wanted and spec.name not in wanted:
            continue
        one: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": values.shape}
        outputs.append(one)
        if wanted[spec.name] if wanted else request.binary:
            tails.append(to_bytes(values))
            one["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            flat = values.ravel()
            one["data"] = flat.tolist() if values.dtype.kind == "O" else flat
    found: dict[str, Any] = {"model_name": model[0], "model_version": model[1], "outputs": outputs}
    if request.id is not None:
        found["id"] = request.id
    if answer.notes is not None:
        found["parameters"] = {"notes": answer.notes}
    head = write_json(found)
    return (b"".join([head, *tails]), len(head)) if tails else (head, None)


def error_body(error: Refused) -> bytes:
    """The body of an error."""
    return write_json({"error": str(error)})
