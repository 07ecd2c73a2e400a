"""The bench that compares layers over windows with torch: what it draws, and that it tells right from wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bench import agreement
from bench.agreement import KINDS, Case, drawn

DRAWN = list(drawn(120, 1))


def test_the_draw_is_wide() -> None:
    names = {case.name.replace("1D", "").replace("2D", "") for case in DRAWN}
    assert names == set(KINDS)
    said = [case.arguments for case in DRAWN]
    assert {a.get("padding") for a in said} == {None, "valid", "same", "causal"}
    assert {a.get("groups") for a in said} >= {1, 2, 3}
    assert any(max(a.get("dilation_rate", [1])) > 1 for a in said)
    assert any(max(a.get("strides", [1])) > max(a.get("kernel_size", [9])) for a in said)
    assert any(a.get("output_padding") for a in said)
    assert any(max(case.arguments.get("kernel_size", [0])) > min(case.shape[1:-1]) for case in DRAWN)
    assert [str(case) for case in drawn(120, 1)] == [str(case) for case in DRAWN]


class Peer:
    """Says what pydl does, of the first weight in another way."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def evaluated(self, name: str, config: Mapping[str, Any], x: Any, weights: Sequence[Any], target: Any) -> Any:
        y, gradients = agreement.evaluated(Case(name, dict(config), x.shape), x, weights, target)
        return y, [gradients[0], *(self.factor * g for g in gradients[1:])]


@pytest.mark.parametrize("case", [next(c for c in DRAWN if c.name == name) for name in ("Conv1D", "SeparableConv2D")])
def test_errors(case: Case) -> None:
    same = agreement.compared(case, 0, Peer(1))
    assert same["float64"] == {"output": 0, "gradient of the input": 0, "gradients of weights": 0}
    assert 0 < max(same["float32"].values()) < agreement.BOUNDS["float32"]
    other = agreement.compared(case, 0, Peer(1.25))["float64"]
    assert other == {"output": 0, "gradient of the input": 0, "gradients of weights": pytest.approx(0.2)}


def test_another_shape_is_wrong() -> None:
    zeros, ones = np.zeros((2, 1)), np.ones((2, 2))
    assert agreement._error(zeros, ones) == np.inf


@pytest.mark.parametrize("case", DRAWN[: 2 * len(KINDS)], ids=str)
def test_torch_agrees(case: Case) -> None:
    pytest.importorskip("torch")
    from bench.peers import torch_windows

    found = agreement.compared(case, 0, torch_windows)
    for dtype, bound in agreement.BOUNDS.items():
        assert max(found[dtype].values()) <= bound
