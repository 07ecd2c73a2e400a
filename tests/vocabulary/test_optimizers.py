"""Optimizers: coefficients, slots and constants, stepped in NumPy as kernels are told to, against the papers' forms.

`step` below is the contract between these classes and the kernels: it uses only what a kernel gets (coefficients,
fields, slots). The references keep their own state and formulas. The kernels have tests of their own.
"""

import inspect
import json

import numpy as np
import pytest

import pydl
from pydl import optimizers
from pydl._engine.layout import Panels
from pydl._engine.variable import Variable
from pydl.optimizers import schedules

STEPS = 10
# Ten steps of some twenty operations each in float64, in another order.
RTOL = 1e-12


def step(optimizer, w, g, slots, coef, decay):
    """One step of the kernel `optimizer.op`."""
    a, b, eps = (optimizer.fields().get(k, 0.0) for k in ("a", "b", "eps"))
    rate = coef[0]
    if decay:
        w -= coef[1] * w
    if optimizer.op == "opt_sgd_step":
        if not slots:
            w -= rate * g
            return
        (m,) = slots
        m[:] = a * m - rate * g
        w += a * m - rate * g if optimizer.fields()["nesterov"] else m
    elif optimizer.op == "opt_rmsprop_step":
        v, m, mean = slots
        v[:] = a * v + (1 - a) * g**2
        variance = v
        if mean is not None:
            mean[:] = a * mean + (1 - a) * g
            variance = v - mean**2
        d = rate * g / np.sqrt(variance + eps)
        if m is not None:
            m[:] = b * m + d
            d = m
        w -= d
    else:
        m, v, top = (*slots, None)[:3]
        m += (g - m) * (1 - a)
        v += (g**2 - v) * (1 - b)
        if top is not None:
            top[:] = np.maximum(top, v)
            v = top
        w -= rate * m / (np.sqrt(v) + eps)


def run(optimizer, weights, gradients):
    slots = [[None if s is None else np.zeros_like(w) for s in optimizer.slots] for w in weights]
    rates = optimizer.rates(0, STEPS)
    coefficients = optimizer.coefficients(np.arange(1, STEPS + 1), rates)
    assert coefficients.shape == (STEPS, 8)
    assert coefficients.dtype == np.float64
    for coef, gs in zip(coefficients, gradients, strict=True):
        for w, g, s in zip(weights, gs, slots, strict=True):
            step(optimizer, w, g, s, coef, optimizer.weight_decay is not None)
    return weights


def reference_sgd(lr, g, state, momentum=0.0, nesterov=False, **_):
    v = state.setdefault("v", np.zeros_like(g))
    if not momentum:
        return -lr * g
    state["v"] = v = momentum * v - lr * g
    return momentum * v - lr * g if nesterov else v


def reference_rmsprop(lr, g, state, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **_):
    squares, mean, move = (state.setdefault(k, np.zeros_like(g)) for k in ("squares", "mean", "move"))
    state["squares"] = squares = rho * squares + (1 - rho) * g * g
    state["mean"] = mean = rho * mean + (1 - rho) * g
    spread = squares - mean**2 if centered else squares
    state["move"] = move = momentum * move + lr * g / np.sqrt(spread + epsilon)
    return -move


def reference_adam(lr, g, state, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **_):
    """Algorithm 1 of the paper, with bias-corrected moments and epsilon scaled to sit on the uncorrected root."""
    m, v, top = (state.setdefault(k, np.zeros_like(g)) for k in ("m", "v", "top"))
    state["t"] = t = state.get("t", 0) + 1
    state["m"] = m = beta_1 * m + (1 - beta_1) * g
    state["v"] = v = beta_2 * v + (1 - beta_2) * g * g
    state["top"] = top = np.maximum(top, v)
    m_hat = m / (1 - beta_1**t)
    v_hat = (top if amsgrad else v) / (1 - beta_2**t)
    return -lr * m_hat / (np.sqrt(v_hat) + epsilon / np.sqrt(1 - beta_2**t))


