"""Optimizer steps, penalties and gradient clipping; ten-step trajectories are checked with the same formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .draw import normal, uniform
from .spec import Fields, Spec

GROUP = 64  # elements per part of a norm


def decayed(a: Fields) -> NDArray:
    return a["w"] - a["step"]["coef"][1] * a["w"] if a["decay"] else a["w"]


def sgd(a: Fields) -> Fields:
    w, push = decayed(a), -a["step"]["coef"][0] * a["g"]
    if a.get("s0") is None:
        return {"w": w + push}
    m = a["a"] * a["s0"] + push
    return {"w": w + (a["a"] * m + push if a["nesterov"] else m), "s0": m}


def rmsprop(a: Fields) -> Fields:
    rate, rho, g = a["step"]["coef"][0], a["a"], a["g"]
    out = {"s0": rho * a["s0"] + (1 - rho) * g**2}
    variance = out["s0"]
    if a.get("s2") is not None:
        out["s2"] = rho * a["s2"] + (1 - rho) * g
        variance = variance - out["s2"] ** 2
    move = rate * g / np.sqrt(variance + a["eps"])
    if a.get("s1") is not None:
        move = out["s1"] = a["b"] * a["s1"] + move
    return out | {"w": decayed(a) - move}


def adam(a: Fields) -> Fields:
    m = a["s0"] + (a["g"] - a["s0"]) * (1 - a["a"])
    v = a["s1"] + (a["g"] ** 2 - a["s1"]) * (1 - a["b"])
    out = {"s0": m, "s1": v}
    if a.get("s2") is not None:
        v = out["s2"] = np.maximum(a["s2"], v)
    return out | {"w": decayed(a) - a["step"]["coef"][0] * m / (np.sqrt(v) + a["eps"])}


def nadam(a: Fields) -> Fields:
    coef = a["step"]["coef"]
    m = a["s0"] + (a["g"] - a["s0"]) * (1 - a["a"])
    v = a["s1"] + (a["g"] ** 2 - a["s1"]) * (1 - a["b"])
    move = (coef[2] * m + coef[3] * a["g"]) / (np.sqrt(coef[4] * v) + a["eps"])
    return {"s0": m, "s1": v, "w": decayed(a) - move}


def adamax(a: Fields) -> Fields:
    m = a["s0"] + (a["g"] - a["s0"]) * (1 - a["a"])
    u = np.maximum(a["b"] * a["s1"], np.abs(a["g"]))
    return {"s0": m, "s1": u, "w": decayed(a) - a["step"]["coef"][0] * m / (u + a["eps"])}


def adagrad(a: Fields) -> Fields:
    s = a["s0"] + a["g"] ** 2
    return {"s0": s, "w": decayed(a) - a["step"]["coef"][0] * a["g"] / np.sqrt(s + a["eps"])}


def adadelta(a: Fields) -> Fields:
    s = a["a"] * a["s0"] + (1 - a["a"]) * a["g"] ** 2
    move = np.sqrt(a["s1"] + a["eps"]) / np.sqrt(s + a["eps"]) * a["g"]
    return {
        "s0": s,
        "s1": a["a"] * a["s1"] + (1 - a["a"]) * move**2,
        "w": decayed(a) - a["step"]["coef"][0] * move,
    }


def lion(a: Fields) -> Fields:
    way = np.sign(a["a"] * a["s0"] + (1 - a["a"]) * a["g"])
    return {"s0": a["b"] * a["s0"] + (1 - a["b"]) * a["g"], "w": decayed(a) - a["step"]["coef"][0] * way}


def ftrl(a: Fields) -> Fields:
    rate, _, ridge, l1, pull = a["step"]["coef"]
    w, n = decayed(a), a["s0"] + a["g"] ** 2
    z = a["s1"] + a["g"] + pull * w - (n ** a["a"] - a["s0"] ** a["a"]) / rate * w
    rest, scale = np.clip(z, -l1, l1) - z, n ** a["a"] / rate + ridge
    return {"s0": n, "s1": z, "w": np.divide(rest, scale, out=np.zeros_like(z), where=rest != 0)}


# what the kernels of some get behind rate and decay
EXTRA = {"opt_nadam_step": [0.03, 0.02, 1.5], "opt_ftrl_step": [0.7, 0.4, 0.1]}

# kernel: formula, constants, and the choices of slots (the first ones are always there)
OPTIMIZERS: dict[str, tuple[Callable[[Fields], Fields], dict[str, float], tuple[tuple[str, ...], ...]]] = {
    "opt_sgd_step": (sgd, {"a": 0.9}, ((), ("s0",))),
    "opt_rmsprop_step": (
        rmsprop, {"a": 0.9, "b": 0.8, "eps": 1e-7}, (("s0",), ("s0", "s1"), ("s0", "s2"), ("s0", "s1", "s2")),
    ),
    "opt_adam_step": (adam, {"a": 0.9, "b": 0.999, "eps": 1e-7}, (("s0", "s1"), ("s0", "s1", "s2"))),
    "opt_nadam_step": (nadam, {"a": 0.9, "b": 0.999, "eps": 1e-7}, (("s0", "s1"),)),
    "opt_adamax_step": (adamax, {"a": 0.9, "b": 0.99, "eps": 1e-7}, (("s0", "s1"),)),
    "opt_adagrad_step": (adagrad, {"eps": 1e-7}, (("s0",),)),
    "opt_adadelta_step": (adadelta, {"a": 0.9, "eps": 0.1}, (("s0", "s1"),)),
    "opt_lion_step": (lion, {"a": 0.9, "b": 0.99}, (("s0",),)),
    "opt_ftrl_step": (ftrl, {"a": 0.5}, (("s0", "s1"),)),
}  # fmt: skip
POSITIVE = {
    ("opt_rmsprop_step", "s0"), ("opt_adam_step", "s1"), ("opt_adam_step", "s2"), ("opt_nadam_step", "s1"),
    ("opt_adamax_step", "s1"), ("opt_adagrad_step", "s0"), ("opt_adadelta_step", "s0"), ("opt_adadelta_step", "s1"),
    ("opt_ftrl_step", "s0"),
}  # fmt: skip
VARIANTS = [
    (op, slots, decay, nesterov)
    for op, (_, _, choices) in OPTIMIZERS.items()
    for slots in choices
    for decay in (0, 1)
    for nesterov in ((0, 1) if op == "opt_sgd_step" and slots else (0,))
]


def slot(rng: np.random.Generator, dtype: str, op: str, name: str, n: int) -> NDArray:
    """A slot as after some steps: second moments are positive and well above the squares of first ones."""
    if (op, name) in POSITIVE:
        return uniform(rng, dtype, 1, 2, n)
    return uniform(rng, dtype, -0.5, 0.5, n)


def optimizer(op: str, slots: tuple[str, ...], decay: int, nesterov: int, penalty: bool) -> Spec:
    formula, constants, _ = OPTIMIZERS[op]
    l1, l2 = (0.3, 0.2) if penalty else (0.0, 0.0)

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        return {
            "w": sparse(rng, dtype, n), "g": normal(rng, dtype, n), **{s: slot(rng, dtype, op, s, n) for s in slots},
            "n": n, "decay": decay, "nesterov": nesterov, "l1": l1, "l2": l2, **constants,
            "step": {"coef": [0.05, 0.01, *EXTRA.get(op, ())]},
        }  # fmt: skip

    # FTRL subtracts rounded roots of up to 3 and multiplies what is left by a weight of up to 3 over a rate of 0.05.
    scale = 100.0 if op == "opt_ftrl_step" else 1.0
    return Spec(op, args, ("w", *slots), lambda a: formula(a | penalty_gradient(a)), scale=scale)


def sparse(rng: np.random.Generator, dtype: str, n: int) -> NDArray:
    """Weights of which a third are zero."""
    w = normal(rng, dtype, n)
    w[::3] = 0
    return w


def penalty_args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
    return {"w": sparse(rng, dtype, n), "g": normal(rng, dtype, n), "n": n, "l1": 0.3, "l2": 0.2}


def penalty_gradient(a: Fields) -> Fields:
    return {"g": a["g"] + a["l1"] * np.sign(a["w"]) + 2 * a["l2"] * a["w"]}


def norm_args(l1: float, l2: float) -> Callable[[np.random.Generator, str, int], Fields]:
    return lambda rng, dtype, n: {
        "x": normal(rng, dtype, n), "parts": np.full(-(-n // GROUP), np.nan), "n": n, "l1": l1, "l2": l2
    }  # fmt: skip


def norm_parts(a: Fields) -> Fields:
    terms = np.zeros(a["parts"].size * GROUP)
    terms[: a["n"]] = a["l1"] * np.abs(a["x"]) + a["l2"] * a["x"] ** 2
    return {"parts": terms.reshape(-1, GROUP).sum(1)}


def parts_args(add: int | None) -> Callable[[np.random.Generator, str, int], Fields]:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        fields = {
            "parts": rng.uniform(0, 1, n),
            "n": n,
            "slot": 1,
            "factor": 2.0,
            "step": {"sums": rng.uniform(1, 2, 3)},
        }
        return fields if add is None else {**fields, "total": rng.uniform(1, 2, 1), "add": add}

    return args


def sum_parts(a: Fields) -> Fields:
    sums = a["step"]["sums"].copy()
    if a.get("total") is not None:
        return {"total": a["add"] * a["total"] + a["parts"].sum(), "sums": sums}
    sums[1] += a["factor"] * a["parts"].sum()
    return {"sums": sums}


def clip_args(limit: float, norm: bool) -> Callable[[np.random.Generator, str, int], Fields]:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        g = normal(rng, dtype, n)
        return {"g": g, "norm2": np.array([25.0]) if norm else None, "n": n, "limit": limit}

    return args


def clipped(a: Fields) -> Fields:
    if a["norm2"] is None:
        return {"g": np.clip(a["g"], -a["limit"], a["limit"])}
    return {"g": a["g"] * min(1.0, a["limit"] / np.sqrt(a["norm2"][0]))}


STEPS, MOMENTUM = 3, 0.75


def accumulate_args(update: bool) -> Callable[[np.random.Generator, str, int], Fields]:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        g, total = normal(rng, dtype, n), normal(rng, dtype, n)
        return {"g": g, "total": total, "n": n, "steps": STEPS, "step": {"update": update}}

    return args


def accumulated(a: Fields) -> Fields:
    total = a["total"] + a["g"]
    return {"g": total / STEPS, "total": 0 * total} if a["step"]["update"] else {"g": a["g"], "total": total}


def average_args(count: int, frequency: int) -> Callable[[np.random.Generator, str, int], Fields]:
    """After `count` batches, two of which make an update."""

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        w, average = normal(rng, dtype, n), normal(rng, dtype, n)
        return {"w": w, "average": average, "n": n, "momentum": MOMENTUM, "steps": 2, "frequency": frequency,
                "step": {"count": count}}  # fmt: skip

    return args


def averaged(a: Fields) -> Fields:
    updates = a["step"]["count"] // 2
    momentum = MOMENTUM if updates else 0.0
    average = momentum * a["average"] + (1 - momentum) * a["w"]
    overwrite = a["frequency"] and (updates + 1) % a["frequency"] == 0
    return {"w": average if overwrite else a["w"], "average": average}


SPECS = [
    *(optimizer(*variant, penalty) for variant in VARIANTS for penalty in (False, True)),
    Spec("penalty_grad", penalty_args, ("g",), penalty_gradient),
    *(Spec("norm_parts", norm_args(*factors), ("parts",), norm_parts) for factors in ((0.3, 0.2), (0.0, 1.0))),
    *(
        Spec("sum_parts", parts_args(add), ("sums",) if add is None else ("total", "sums"), sum_parts)
        for add in (None, 0, 1)
    ),
    *(Spec("grad_accumulate", accumulate_args(update), ("g", "total"), accumulated) for update in (False, True)),
    *(
        Spec("opt_average", average_args(count, frequency), ("w", "average"), averaged)
        for count, frequency in ((0, 0), (2, 3), (4, 2), (7, 3))
    ),
    *(Spec("grad_clip", clip_args(*case), ("g",), clipped) for case in ((2.0, True), (7.0, True), (0.5, False))),
]
