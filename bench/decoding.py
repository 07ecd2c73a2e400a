"""Image files: decoded alone, and while a small net trains: python -m bench.decoding [ZIP] [--images N] [--threads N].

Without ZIP, the JPEG files of CIFAR-10 in the folder that PYDL_DATA_DIR names. An epoch of the net is timed with all
images in memory; decoded in a thread while it trains (`utils.image_dataset_from_directory`, `pydl train --stream`); and
so the first time, then kept (`.cache()`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from bench.table import markdown
from bench.timing import seconds
from pydl import config
from pydl.applications import SimpleCNN
from pydl.data import ImageSource

BATCH = 128
ARCHIVE = "cifar10-jpg.zip"


def main() -> int:
    """Measure; print a table."""
    parser = argparse.ArgumentParser("python -m bench.decoding", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("archive", nargs="?", type=Path, metavar="ZIP", help="with folders train/<class>")
    parser.add_argument("--images", type=int, default=10_000, metavar="N", help="at most; default %(default)s")
    parser.add_argument(
        "--threads", type=int, default=config.get_num_threads(), metavar="N", help="default %(default)s"
    )
    given = parser.parse_args()
    archive = given.archive or Path(os.environ.get("PYDL_DATA_DIR", ".")) / ARCHIVE
    if not archive.exists():
        parser.error(f"{archive} is not there: name an archive, or a folder that has {ARCHIVE} with PYDL_DATA_DIR")
    config.set_num_threads(given.threads)
    print(markdown(measure(ImageSource(archive, "train"), given.images, given.threads)))
    return 0


def measure(source: ImageSource, images: int, threads: int) -> list[dict[str, Any]]:
    """A row per way to read the images."""
    rows = np.random.default_rng(0).permutation(len(source))[:images]
    images = len(rows)
    x, y = source.take(rows)
    ways: dict[str, Callable[[], object]] = {
        f"decoded alone, {n} threads": partial(_decode, source, rows, n) for n in sorted({1, threads})
    }
    net = _net(source)
    fit = partial(net.fit, batch_size=BATCH, verbose=0)
    fit(x[: 2 * BATCH], y[: 2 * BATCH])
    kept = source.cache().subset(rows)
    ways |= {
        "trained, in memory": partial(fit, x, y),
        "trained, decoded meanwhile": partial(fit, source.subset(rows)),
        "trained, decoded meanwhile and kept": partial(fit, kept),
        "trained, kept": partial(fit, kept),
    }
    found = []
    for what, run in ways.items():
        begin = time.process_time()
        taken = seconds(run)
        busy = time.process_time() - begin
        found.append({"epoch": what, "images": images, "s": taken, "s of CPUs": busy, "images/s": images / taken})
    return found


def _decode(source: ImageSource, rows: Any, threads: int) -> None:
    """All of them, in batches that threads take turns with."""
    batches = np.array_split(rows, max(1, len(rows) // BATCH))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(source.decode, batches))


def _net(source: ImageSource) -> Any:
    pydl.utils.set_random_seed(0)
    x = pydl.Input(source.shape)
    net = SimpleCNN(source.shape, len(source.classes))
    model = pydl.Model(x, net(pydl.layers.Rescaling(1 / 255)(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


if __name__ == "__main__":
    sys.exit(main())