@pytest.mark.parametrize(
    ("cls", "reference", "arguments"),
    [
        (optimizers.SGD, reference_sgd, {}),
        (optimizers.SGD, reference_sgd, {"weight_decay": 0.1}),
        (optimizers.SGD, reference_sgd, {"momentum": 0.9}),
        (optimizers.SGD, reference_sgd, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        (optimizers.RMSprop, reference_rmsprop, {}),
        (optimizers.RMSprop, reference_rmsprop, {"rho": 0.8, "momentum": 0.7}),
        (optimizers.RMSprop, reference_rmsprop, {"centered": True, "epsilon": 1e-3}),
        (optimizers.RMSprop, reference_rmsprop, {"centered": True, "momentum": 0.5, "weight_decay": 0.1}),
        (optimizers.Adam, reference_adam, {}),
        (optimizers.Adam, reference_adam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
        (optimizers.Adam, reference_adam, {"amsgrad": True, "beta_2": 0.5}),
        (optimizers.Adam, reference_adam, {"beta_1": 0.0, "beta_2": 0.0, "weight_decay": 0.01}),
        (optimizers.AdamW, reference_adam, {"weight_decay": 0.1}),
    ],
    ids=lambda v: getattr(v, "__name__", None) or "-".join(v),
)
def test_ten_steps_on_two_tensors_with_a_changing_rate(cls, reference, arguments):
    rng = np.random.default_rng(5)
    shapes = [(3, 4), (5,)]
    start = [rng.normal(size=shape) for shape in shapes]
    gradients = [[rng.normal(size=shape) for shape in shapes] for _ in range(STEPS)]
    schedule = schedules.ExponentialDecay(0.1, 3, 0.5)
    optimizer = cls(schedule, **arguments)

    expected = [w.copy() for w in start]
    states: list[dict] = [{}, {}]
    for t in range(STEPS):
        for w, g, state in zip(expected, gradients[t], states, strict=True):
            w -= schedule(t) * arguments.get("weight_decay", 0.0) * w
            w += reference(schedule(t), g, state, **arguments)
    got = run(optimizer, [w.copy() for w in start], gradients)
    for w, e, w0 in zip(got, expected, start, strict=True):
        assert np.abs(e - w0).max() > 0.05
        np.testing.assert_allclose(w, e, rtol=RTOL, atol=1e-14)


def test_adam_correction_counts_steps_not_calls():
    adam = optimizers.Adam(0.1)
    whole = adam.coefficients(np.arange(1, 101), np.full(100, 0.1))
    part = adam.coefficients(np.arange(51, 101), np.full(50, 0.1))
    np.testing.assert_array_equal(whole[50:], part)
    assert whole[0, 0] == pytest.approx(0.1 * np.sqrt(1 - 0.999) / (1 - 0.9))
    late = adam.coefficients(np.array([10**9]), np.array([0.1]))
    assert late[0, 0] == 0.1


@pytest.mark.parametrize(
    ("optimizer", "op", "slots"),
    [
        (optimizers.SGD(), "opt_sgd_step", ()),
        (optimizers.SGD(momentum=0.5), "opt_sgd_step", ("momentum",)),
        (optimizers.RMSprop(), "opt_rmsprop_step", ("velocity", None, None)),
        (optimizers.RMSprop(momentum=0.5), "opt_rmsprop_step", ("velocity", "momentum", None)),
        (optimizers.RMSprop(centered=True), "opt_rmsprop_step", ("velocity", None, "average_gradient")),
        (optimizers.Adam(), "opt_adam_step", ("momentum", "velocity")),
        (optimizers.AdamW(amsgrad=True), "opt_adam_step", ("momentum", "velocity", "velocity_hat")),
    ],
)
def test_kernel_and_slots(optimizer, op, slots):
    assert optimizer.op == op
    assert optimizer.slots == slots


def test_slot_variables_have_the_layout_of_their_weight():
    kernel = Variable((3, 5), "float64", "kernel", layout=Panels)
    bias = Variable((5,), "float64", "bias")
    kernel.path, bias.path = "dense/kernel", "dense/bias"
    rms = optimizers.RMSprop(centered=True)
    rms.build([kernel, bias])
    assert [v.path for v in rms.state_variables] == [
        f"optimizer/{slot}/dense/{name}" for name in ("kernel", "bias") for slot in ("velocity", "average_gradient")
    ]
    slots = rms.slot_variables(kernel)
    assert list(slots) == [0, 2]
    for slot in slots.values():
        assert np.asarray(slot.buffer).shape == np.asarray(kernel.buffer).shape
        np.testing.assert_array_equal(slot.numpy(), np.zeros((3, 5)))
    rms.build([bias, kernel])
    assert rms.slot_variables(kernel) is slots
    assert rms.state_variables[0].path == "optimizer/velocity/dense/bias"
    rms.build([bias])
    assert len(rms.state_variables) == 2
    assert optimizers.SGD().slot_variables(kernel) == {}


def test_iterations_live_in_an_array_that_a_plan_can_write():
    adam = optimizers.Adam()
    adam.counter[0] += 3
    assert adam.iterations == 3
    adam.iterations = 5
    assert adam.counter.tolist() == [5]
    assert adam.counter.dtype == np.int64


@pytest.mark.usefixtures("fresh_names")
def test_defaults_are_those_of_keras():
    adam, adamw, sgd, rms = (optimizers.get(n) for n in ("adam", "adamw", "sgd", "rmsprop"))
    assert (adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon, adam.weight_decay) == (
        0.001, 0.9, 0.999, 1e-7, None)  # fmt: skip
    assert (adamw.learning_rate, adamw.weight_decay) == (0.001, 0.004)
    assert (sgd.learning_rate, sgd.momentum, sgd.nesterov) == (0.01, 0.0, False)
    assert (rms.learning_rate, rms.rho, rms.momentum, rms.epsilon, rms.centered) == (0.001, 0.9, 0.0, 1e-7, False)
    assert [o.name for o in (adam, adamw, sgd, rms)] == ["adam", "adam_w", "sgd", "rm_sprop"]


def test_learning_rate_is_settable():
    sgd = optimizers.SGD(0.1)
    sgd.learning_rate = np.float32(0.5)
    assert sgd.learning_rate == 0.5
    np.testing.assert_array_equal(sgd.rates(7, 3), [0.5, 0.5, 0.5])
    sgd.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1.0)
    assert isinstance(sgd.schedule, schedules.InverseTimeDecay)
    assert sgd.learning_rate == 1.0
    np.testing.assert_array_equal(sgd.rates(3, 2), [0.25, 0.2])
    sgd.learning_rate = 0.125
    np.testing.assert_array_equal(sgd.rates(3), [0.125])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimizers.SGD(-0.1), "SGD: `learning_rate`"),
        (lambda: optimizers.SGD("fast"), "SGD: `learning_rate`"),
        (lambda: optimizers.SGD(schedules.ExponentialDecay), "SGD: `learning_rate`"),
        (lambda: optimizers.SGD(float("nan")), "SGD: `learning_rate`"),
        (lambda: optimizers.SGD(momentum=1.5), "SGD: `momentum`"),
        (lambda: optimizers.RMSprop(rho=1.0), "RMSprop: `rho`"),
        (lambda: optimizers.RMSprop(epsilon=0), "RMSprop: `epsilon`"),
        (lambda: optimizers.Adam(beta_1=1), "Adam: `beta_1`"),
        (lambda: optimizers.AdamW(beta_2=-0.1), "AdamW: `beta_2`"),
        (lambda: optimizers.AdamW(weight_decay=None), "use Adam"),
        (lambda: optimizers.Adam(weight_decay=-1), "weight_decay"),
        (lambda: optimizers.Adam(clipnorm=0), "clipnorm"),
        (lambda: optimizers.Adam(clipnorm=1, clipvalue=1), "Only one of"),
        (lambda: optimizers.Adam(ema=True), "ema"),
        (lambda: setattr(optimizers.Adam(), "iterations", -1), "iterations"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


class FakeVariable:
    def __init__(self, name):
        self.name = name


def test_exclude_from_weight_decay():
    kernel, bias, gamma = (FakeVariable(n) for n in ("kernel", "bias", "gamma"))
    adamw = optimizers.AdamW()
    assert all(adamw.decays(v) for v in (kernel, bias, gamma))
    adamw.exclude_from_weight_decay(var_list=[gamma], var_names=["bias"])
    assert [adamw.decays(v) for v in (kernel, bias, gamma)] == [True, False, False]
    assert not optimizers.Adam().decays(kernel)
    with pytest.raises(TypeError, match="list of strings"):
        adamw.exclude_from_weight_decay(var_names="bias")


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.5, momentum=0.9, nesterov=True, clipvalue=1.0, name="mine"),
        optimizers.RMSprop(schedules.CosineDecay(0.1, 10), centered=True, global_clipnorm=2.0),
        optimizers.AdamW(schedules.PiecewiseConstantDecay([1], [0.1, 0.2]), amsgrad=True),
    ],
)
def test_configuration_survives_json(optimizer):
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(config)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(again.rates(0, 5), optimizer.rates(0, 5))


