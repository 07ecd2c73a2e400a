"""The commonest request in one go: a few rows for a model of one input and one output, in JSON, nothing else asked.

What `read_request`, `Served.infer` and `write_answer` do of it one after the other, with the same bytes in the end. A
server meets every step with caches that hold something else, so that a step costs what it touches rather than what it
computes: this is half of it.
"""

from __future__ import annotations

import array
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pydl.serving.documents import read_json, write_json
from pydl.serving.tensors import CODES, DTYPES, Spec


class Quick:
    """The quick way to a model.

    Parameters
    ----------
    predict : callable
        The outputs for an array of rows.
    given, output : Spec
        The only input, of numbers, and the only output.
    most : int
        Rows that may take the quick way.
    """

    def __init__(self, predict: Callable[[Any], Any], given: Spec, output: Spec, most: int) -> None:
        self._predict, self._output, self._most = predict, output, most
        self._name, self._datatype, self._rest = given.name, given.datatype, list(given.shape[1:])
        self._code, self._dtype = CODES[given.datatype], DTYPES[given.datatype]
        self._width = math.prod(given.shape[1:])

    def answer(self, body: bytes, model: tuple[str, str], most: int) -> tuple[bytes, str | None, int] | None:
        """The body of the answer, the request's id and its rows; None for any other request, right or wrong."""
        try:
            asked = read_json(body)
            (tensor,) = asked["inputs"]
            rows, *rest = tensor["shape"]
            values = array.array(self._code, tensor["data"])
            # What else may be in a request changes what is asked.
            if len(tensor) != 4 or tensor["name"] != self._name or tensor["datatype"] != self._datatype:
                return None
            if len(asked) > 1 and (len(asked) > 2 or type(asked["id"]) is not str):
                return None
            if type(rows) is not int or not 0 < rows <= min(most, self._most):
                return None
            if rest != self._rest or len(values) != rows * self._width:
                return None
            if self._code == "f" and not math.isfinite(sum(values)):  # a number that float32 does not hold
                return None
            y = self._predict(np.ndarray((rows, *rest), self._dtype, values))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            return None
        output = {"name": self._output.name, "datatype": self._output.datatype, "shape": y.shape, "data": y.ravel()}
        answer = {"model_name": model[0], "model_version": model[1], "outputs": [output]}
        if len(asked) > 1:
            answer["id"] = asked["id"]
        return write_json(answer), asked.get("id"), rows
