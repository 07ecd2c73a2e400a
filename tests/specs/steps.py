"""Steps of sequences: which count, and the mean over those that do."""

from __future__ import annotations

import numpy as np

from .draw import Shape, blank, normal, tall, wide
from .spec import Fields, Spec

STEPS, VALUE = 3, 0.5  # rows of a sample; what masked rows hold


def sizes(shape: Shape, n: int) -> tuple[int, int]:
    """Whole samples."""
    B, O = shape(n)
    return B // STEPS * STEPS, O


def mask(rng: np.random.Generator, dtype: str, B: int) -> np.ndarray:
    """Most rows count, and of some samples none."""
    counts = (rng.random(B) < 0.7).astype(dtype)
    counts[: STEPS if B > STEPS else 0] = 0
    return counts


def mask_steps(shape: Shape, output: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = sizes(shape, n)
        x = normal(rng, dtype, B, O)
        x[::2] = VALUE
        x[::4, -1] = np.nan  # counts
        return {"x": x, "y": blank(dtype, B, O) if output else None, "m": blank(dtype, B), "B": B, "O": O, "L": STEPS,
                "value": VALUE}  # fmt: skip

    def reference(a: Fields) -> Fields:
        m = (a["x"] != VALUE).any(axis=1)
        return {"m": m * 1.0} | ({"y": np.where(m[:, None], a["x"], 0)} if output else {})

    return Spec("mask_steps", args, ("m", "y") if output else ("m",), reference, ulps=0.0)


def keep_steps(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = sizes(shape, n)
        m = mask(rng, dtype, B)
        x = np.where(m[:, None] != 0, normal(rng, dtype, B, O), np.nan).astype(dtype)  # what is masked does not matter
        y = normal(rng, dtype, B, O) if add else blank(dtype, B, O)
        return {"x": x, "m": m, "y": y, "B": B, "O": O, "L": STEPS, "add": add}

    def reference(a: Fields) -> Fields:
        kept = np.where(a["m"][:, None] != 0, a["x"], 0)
        return {"y": kept + a["y"] if add else kept}

    return Spec("keep_steps", args, ("y",), reference)


def counted(a: Fields) -> np.ndarray:
    """Rows that count, by sample."""
    m = np.ones(a["B"]) if a["m"] is None else a["m"]
    return m.reshape(-1, STEPS)


def mean_fwd(shape: Shape, masked: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = sizes(shape, n)
        m = mask(rng, dtype, B) if masked else None
        return {"x": normal(rng, dtype, B, O), "m": m, "y": blank(dtype, B // STEPS, O), "B": B, "O": O, "L": STEPS}

    def reference(a: Fields) -> Fields:
        m, x = counted(a), a["x"].reshape(-1, STEPS, a["O"])
        return {"y": (x * m[..., None]).sum(1) / np.maximum(m.sum(1), 1)[:, None]}

    return Spec("mean_steps_fwd", args, ("y",), reference)


def mean_bwd(shape: Shape, masked: bool, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = sizes(shape, n)
        m = mask(rng, dtype, B) if masked else None
        dx = normal(rng, dtype, B, O) if add else blank(dtype, B, O)
        return {"dy": normal(rng, dtype, B // STEPS, O), "m": m, "dx": dx, "B": B, "O": O, "L": STEPS, "add": add}

    def reference(a: Fields) -> Fields:
        m = counted(a)
        slope = (a["dy"][:, None] * (m / np.maximum(m.sum(1), 1)[:, None])[..., None]).reshape(a["B"], a["O"])
        return {"dx": slope + a["dx"] if add else slope}

    return Spec("mean_steps_bwd", args, ("dx",), reference)


SPECS = [
    *(mask_steps(shape, output) for shape in (wide, tall) for output in (True, False)),
    *(keep_steps(shape, add) for shape in (wide, tall) for add in (0, 1)),
    *(mean_fwd(shape, masked) for shape in (wide, tall) for masked in (True, False)),
    *(mean_bwd(shape, masked, add) for shape in (wide, tall) for masked in (True, False) for add in (0, 1)),
]