def test_an_optimizer_in_numpy():
    class SignDescent(optimizers.Optimizer):
        slots = ("last",)

        def update(self, w, g, slots, rate, t):
            w -= rate / t * np.sign(g)
            slots["last"][:] = g

    optimizer = SignDescent(0.5)
    assert optimizer.op is None
    assert optimizer.name == "sign_descent"
    w, slots = np.ones(2), {"last": np.zeros(2)}
    optimizer.update(w, np.array([3.0, -3.0]), slots, 0.5, 2)
    np.testing.assert_array_equal(w, [0.75, 1.25])
    assert optimizers.get(SignDescent(0.1)).learning_rate == 0.1
    with pytest.raises(NotImplementedError, match="update"):
        optimizers.Optimizer(0.1).update(w, w, {}, 0.1, 1)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 1 - 1e-12])
def test_coefficients_of_adam_do_not_depend_on_the_length_of_a_chunk(beta: float) -> None:
    optimizer = optimizers.Adam(beta_1=beta, beta_2=beta)
    for done in (0, 200, 30_000, 10**9):
        together = optimizer.coefficients_of(done, 1000)
        one_by_one = np.concatenate([optimizer.coefficients_of(done + i, 1) for i in range(1000)])
        assert together.tobytes() == one_by_one.tobytes()


