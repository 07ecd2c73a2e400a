"""Debug mode, PYDL_DEBUG=1: the same plans, run record by record, with a look at what each record has written."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import _core
from pydl._engine.layout import array_of


def writes_nonfinite(record: dict[str, Any]) -> bool:
    """Whether a buffer that the record (an entry of `Plan.details`) writes holds NaN or infinity."""
    return any(not np.isfinite(array_of(b)).all() for b in record["writes"])


def overruns(record: dict[str, Any]) -> bool:
    """Whether the canary behind a buffer that the record knows, scratch memory included, is gone."""
    known = [*record["reads"], *record["writes"], *record["fields"].values()]
    return not all(b.intact() for b in known if isinstance(b, _core.Buffer))


class CheckedPlan(_core.Plan):
    """A plan that stops at the first record that writes NaN or infinity, or behind a buffer.

    Where a gradient is not finite, a training step ends before the optimizer's records: weights stay as they were.
    Ctrl-C, however, may fall between two records of a step.
    """

    def run(
        self, steps: int, batch: int, *, rows: Any = None, row0: int = 0, coefs: Any = None, count: int = 0,
        progress: Any = None, **where: Any,
    ) -> int:  # fmt: skip
        """As `_core.Plan.run`.

        Raises
        ------
        FloatingPointError
            Naming the first record that wrote NaN or infinity.
        RuntimeError
            Naming the first record that wrote behind a buffer: a bug.
        """
        for s in range(steps):
            step = f" of step {count + s + 1}" if coefs is not None else ""

            def check(i: int, seconds: float, step: str = step) -> None:
                record = self.details[i]
                if overruns(record):
                    raise RuntimeError(
                        f"PYDL_DEBUG: record {i}, {record['op']},{step} wrote behind a buffer; report it"
                    )
                if writes_nonfinite(record):
                    raise FloatingPointError(
                        f"PYDL_DEBUG: record {i}, {record['op']},{step} is the first to write NaN or infinity; "
                        f"print(model.plan({batch})) lists the records"
                    )

            self.run_traced(
                batch, check, rows=None if rows is None else rows[s * batch : (s + 1) * batch], row0=row0 + s * batch,
                coefs=None if coefs is None else coefs[s : s + 1], count=count + s, **where,
            )  # fmt: skip
            if progress is not None:
                progress[0] += 1
        return steps
