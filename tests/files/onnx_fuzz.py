"""Damaged ONNX files: `python -m tests.files.onnx_fuzz 1000000` reads so many, each another way damaged.

Whatever is in a file, reading it gives a model or a FormatError, in little time and memory.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pydl
from tests.files.test_onnx_import import convolutional, dense, recurring_sizes

VARINTS = [b"\x00", b"\x7f", b"\xff\x7f", b"\xff" * 9 + b"\x01", b"\xff" * 12, b"\x80\x80\x80\x80\x10", b"\x80" * 4]


def sources(folder: Path) -> list[bytes]:
    """Whole files, of which damaged ones are made."""
    return [make(folder / "source.onnx") for make in (dense, convolutional, recurring_sizes)]


def damaged(contents: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of the files with some bytes changed, lost, added, repeated or taken from another."""
    content = bytearray(contents[rng.integers(len(contents))])
    if rng.random() < 0.5:  # weights are long, and say nothing: mostly it is the rest that is damaged
        start = int(rng.integers(min(len(content), 600)))
    else:
        start = int(rng.integers(len(content)))
    for _ in range(rng.integers(1, 5)):
        at = int(min(start + rng.geometric(0.05) - 1, len(content) - 1))
        length = int(rng.geometric(0.3))
        other = contents[rng.integers(len(contents))]
        place = int(rng.integers(len(other)))
        match rng.integers(8):
            case 0:
                content[at] ^= 1 << int(rng.integers(8))
            case 1:
                content[at] = int(rng.integers(256))
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = rng.bytes(length)
            case 4:
                content[at : at + 1] = VARINTS[rng.integers(len(VARINTS))]
            case 5:
                content[at:at] = content[at : at + 8 * length]
            case 6:
                content[at : at + 8 * length] = other[place : place + 8 * length]
            case 7:
                del content[len(content) - length * (1 + int(rng.integers(50))) :]
        if not content:
            break
    return bytes(content)


def survives(path: Path, content: bytes) -> bool:
    """Read a file; whether a model came out. Anything else than a FormatError is raised."""
    path.write_bytes(content)
    try:
        pydl.models.load_onnx(path)
    except pydl.FormatError:
        return False
    return True


def run(count: int, seed: int, folder: Path) -> int:
    """Read so many damaged files; returns how many gave a model. The file that is at fault stays in the folder."""
    rng, contents = np.random.default_rng(seed), sources(folder)
    return sum(survives(folder / "damaged.onnx", damaged(contents, rng)) for _ in range(count))


def main() -> None:
    count, seed = (int(given) for given in (*sys.argv[1:], *("10000", "0")[len(sys.argv) - 1 :]))
    folder = Path(tempfile.mkdtemp())
    print(f"{count} files from seed {seed} in {folder}", flush=True)
    start, models = time.monotonic(), 0
    for first in range(0, count, 1000):
        pydl.utils.clear_session()
        models += run(min(1000, count - first), seed + first, folder)
        print(f"{min(first + 1000, count)} read, {models} models, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