def test_signatures_show_what_keywords_may_be_given():
    shown = inspect.signature(optimizers.Nadam).parameters
    assert list(shown)[:4] == ["learning_rate", "beta_1", "beta_2", "epsilon"]
    assert {"weight_decay", "clipnorm", "use_ema", "gradient_accumulation_steps", "name"} < set(shown)
    assert not any(p.kind is p.VAR_KEYWORD for p in shown.values())

    class Own(optimizers.Nadam):
        def __init__(self, speed):
            super().__init__(speed)

    assert list(inspect.signature(Own).parameters) == ["speed"]


def test_state_that_is_set():
    v = pydl.Variable([1.0, 2.0])
    first, second = optimizers.Adam(0.1), optimizers.Adam(0.1)
    first.apply([[1.0, 2.0]], [v])
    with pytest.raises(ValueError, match=r"before build\(variables\)"):
        second.set_weights(first.variables)
    second.build([v])
    second.set_weights(first.variables)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.all(first.variables[0] != 0)
    with pytest.raises(ValueError, match="expected 4 arrays, got 1"):
        second.set_weights(first.variables[:1])


def test_averages_and_accumulators_of_a_program():
    v = pydl.Variable([1.0])
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=2)
    optimizer.apply([[1.0]], [v])
    np.testing.assert_array_equal(optimizer._accumulated_gradients[0], [1.0])
    optimizer.apply([[3.0]])
    np.testing.assert_array_equal(optimizer._accumulated_gradients[0], [0.0])
    assert (int(optimizer._iterations), int(optimizer.iterations)) == (2, 1)
    assert float(v) == -1.0


def test_the_rate_by_its_old_name():
    optimizer = optimizers.SGD(0.5)
    optimizer.lr = 0.25
    assert optimizer.lr == optimizer.learning_rate == 0.25
