"""Moving and combining arrays."""

from __future__ import annotations

import numpy as np

from .draw import Shape, blank, normal, tall, wide
from .gemm import eighths
from .norms import columns, rows
from .spec import Fields, Spec

SOURCES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def gather(source: str, shape: Shape, indexed: bool, in_place: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        if np.dtype(source).kind == "f":
            data = rng.standard_normal((B + 9, O)).astype(source)
        else:
            limits = np.iinfo(source)
            data = rng.integers(limits.min, limits.max, (B + 9, O), source, endpoint=True)
        chosen = rng.integers(0, B + 9, B) if indexed else None
        step = {"rows": chosen, "row0": 4, "src": [np.zeros((1, 1)), data]}
        return {"y": blank(dtype, B, O), "B": B, "O": O, "k": 1, "step": step, "in_place": in_place}

    def reference(a: Fields) -> Fields:
        step = a["step"]
        chosen = np.arange(4, 4 + a["B"]) if step["rows"] is None else step["rows"]
        return {"y": step["src"][1][chosen].astype(np.float64)}

    return Spec("gather", args, ("y",), reference)


def put(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        step = {"row0": 2, "sinks": [normal(rng, dtype, B + 4, O)]}
        return {"x": normal(rng, dtype, B, O), "B": B, "O": O, "k": 0, "step": step}

    def reference(a: Fields) -> Fields:
        sink = a["step"]["sinks"][0].astype(np.float64)
        sink[2 : 2 + a["B"]] = a["x"]
        return {"sinks": [sink]}

    return Spec("put", args, ("sinks",), reference)


def affine(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {"x": normal(rng, dtype, B, O), "y": blank(dtype, B, O), "B": B, "O": O, "a": 1.7, "c": -0.3}

    # Terms of y reach 7; the constants are rounded to the dtype.
    return Spec("affine", args, ("y",), lambda a: {"y": a["a"] * a["x"] + a["c"]}, in_place=(("x", "y"),))


def binary(op: str, shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        x1, x2 = normal(rng, dtype, B, O), normal(rng, dtype, B, O)
        return {"x1": x1, "x2": x2, "y": blank(dtype, B, O), "B": B, "O": O}

    def reference(a: Fields) -> Fields:
        return {"y": BINARY[op](a["x1"], a["x2"])}

    return Spec(op, args, ("y",), reference, in_place=(("x1" if shape is wide else "x2", "y"),))


BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip


def larger(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        x1, x2 = (rng.integers(-2, 3, (B, O)).astype(dtype) for _ in range(2))
        return {"x1": x1, "x2": x2, "dy": normal(rng, dtype, B, O), "dx": blank(dtype, B, O), "B": B, "O": O}

    def reference(a: Fields) -> Fields:
        return {"dx": a["dy"] * ((a["x1"] > a["x2"]) + 0.5 * (a["x1"] == a["x2"]))}

    return Spec("larger", args, ("dx",), reference, ulps=0.0, in_place=(("dy", "dx"),))


def prelu_fwd(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {"x": normal(rng, dtype, B, O), "w": normal(rng, dtype, O), "y": blank(dtype, B, O), "B": B, "O": O}

    def reference(a: Fields) -> Fields:
        return {"y": np.where(a["x"] > 0, a["x"], a["w"] * a["x"])}

    return Spec("prelu_fwd", args, ("y",), reference, ulps=1.0, in_place=(("x", "y"),))


def prelu_bwd(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        x, dy, w = normal(rng, dtype, B, O), normal(rng, dtype, B, O), normal(rng, dtype, O)
        return {"x": x, "dy": dy, "w": w, "dx": blank(dtype, B, O), "B": B, "O": O}

    def reference(a: Fields) -> Fields:
        return {"dx": np.where(a["x"] > 0, a["dy"], a["w"] * a["dy"])}

    return Spec("prelu_bwd", args, ("dx",), reference, ulps=1.0, in_place=(("dy", "dx"),))


def prelu_grad(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        x, dy = normal(rng, dtype, B, O), normal(rng, dtype, B, O)
        return {"x": x, "dy": dy, "dw": normal(rng, dtype, O), "n": O, "B": B, "add": add}

    def reference(a: Fields) -> Fields:
        return {"dw": add * a["dw"] + (np.minimum(a["x"], 0) * a["dy"]).sum(0)}

    # Products reach 10, each rounded to the dtype, a thousand of them.
    return Spec("prelu_grad", args, ("dw",), reference, scale=32.0)


def copy(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        x, y = normal(rng, dtype, B, O + 3), normal(rng, dtype, B, O + 5)
        return {"x": x, "y": y, "B": B, "O": O, "ldx": O + 3, "ldy": O + 5, "xo": 2, "yo": 4, "add": add}

    def reference(a: Fields) -> Fields:
        y, O = a["y"].copy(), a["O"]
        y[:, 4 : 4 + O] = add * y[:, 4 : 4 + O] + a["x"][:, 2 : 2 + O]
        return {"y": y}

    return Spec("copy", args, ("y",), reference)


def colsum(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {"x": normal(rng, dtype, B, O), "y": normal(rng, dtype, O), "n": O, "B": B, "add": add}

    return Spec("colsum", args, ("y",), lambda a: {"y": add * a["y"] + a["x"].sum(0)})


TABLE, CODES = 7, 2  # rows of an embedding's table, codes in a sample


def codes(rng: np.random.Generator, dtype: str, B: int) -> np.ndarray:
    """Codes of the table's rows, a few of which name none; these give NaN, and no gradient."""
    x = rng.integers(0, TABLE, B).astype(dtype)
    x[::9] = np.resize([-1, TABLE, np.nan, 1e30], -(-x.size // 9))
    return x


def embed_fwd(shape: Shape) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        B -= B % CODES
        return {
            "x": codes(rng, dtype, B),
            "w": normal(rng, dtype, TABLE, O),
            "y": blank(dtype, B, O),
            "B": B,
            "L": CODES,
            "O": O,
            "V": TABLE,
        }

    def reference(a: Fields) -> Fields:
        known = (a["x"] >= 0) & (a["x"] < TABLE)
        return {"y": np.where(known[..., None], a["w"][np.where(known, a["x"], 0).astype(int)], np.nan)}

    return Spec("embed_fwd", args, ("y",), reference, ulps=0.0)


def embed_bwd(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        B -= B % CODES
        dw = eighths(rng, dtype, TABLE, O) if add else blank(dtype, TABLE, O)
        dy = eighths(rng, dtype, B, O)
        return {"x": codes(rng, dtype, B), "dy": dy, "dw": dw, "n": dw.size, "B": B, "L": CODES, "O": O, "V": TABLE,
                "add": add}  # fmt: skip

    def reference(a: Fields) -> Fields:
        dw = a["dw"].copy() if add else np.zeros_like(a["dw"])
        known = (a["x"] >= 0) & (a["x"] < TABLE)
        np.add.at(dw, a["x"][known].astype(int), a["dy"][known])
        return {"dw": dw}

    return Spec("embed_bwd", args, ("dw",), reference, ulps=0.0)  # sums of eighths are exact


SPECS = [
    *(embed_fwd(shape) for shape in (wide, tall)),
    *(embed_bwd(shape, add) for shape in (wide, tall) for add in (0, 1)),
    *(gather(source, wide, True) for source in SOURCES),
    gather("float32", tall, True),
    gather("uint8", tall, False),
    gather("uint8", wide, True, in_place=1),
    *(put(shape) for shape in (wide, tall)),
    *(affine(shape) for shape in (wide, tall)),
    *(binary(op, shape) for op in BINARY for shape in (wide, tall)),
    *(make(shape) for make in (larger, prelu_fwd, prelu_bwd) for shape in (wide, tall)),
    *(prelu_grad(*case) for case in ((columns, 0), (rows, 0), (columns, 1))),
    *(copy(shape, add) for shape in (wide, tall) for add in (0, 1)),
    *(colsum(*case) for case in ((columns, 0), (rows, 0), (columns, 1))),
]
