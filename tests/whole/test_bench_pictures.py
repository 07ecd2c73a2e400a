"""The benches of image files and of transfer learning: whether they run, and what their rows are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pydl
from bench import decoding, transfer
from pydl.data import ImageSource
from tests.pipeline.test_images import archive


def test_decoding(tmp_path: Path) -> None:
    (x, y), _ = pydl.datasets.digits.load_data()
    source = ImageSource(archive(tmp_path / "d.zip", {"train/": (15 * x[:40], y[:40])}), "train")
    rows = decoding.measure(source, 30, 2)
    assert [row["epoch"].partition(",")[0] for row in rows] == ["decoded alone"] * 2 + ["trained"] * 4
    assert all(row["s"] > 0 and row["images"] == 30 for row in rows)


def test_transfer() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 24, 24, 1), np.float32), np.arange(200) % 10
    row, other = transfer.measure((x, y), (x[:50], y[:50]), seeds=2, effort=0.05)
    assert (row["seed"], other["seed"], row["images"]) == (0, 1, 10)
    assert all(0 <= row[name] <= 1 for name in ("fine-tuned", "from scratch"))
    grey, labels = transfer._of((x, y), transfer.NEW)
    assert sorted(set(labels)) == [0, 1, 2, 3, 4]
    assert len(grey) == 100
