"""MLPClassifier and MLPRegressor beside scikit-learn's: MNIST rows and a small table, float32, batch 128, in turns."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.timing import REST, Setting, ratio, seconds, spread, take_turns

Data = tuple[Any, Any, Any, Any]


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per data set. In one process: both libraries have the same threads from its environment."""
    os.environ.setdefault("OMP_NUM_THREADS", str(setting.threads))
    import sklearn.neural_network as theirs

    import pydl.sklearn as ours

    rows = []
    for name, kind, make, epochs in (
        ("MNIST rows, 784-256-10", "MLPClassifier", mnist, 2), ("2,000 x 20, 20-100-1", "MLPRegressor", small, 50),
    ):  # fmt: skip
        x, y, x_test, y_test = make()
        sizes = (256,) if kind == "MLPClassifier" else (100,)
        fitted: dict[str, Any] = {}

        def fit(library: Any, kind: str = kind, sizes: Any = sizes, epochs: int = epochs) -> Callable[[], float]:
            def turn() -> float:
                estimator = getattr(library, kind)(
                    hidden_layer_sizes=sizes, batch_size=128, max_iter=epochs, n_iter_no_change=epochs, random_state=0
                )
                taken = seconds(lambda: estimator.fit(x, y))  # noqa: B023  (called before the next round)
                fitted[library.__name__] = estimator.score(x_test, y_test)  # noqa: B023
                return taken

            return turn

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few iterations
            taken = take_turns({"pydl": fit(ours), "scikit-learn": fit(theirs)}, 2 if setting.quick else 5, REST)
        rows.append(
            {
                "data": name,
                **{f"{who}, s": spread(times) for who, times in taken.items()},
                "scikit-learn / pydl": ratio(taken["scikit-learn"], taken["pydl"]),
                "score, pydl": fitted[ours.__name__],
                "score, scikit-learn": fitted[theirs.__name__],
            }
        )
    return rows


def mnist() -> Data:
    """Rows of pixels from 0 to 1. Needs the data set: PYDL_DATA_DIR, or a download."""
    from pydl.datasets import mnist

    (x, y), (x_test, y_test) = mnist.load_data()
    return *_pixels(x, y), *_pixels(x_test, y_test)


def _pixels(x: Any, y: Any) -> tuple[Any, Any]:
    return x.reshape(len(x), -1).astype(np.float32) / 255, y


def small() -> Data:
    """A table of the size that many are."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4000, 20), np.float32)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.standard_normal(4000)
    return x[:2000], y[:2000], x[2000:], y[2000:]


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """scikit-learn / pydl: at least 4 on MNIST."""
    return {row["data"]: row["scikit-learn / pydl"]["median"] for row in rows}
