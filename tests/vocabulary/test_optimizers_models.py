"""Ten steps of `fit` with every optimizer in float64, against the formula in NumPy, on every instruction set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import optimizers as opt
from pydl.callbacks import LambdaCallback

STEPS, BATCH = 10, 6
RTOL = 1e-11  # the roundings of ten steps, through square roots

pytestmark = pytest.mark.usefixtures("isa", "float64")

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = dict[str, Array]
Rule = Callable[[Array, Array, dict[str, Array], float, int], None]  # w, g, slots, rate, t from 1: one step in place


def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * BATCH, 5))
    return x, np.sin(x @ rng.normal(size=(5, 3)))


X, Y = data()


def build(optimizer: Any, **options: Any) -> Any:
    """5-37-3: kernels of one and of several panels, biases of two lengths."""
    pydl.utils.set_random_seed(2)
    model = pydl.Sequential(
        [pydl.Input((5,)), pydl.layers.Dense(37, "tanh", **options), pydl.layers.Dense(3, **options)]
    )
    model.compile(optimizer, "mse")
    return model


def gradients(w: Weights, x: Array, y: Array) -> Weights:
    h = np.tanh(x @ w["w1"] + w["b1"])
    dz2 = 2 * (h @ w["w2"] + w["b2"] - y) / y.size
    dz1 = dz2 @ w["w2"].T * (1 - h**2)
    return {"w1": x.T @ dz1, "b1": dz1.sum(axis=0), "w2": h.T @ dz2, "b2": dz2.sum(axis=0)}


def sgd(momentum: float = 0.0, nesterov: bool = False) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        if not momentum:
            w -= rate * g
            return
        s["m"] = momentum * s.get("m", 0) - rate * g
        w += momentum * s["m"] - rate * g if nesterov else s["m"]

    return step


def rmsprop(rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7, centered: bool = False) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["v"] = rho * s.get("v", 0) + (1 - rho) * g**2
        s["a"] = rho * s.get("a", 0) + (1 - rho) * g
        d = rate * g / np.sqrt(s["v"] - (s["a"] ** 2 if centered else 0) + epsilon)
        s["m"] = momentum * s.get("m", 0) + d
        w -= s["m"]

    return step


def adam(beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        m, v = s.get("m", np.zeros_like(w)), s.get("v", np.zeros_like(w))
        s["m"] = m + (g - m) * (1 - beta_1)
        s["v"] = v + (g**2 - v) * (1 - beta_2)
        s["hat"] = np.maximum(s.get("hat", 0), s["v"])
        root = np.sqrt(s["hat"] if amsgrad else s["v"])
        w -= rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * s["m"] / (root + epsilon)

    return step


def nadam(beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Rule:
    def u(t: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96**t)

    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
        before = math.prod(u(i) for i in range(1, t + 1))
        hat = u(t + 1) * s["m"] / (1 - before * u(t + 1)) + (1 - u(t)) * g / (1 - before)
        w -= rate * hat / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)

    return step


def adamax(beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["u"] = np.maximum(beta_2 * s.get("u", 0), np.abs(g))
        w -= rate * s["m"] / ((1 - beta_1**t) * (s["u"] + epsilon))

    return step


def adagrad(first: float = 0.1, epsilon: float = 1e-7) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["sum"] = s.get("sum", first) + g**2
        w -= rate * g / np.sqrt(s["sum"] + epsilon)

    return step


def adadelta(rho: float = 0.95, epsilon: float = 1e-7) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["g"] = rho * s.get("g", 0) + (1 - rho) * g**2
        d = g * np.sqrt(s.get("d", 0) + epsilon) / np.sqrt(s["g"] + epsilon)
        s["d"] = rho * s.get("d", 0) + (1 - rho) * d**2
        w -= rate * d

    return step


def lion(beta_1: float = 0.9, beta_2: float = 0.99) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        m = s.get("m", np.zeros_like(w))
        w -= rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        s["m"] = beta_2 * m + (1 - beta_2) * g

    return step


def ftrl(
    power: float = 0.5, first: float = 0.1, l1: float = 0.0, l2: float = 0.0, shrinkage: float = 0.0, beta: float = 0.0
) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        old = s.get("n", np.full_like(w, first))
        s["n"] = old + g**2
        s["z"] = s.get("z", 0) + g + 2 * shrinkage * w - (s["n"] ** power - old**power) / rate * w
        w[...] = (np.clip(s["z"], -l1, l1) - s["z"]) / (s["n"] ** power / rate + 2 * (l2 + beta / (2 * rate)))

    return step


def lamb(beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Rule:
    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
        u = s["m"] / (1 - beta_1**t) / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)
        lengths = np.sqrt(np.sum(w**2)), np.sqrt(np.sum(u**2))
        w -= rate * (lengths[0] / lengths[1] if min(lengths) > 0 else 1.0) * u

    return step


def adafactor(decay: float = -0.8, epsilon_1: float = 1e-30, epsilon_2: float = 1e-3, threshold: float = 1.0) -> Rule:
    def rms(x: Array) -> Any:
        return np.sqrt(np.mean(x**2))

    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        b, squares = 1 - t**decay, g**2 + epsilon_1
        if w.ndim == 1:
            v = s["v"] = b * s.get("v", 0) + (1 - b) * squares
        else:
            s["r"] = b * s.get("r", 0) + (1 - b) * squares.mean(axis=1)
            s["c"] = b * s.get("c", 0) + (1 - b) * squares.mean(axis=0)
            v = np.outer(s["r"] / s["r"].mean(), s["c"])
        u = g / np.sqrt(v)
        w -= max(epsilon_2, rms(w)) * min(rate, t**-0.5) * u / max(1.0, rms(u) / threshold)

    return step


def muon(momentum: float = 0.95, nesterov: bool = True, rms_rate: float | None = 0.2, steps: int = 5) -> Rule:
    """By singular values, which the polynomial maps one by one."""
    a, b, c = 3.4445, -4.7750, 2.0315
    other = adam()

    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        if w.ndim == 1:
            other(w, g, s, rate, t)
            return
        s["m"] = momentum * s.get("m", 0) + g
        left, x, right = np.linalg.svd(g + momentum * s["m"] if nesterov else s["m"], full_matrices=False)
        x = x / (np.sqrt(np.sum(x**2)) + 1e-7)
        for _ in range(steps):
            x = a * x + b * x**3 + c * x**5
        w -= rate * (1.0 if rms_rate is None else np.sqrt(max(w.shape)) * rms_rate) * (left * x) @ right

    return step


def schedule_free(beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, warmup: int = 1) -> Rule:
    """With the mean and what steps kept apart, and the weight made of them."""

    def step(w: Array, g: Array, s: dict[str, Array], rate: float, t: int) -> None:
        z, x = s.get("z", w.copy()), s.get("x", w.copy())
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
        s["z"] = z - rate * min(1, t / warmup) * g / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)
        s["x"] = (1 - 1 / t) * x + s["z"] / t
        w[...] = (1 - beta_1) * s["z"] + beta_1 * s["x"]

    return step


def by_norm(limit: float) -> Callable[[Weights], Weights]:
    return lambda gs: {k: g * min(1, limit / np.linalg.norm(g)) for k, g in gs.items()}


def by_global_norm(limit: float) -> Callable[[Weights], Weights]:
    def clip(gs: Weights) -> Weights:
        norm = np.sqrt(sum(np.sum(g**2) for g in gs.values()))
        return {k: g * min(1, limit / norm) for k, g in gs.items()}

    return clip


def by_value(limit: float) -> Callable[[Weights], Weights]:
    return lambda gs: {k: np.clip(g, -limit, limit) for k, g in gs.items()}


def trajectory(
    weights: list[Array], rule: Rule, rate: Callable[[int], float], decay: float, clip: Any, decayed: str = "wb"
) -> list[list[Array]]:
    """The weights after each step; `rate(i)`: of the step after i others."""
    w = {k: v.copy() for k, v in zip(("w1", "b1", "w2", "b2"), weights, strict=True)}
    slots: dict[str, dict[str, Array]] = {k: {} for k in w}
    states = []
    for i in range(STEPS):
        batch = slice(i * BATCH, (i + 1) * BATCH)
        gs = gradients(w, X[batch], Y[batch])
        clipped = gs if clip is None else clip(gs)
        assert clip is None or any(np.any(clipped[k] != gs[k]) for k in gs), "the limit limits something"
        for k in w:
            if k[0] in decayed:
                w[k] -= rate(i) * decay * w[k]
            rule(w[k], clipped[k], slots[k], rate(i), i + 1)
        states.append([v.copy() for v in w.values()])
    return states


def check(optimizer: Any, rule: Rule, rate: Any = 0.05, decay: float = 0.0, clip: Any = None) -> None:
    """Weights after every step of a fit, and after a fit that runs its steps in one go."""
    rates = rate if callable(rate) else lambda i: rate
    model = build(optimizer)
    first = model.get_weights()
    expected = trajectory(first, rule, rates, decay, clip)
    seen: list[list[Array]] = []
    watcher = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(model.get_weights()))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[watcher])
    assert len(seen) == STEPS == model.optimizer.iterations
    for got, wanted in zip(seen, expected, strict=True):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=RTOL, atol=RTOL)
    at_once = build(type(optimizer).from_config(optimizer.get_config()))
    at_once.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    for a, b in zip(at_once.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert max(np.abs(a - b).max() for a, b in zip(first, seen[-1], strict=True)) > 1e-3


RULES: dict[str, tuple[Callable[..., Any], Rule]] = {
    "sgd": (opt.SGD, sgd()),
    "sgd, momentum": (lambda **k: opt.SGD(momentum=0.8, **k), sgd(0.8)),
    "sgd, nesterov": (lambda **k: opt.SGD(momentum=0.8, nesterov=True, **k), sgd(0.8, True)),
    "rmsprop": (opt.RMSprop, rmsprop()),
    "rmsprop, momentum": (lambda **k: opt.RMSprop(rho=0.8, momentum=0.7, **k), rmsprop(0.8, 0.7)),
    "rmsprop, centered": (lambda **k: opt.RMSprop(epsilon=1e-3, centered=True, **k), rmsprop(0.9, 0, 1e-3, True)),
    "rmsprop, both": (lambda **k: opt.RMSprop(0.1, 0.9, 0.5, 1e-3, True, **k), rmsprop(0.9, 0.5, 1e-3, True)),
    "adam": (opt.Adam, adam()),
    "adam, other betas": (lambda **k: opt.Adam(beta_1=0.5, beta_2=0.7, epsilon=0.01, **k), adam(0.5, 0.7, 0.01)),
    "adam, amsgrad": (lambda **k: opt.Adam(beta_2=0.5, amsgrad=True, **k), adam(0.9, 0.5, amsgrad=True)),
    "nadam": (opt.Nadam, nadam()),
    "nadam, other betas": (lambda **k: opt.Nadam(beta_1=0.5, beta_2=0.7, epsilon=0.01, **k), nadam(0.5, 0.7, 0.01)),
    "adamax": (opt.Adamax, adamax()),
    "adamax, other betas": (lambda **k: opt.Adamax(beta_1=0.5, beta_2=0.7, epsilon=0.01, **k), adamax(0.5, 0.7, 0.01)),
    "adagrad": (opt.Adagrad, adagrad()),
    "adagrad, from 0.5": (lambda **k: opt.Adagrad(0.1, 0.5, 0.01, **k), adagrad(0.5, 0.01)),
    "adadelta": (lambda **k: opt.Adadelta(epsilon=0.01, **k), adadelta(0.95, 0.01)),
    "adadelta, other rho": (lambda **k: opt.Adadelta(1.0, 0.5, 0.1, **k), adadelta(0.5, 0.1)),
    "lion": (opt.Lion, lion()),
    "lion, other betas": (lambda **k: opt.Lion(beta_1=0.5, beta_2=0.7, **k), lion(0.5, 0.7)),
    "ftrl": (opt.Ftrl, ftrl()),
    "ftrl, all": (
        lambda **k: opt.Ftrl(0.1, -0.3, 0.2, 0.01, 0.1, 0.05, 0.5, **k),
        ftrl(0.3, 0.2, 0.01, 0.1, 0.05, 0.5),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule(name: str) -> None:
    make, rule = RULES[name]
    optimizer = make()
    optimizer.learning_rate = 0.05
    check(optimizer, rule)


@pytest.mark.parametrize("name", ["sgd, nesterov", "rmsprop, both", "adam, amsgrad", "nadam", "adagrad", "lion"])
@pytest.mark.parametrize(
    ("option", "clip"),
    [
        ({"clipnorm": 0.05}, by_norm(0.05)),
        ({"clipvalue": 0.02}, by_value(0.02)),
        ({"global_clipnorm": 0.2}, by_global_norm(0.2)),
    ],
)
def test_clipping_and_weight_decay(name: str, option: dict[str, float], clip: Any) -> None:
    make, rule = RULES[name]
    optimizer = make(weight_decay=0.3, **option)
    optimizer.learning_rate = 0.05
    check(optimizer, rule, decay=0.3, clip=clip)


def test_muon_decays_matrices_and_the_rest_each_as_told() -> None:
    optimizer = opt.Muon(0.05, weight_decay=0.5, adam_weight_decay=None)
    model = build(optimizer)
    expected = trajectory(model.get_weights(), muon(), lambda i: 0.05, 0.5, None, decayed="w")
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), expected[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=RTOL)


def test_muon_leaves_excluded_layers_to_adam() -> None:
    w = pydl.Variable(np.eye(3))
    optimizer = opt.Muon(0.05, exclude_layers=["variab"], weight_decay=None, adam_weight_decay=None)
    g = np.arange(9.0).reshape(3, 3) - 4
    optimizer.apply([g], [w])
    np.testing.assert_allclose(w, np.eye(3) - 0.05 * np.sign(g), rtol=0, atol=1e-6)


def test_adamw_decays_by_default() -> None:
    check(opt.AdamW(0.05), adam(), decay=0.004)


def test_weights_excluded_from_decay() -> None:
    optimizer = opt.AdamW(0.05, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = build(optimizer)
    expected = trajectory(model.get_weights(), adam(), lambda i: 0.05, 0.5, None, decayed="w")
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), expected[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=RTOL)


SCHEDULES: dict[str, tuple[Any, Callable[[int], float]]] = {
    "exponential": (opt.schedules.ExponentialDecay(0.1, 3, 0.5), lambda i: 0.1 * 0.5 ** (i / 3)),
    "staircase": (opt.schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True), lambda i: 0.1 * 0.5 ** (i // 3)),
    "pieces": (
        opt.schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01]),
        lambda i: 0.1 if i <= 2 else 0.05 if i <= 5 else 0.01,
    ),
    "polynomial": (
        opt.schedules.PolynomialDecay(0.1, 6, 0.01, power=2.0),
        lambda i: (0.1 - 0.01) * (1 - min(i, 6) / 6) ** 2 + 0.01,
    ),
    "cosine after a warm-up": (
        opt.schedules.CosineDecay(0.01, 6, 0.1, warmup_target=0.1, warmup_steps=3),
        lambda i: 0.01 + 0.09 * i / 3 if i < 3 else 0.1 * (0.9 * 0.5 * (1 + np.cos(np.pi * min(i - 3, 6) / 6)) + 0.1),
    ),
}


@pytest.mark.parametrize("name", ["sgd, momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(name: str, schedule: str) -> None:
    make, rule = RULES[name]
    given, rate = SCHEDULES[schedule]
    optimizer = make()
    optimizer.learning_rate = given
    check(optimizer, rule, rate)


def test_a_rate_set_between_batches_holds_from_the_next_on() -> None:
    model = build(opt.SGD(0.05))
    expected = trajectory(model.get_weights(), sgd(), lambda i: 0.05 if i < 4 else 0.2, 0.0, None)

    def speed_up(batch: int, logs: Any) -> None:
        if batch == 4:
            model.optimizer.learning_rate = 0.2

    watcher = LambdaCallback(on_train_batch_begin=speed_up)
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[watcher])
    for a, b in zip(model.get_weights(), expected[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=RTOL)


# -- written in NumPy -------------------------------------------------------------------------------------------------


class OwnLion(opt.Optimizer):
    """The sign of an interpolated momentum (Chen et al. 2023), by its formula."""

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum",)

    def update(self, w: Array, g: Array, slots: dict[str, Array], rate: float, t: int) -> None:
        m = slots["momentum"]
        w -= rate * np.sign(0.9 * m + 0.1 * g)
        m[...] = 0.99 * m + 0.01 * g


@pytest.mark.parametrize("rate", ["constant", "exponential"])
def test_an_optimizer_in_numpy(rate: str) -> None:
    given, of_step = (0.01, 0.01) if rate == "constant" else SCHEDULES[rate]
    check(OwnLion(given, weight_decay=0.3, clipvalue=0.05), lion(), of_step, decay=0.3, clip=by_value(0.05))


def test_a_constraint_holds_after_every_step() -> None:
    norms: list[float] = []
    free = build(opt.SGD(0.5))
    free.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    model = build(opt.SGD(0.5), kernel_constraint=pydl.constraints.MaxNorm(0.5))
    kernel = model.layers[0].kernel
    watcher = LambdaCallback(
        on_train_batch_end=lambda batch, logs: norms.append(np.linalg.norm(kernel.numpy(), axis=0).max())
    )
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[watcher])
    assert len(norms) == STEPS
    assert max(norms) <= 0.5 + 1e-6
    assert np.linalg.norm(free.layers[0].kernel.numpy(), axis=0).max() > 0.6
    first = build(opt.SGD(0.5))
    w = dict(zip(("w1", "b1", "w2", "b2"), first.get_weights(), strict=True))
    gs = gradients(w, X[:BATCH], Y[:BATCH])
    one = build(opt.SGD(0.5), kernel_constraint=pydl.constraints.MaxNorm(0.5))
    one.train_on_batch(X[:BATCH], Y[:BATCH])
    stepped = w["w1"] - 0.5 * gs["w1"]
    length = np.linalg.norm(stepped, axis=0)
    expected = stepped * np.clip(length, 0, 0.5) / (length + 1e-7)
    np.testing.assert_allclose(one.layers[0].kernel.numpy(), expected, rtol=RTOL)
