"""What transfer learning gains: python -m bench.transfer [--seeds N] [--quick]; needs CIFAR-10.

mini-XCEPTION learns the first five classes of CIFAR-10, in grey. Then a tenth of the images of the other five is to
be told, by that net, first its new top alone, then all of it, slowly; and by the same net from random weights, in as
many epochs. Accuracies are those of the 5,000 test images. Seeds say which images the tenth is, what the weights are
in the beginning and the order of rows. The command ends with 1 if the net from scratch is better for any of them.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

import pydl
from bench.nets import Array
from bench.table import markdown
from pydl.applications import MiniXception
from pydl.datasets import cifar10

Rows = tuple[Array, Array]

OLD, NEW = range(5), range(5, 10)  # classes
SHARE = 0.1
BATCH, RATE, SLOWER = 64, 1e-3, 2  # times slower, once the whole net is trained
FIRST_EPOCHS, TOP_EPOCHS, EPOCHS = 8, 5, 20  # of the net to begin with; of the tenth: top alone, in all
_GREY = np.array([0.299, 0.587, 0.114], np.float32) / 255


def main() -> int:
    """Train; print accuracies by seed and their means."""
    parser = argparse.ArgumentParser("python -m bench.transfer", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="default %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few epochs on a tenth of the images")
    given = parser.parse_args()
    train, test = (_grey(*part) for part in cifar10.load_data())
    if given.quick:
        train, test = _some(train, 0.1, 0), _some(test, 0.1, 0)
    rows = measure(train, test, given.seeds, 0.2 if given.quick else 1.0)
    print(markdown(rows))
    return 0 if all(row["fine-tuned"] > row["from scratch"] for row in rows) else 1


def measure(train: Rows, test: Rows, seeds: int, effort: float = 1.0) -> list[dict[str, Any]]:
    """A row per seed; `effort` is the share of the epochs to train."""
    pydl.utils.set_random_seed(0)
    shape = train[0].shape[1:]
    first = _net(shape, len(OLD), MiniXception(shape, include_top=False))
    _fit(first, _of(train, OLD), RATE, max(1, int(FIRST_EPOCHS * effort)))
    body, learnt = first.layers[1], first.layers[1].get_weights()
    top, whole = (max(1, int(n * effort)) for n in (TOP_EPOCHS, EPOCHS))
    lesson, judged = _of(train, NEW), _of(test, NEW)
    rows = []
    for seed in range(seeds):
        tenth = _some(lesson, SHARE, seed)
        pydl.utils.set_random_seed(seed)
        scratch = _net(shape, len(NEW), MiniXception(shape, include_top=False))
        _fit(scratch, tenth, RATE, whole)
        pydl.utils.set_random_seed(seed)
        body.set_weights(learnt)
        body.trainable = False
        tuned = _net(shape, len(NEW), body, training=False)
        _fit(tuned, tenth, RATE, top)
        body.trainable = True
        _fit(tuned, tenth, RATE / SLOWER, max(1, whole - top))
        rows.append(
            {"seed": seed, "images": len(tenth[0])}
            | {"fine-tuned": _accuracy(tuned, judged), "from scratch": _accuracy(scratch, judged)}
        )
    return rows


def _net(shape: tuple[int, ...], classes: int, body: Any, **training: bool) -> Any:
    x = pydl.Input(shape)
    return pydl.Model(x, pydl.layers.Dense(classes, activation="softmax")(body(x, **training)))


def _fit(model: Any, rows: Rows, rate: float, epochs: int) -> None:
    model.compile(pydl.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(*rows, batch_size=BATCH, epochs=epochs, verbose=0)


def _accuracy(model: Any, rows: Rows) -> float:
    return float(model.evaluate(*rows, batch_size=256, verbose=0, return_dict=True)["accuracy"])


def _grey(x: Array, y: Array) -> Rows:
    return (x.astype(np.float32) @ _GREY)[..., None], y.reshape(-1)


def _of(rows: Rows, classes: range) -> Rows:
    """The images of some classes, which are counted from 0."""
    x, y = rows
    here = np.isin(y, classes)
    return x[here], y[here] - classes.start


def _some(rows: Rows, share: float, seed: int) -> Rows:
    chosen = np.random.default_rng(seed).permutation(len(rows[0]))[: int(share * len(rows[0]))]
    return rows[0][chosen], rows[1][chosen]


if __name__ == "__main__":
    sys.exit(main())
