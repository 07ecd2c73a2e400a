"""The first layers of a graph that no kernel computes: those that make numbers of text and of codes, in NumPy.

A layer with `on_host` stands behind an input or another such layer. Together they are computed when data are opened, so
that programs begin with what comes out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl._engine.graph import Call, SymbolicTensor


class Host:
    """Calls of such layers.

    Attributes
    ----------
    inputs : list of SymbolicTensor
        Of the graph.
    calls : list of Call
    outputs : list of SymbolicTensor
        What the rest of the graph begins with: inputs that it takes as they are, and results of these calls.
    """

    def __init__(
        self, inputs: Sequence[SymbolicTensor], calls: Sequence[Call], outputs: Sequence[SymbolicTensor]
    ) -> None:
        self.inputs, self.calls, self.outputs = list(inputs), list(calls), list(outputs)

    def run(self, given: Sequence[Any], opened: Callable[[SymbolicTensor, Any], Any]) -> list[Any]:
        """The rest's inputs for what the graph's inputs were given; `opened` makes arrays of what these layers take."""
        read = {id(t) for call in self.calls for t in call.inputs}
        values = {id(t): opened(t, x) if id(t) in read else x for t, x in zip(self.inputs, given, strict=True)}
        for call in self.calls:
            xs = [values[id(t)] for t in call.inputs]
            values[id(call.outputs[0])] = call.layer.preprocess(xs if call.listed else xs[0])
        return [values[id(t)] for t in self.outputs]


def split(
    inputs: Sequence[SymbolicTensor], calls: Sequence[Call], outputs: Sequence[SymbolicTensor]
) -> tuple[Host | None, list[Call]]:
    """What is computed on the host, None if nothing is, and the other calls.

    Raises
    ------
    ValueError
        A layer of the host that makes or takes text, behind one that kernels compute.
    """
    known = {id(t) for t in inputs}
    first, rest = [], []
    for call in calls:
        if not call.layer.on_host:
            rest.append(call)
        elif all(id(t) in known for t in call.inputs):
            first.append(call)
            known.update(id(t) for t in call.outputs)
        elif not call.layer.of_text:
            rest.append(call)  # numbers that kernels compute: a step in Python
        else:
            raise ValueError(
                f'layer "{call.layer.name}" ({type(call.layer).__name__}) works on the data themselves: it can only '
                "stand behind an Input, or behind another layer of its kind"
            )
    if not first:
        return None, rest
    fed = {id(t): t for t in [*(t for call in rest for t in call.inputs), *outputs] if id(t) in known}
    return Host(inputs, first, list(fed.values())), rest
