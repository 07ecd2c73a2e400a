"""Keras's own unit tests with pydl in Keras's place: `python -m tests.keras.suite KERAS_SOURCE [ROOM ...]`.

KERAS_SOURCE is an unpacked source distribution of Keras 3; a room is a folder of `keras/src`, such as `losses` or
`layers/core`. Needs absl, which Keras brings. For each room: passed / counted, skipped, and those apart; then the names
of what failed with the first line of each error. Apart are cases of quantization (variables that gradients overwrite
are for it, too), distribution and Orbax, which pydl leaves out; skipped are those that Keras skips, and those that call
TensorFlow, PyTorch, JAX or Grain themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

PARTS = ["losses", "metrics", "optimizers", "activations", "regularizers", "constraints", "initializers", "callbacks"]
LAYERS = ["core", "activations", "normalization", "regularization", "merging", "preprocessing", "reshaping"]
ROOMS = [*PARTS, *(f"layers/{name}" for name in [*LAYERS, "convolutional", "pooling"])]

Rows = list[tuple[str, str, str]]  # name, outcome, first line of the error


def run_room(source: Path, room: str) -> Rows:
    """The outcome of each case of a room, run in a process of its own."""
    top = source / "keras" / "src"
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((top / room).rglob("*_test.py")):
            name = "__".join(path.relative_to(top / room).with_suffix("").parts)
            (Path(folder) / f"test_{name}.py").write_text(path.read_text())
        report = Path(folder) / "report.jsonl"
        environment = os.environ | {"KERAS_SOURCE": str(source), "KERAS_REPORT": str(report)}
        options = ["-p", "tests.keras.standins", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder]
        told = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options, "-W", "ignore", folder],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if told.returncode not in (0, 1, 2, 5):
            raise SystemExit(f"{room}: pytest ended with {told.returncode}\n{told.stdout[-4000:]}{told.stderr[-4000:]}")
        rows = [tuple(json.loads(line)) for line in report.read_text().splitlines()] if report.exists() else []
    return sorted(set(rows))  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    """Run the rooms and print what came of them."""
    if not arguments:
        raise SystemExit(__doc__)
    source, rooms, total = Path(arguments[0]).resolve(), arguments[1:] or ROOMS, Counter[str]()
    for room in rooms:
        if not (source / "keras" / "src" / room).is_dir():
            raise SystemExit(f"{source} has no keras/src/{room}")
        rows = run_room(source, room)
        count = Counter(outcome for _, outcome, _ in rows)
        count["worded"] = sum(outcome == "failed" and '" does not match "' in line for _, outcome, line in rows)
        total += count
        print(f"{room}: {tell(count)}")
        for name, outcome, line in rows:
            if outcome == "failed":
                print(f"    {name}: {line}", flush=True)
    print(f"all: {tell(total)}")


def tell(count: Counter[str]) -> str:
    """Passed of those that count, skipped, apart."""
    counted = count["passed"] + count["failed"]
    share = f" ({count['passed'] / counted:.1%})" if counted else ""
    others = f"{count['skipped']} skipped, {count['apart']} apart"
    return f"{count['passed']} of {counted} passed{share}, {count['worded']} fail by an error's words only, {others}"


if __name__ == "__main__":
    main(sys.argv[1:])
