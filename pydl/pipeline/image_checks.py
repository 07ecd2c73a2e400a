"""What a careful colleague would say of folders of images, a sentence each."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.data import ImageSource
from pydl.data.images import files

Array = NDArray[Any]

_NAMED = 5  # classes


def outside(path: str | os.PathLike[str], parts: Sequence[str]) -> list[str]:
    """Which images lie in no folder of a class, of those that some parts hold."""
    places = [(f"{part}/" if part else "", part.count("/") + 2 if part else 1) for part in parts]
    lost = [n for n in files(path) if not any(n.startswith(top) and n.count("/") == depth for top, depth in places)]
    if not lost:
        return []
    return [f'{len(lost):,} image{"s" * (len(lost) > 1)} in no folder of a class not used, such as "{lost[0]}"']


def never_judged(classes: Sequence[str], labels: Array) -> list[str]:
    """Which classes have no image to be judged by."""
    counts = np.bincount(labels, minlength=len(classes))
    lacking = [f'"{classes[k]}"' for k in np.flatnonzero(counts == 0).tolist()]
    if not lacking:
        return []
    return [f"no image to judge by of {', '.join(lacking[:_NAMED])}{' ...' * (len(lacking) > _NAMED)}"]


def differing(sources: Sequence[ImageSource]) -> list[str]:
    """What was said of images by the first of them, and is not so of others that were decoded."""
    high, wide, colours = sources[0].shape
    counts = Counter(kind for source in sources for kind, _ in source.differing)
    said = []
    if n := counts["size"]:
        were = f"image{'s' * (n > 1)} of other sizes {'were' if n > 1 else 'was'}"
        said.append(f"{n:,} {were} brought to {wide} x {high}, --image-size N to N x N")
    if n := counts["colour"]:
        kinds = ("grey, among images in colour", "in colour, made grey as the first one is")
        said.append(f"{n:,} image{'s' * (n > 1)} {kinds[colours == 1]}")
    if n := counts["turned"]:
        said.append(
            f"{n:,} image{'s say' if n > 1 else ' says'} that viewers should turn or mirror it (Exif): it is read as "
            "it is stored, as Keras does; where that matters, store it turned, by Pillow's ImageOps.exif_transpose"
        )
    return said


def twice(x: Array, y: Array, x_test: Array) -> list[str]:
    """Which images are there more than once: learnt from and judged by, or under several classes."""
    of_each: dict[bytes, set[int]] = {}
    for image, label in zip(x, y.tolist(), strict=True):
        of_each.setdefault(_digest(image), set()).add(label)
    both = sum(_digest(image) in of_each for image in x_test)
    several = sum(len(labels) > 1 for labels in of_each.values())
    said = []
    if both:
        said.append(
            f"{both:,} of {len(x_test):,} test images {'is' if both == 1 else 'are'} among the training images too, "
            "pixel by pixel as they are read: they make figures too good; leave the copies out"
        )
    if several:
        said.append(f"{several:,} training image{'s are' if several > 1 else ' is'} there under several classes")
    return said


def _digest(image: Array) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
