"""Files of fitted scikit-learn objects: equal content, equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from pydl.pipeline import trusted


def content() -> dict[str, Any]:
    """New objects each time, at other addresses; some twice in it, and a text that looks like skops's own."""
    scaler = StandardScaler().fit(np.arange(12.0).reshape(4, 3))
    return {
        "scaler": scaler,
        "again": [scaler, scaler.mean_],
        "text": '"__id__": 7, "file": "7.npy"',
        "a": np.arange(3),
    }


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    first, second = content(), content()
    trusted.dump(first, tmp_path / "first.skops")
    trusted.dump(second, tmp_path / "second.skops")
    assert (tmp_path / "first.skops").read_bytes() == (tmp_path / "second.skops").read_bytes()
    found = trusted.load(tmp_path / "first.skops")
    assert found["text"] == first["text"]
    assert found["again"][0] is found["scaler"]
    np.testing.assert_array_equal(found["again"][1], first["scaler"].mean_)
    np.testing.assert_array_equal(found["a"], first["a"])
