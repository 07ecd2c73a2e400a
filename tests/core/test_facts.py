"""Facts that op_args.h states once: how far a kernel reaches behind each pointer, which is what plans go by."""

from __future__ import annotations

import numpy as np
import pytest

from pydl import _core
from tests.core.test_kernels import DTYPES, draw
from tests.specs import SPECS, Spec


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", [pytest.param(spec, id=f"{spec.op}-{i}") for i, spec in enumerate(SPECS)])
def test_reach_is_the_size_of_each_array(spec: Spec, dtype: str) -> None:
    """But for scratch, of which a test gives each share its own, and class numbers: a row has one, reach is for targets
    of the size of predictions."""
    kinds = _core.describe(spec.op)["fields"]
    for n in (0, 1, 7, 33, 200):
        fields = draw(spec, dtype, n)
        sizes = {name: value for name, value in fields.items() if kinds.get(name) in ("n", "r")}
        reach = _core.facts(spec.op, dtype, **sizes)["reach"]
        arrays = {name: fields[name] for name in reach if fields.get(name) is not None and kinds[name] != "s"}
        if "sparse" in spec.op and "t" in arrays:
            assert arrays.pop("t").size == fields["B"]
        assert arrays or spec.op == "sum"
        assert {name: array.nbytes for name, array in arrays.items()} == {name: reach[name] for name in arrays}, n
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
