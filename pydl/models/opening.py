"""Sizes of inputs that are opened: those that a model learnt from the first data, where later data have others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.errors import of_memory
from pydl._engine.graph import Shape, open_batch
from pydl._engine.variable import state_of

#: What `compile` found for the outputs: figures go on where they are.
_COMPILED = ("compiled_losses", "loss_weights", "compiled_metrics", "expected_targets", "layer_metrics")

_opening = threading.RLock()


def open_sizes(model: Any, shapes: Sequence[Shape]) -> None:
    """Let sizes be open where data, of these shapes, differ from the first ones.

    If its layers take no others, which a row of zeros shows, or if `call` makes other weights, nothing changes.
    """
    with _opening:
        wanted = _opened(model, shapes)
        if wanted is None:
            return
        before, calls = dict(vars(model)), model.calls
        firsts = [(call.layer, call.layer._first_call) for call in calls]
        weights = {id(v) for v in model.weights}
        put_back = state_of(model.weights)
        try:
            model._connect_anew(wanted)
            if {id(v) for v in model.weights} != weights:
                raise ValueError("its code makes layers each time that it runs")
            _keep_names(calls, model)
            vars(model).update({name: before[name] for name in _COMPILED if name in before})
            model._runner.programs.clear()
            _try(model, shapes)
        except Exception as error:  # whatever code of a user's raises
            for name in vars(model).keys() - before.keys():
                del vars(model)[name]
            vars(model).update(before)
            for layer, first in firsts:
                layer._first_call = first
            model._runner.programs.clear()
            if of_memory(error):
                raise
            return
        finally:
            put_back()  # the row of zeros counted
        old = set(map(id, calls))
        for call in model.calls:
            if id(call.layer._first_call) in old:
                call.layer._first_call = call


def _opened(model: Any, shapes: Sequence[Shape]) -> list[Shape] | None:
    """The shapes of inputs that take the first data and these; None where they do, or cannot."""
    if len(shapes) != len(model.inputs) or any(len(s) != t.ndim for s, t in zip(shapes, model.inputs, strict=True)):
        return None
    wanted: list[Shape] = [
        (None, *(a if a in (None, b) else None for a, b in zip(t.shape[1:], s[1:], strict=True)))
        for t, s in zip(model.inputs, shapes, strict=True)
    ]
    return None if all(open_batch(t.shape) == s for t, s in zip(model.inputs, wanted, strict=True)) else wanted


def _keep_names(calls: Sequence[Any], model: Any) -> None:
    """Layers that stand for the same code have the name that they had."""
    if len(calls) != len(model.calls):
        return
    for old, new in zip(calls, model.calls, strict=True):
        if type(old.layer) is type(new.layer):
            new.layer.name = old.layer.name
            for t, named in zip(new.outputs, old.outputs, strict=False):
                t.name = named.name
    model._name_outputs()


def _try(model: Any, shapes: Sequence[Shape]) -> None:
    """Raise what the layers do for zeros of these shapes."""
    if model.host is None and not any(None in s[1:] for s in shapes):
        zeros = [np.zeros([1, *(int(d or 0) for d in s[1:])]) for s in shapes]
        model._predict_at_once("predict", zeros if len(zeros) > 1 else zeros[0])
