"""Optimizers on variables and gradients that programs bring: the numbers are those of `fit`."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import optimizers as opt

ALL = [
    opt.SGD, opt.RMSprop, opt.Adam, opt.AdamW, opt.Nadam, opt.Adamax, opt.Adagrad, opt.Adadelta, opt.Lion, opt.Ftrl,
    opt.Lamb, opt.Muon, opt.Adafactor, opt.ScheduleFreeAdamW,
]  # fmt: skip
EVERYTHING = {
    "weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True, "ema_overwrite_frequency": 2,
    "gradient_accumulation_steps": 2,
}  # fmt: skip


def gradient_of(w: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the mean squared error of x w + b."""
    d = 2 * (x @ w + b - y) / y.size
    return x.T @ d, d.sum(axis=0)


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["alone", "with everything"])
@pytest.mark.parametrize("cls", ALL)
@pytest.mark.usefixtures("float64")
def test_apply_does_what_fit_does(cls: Any, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 19))
    schedule = opt.schedules.ExponentialDecay(0.1, 3, 0.5)
    pydl.utils.set_random_seed(1)
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(19)])
    model.compile(cls(schedule, **options), "mse")
    kernel, bias = (pydl.Variable(v.numpy(), name=v.name) for v in model.weights)
    before = kernel.numpy()
    alone = cls(schedule, **options)
    for i in range(0, 40, 4):
        gradients = gradient_of(kernel.numpy(), bias.numpy(), x[i : i + 4], y[i : i + 4])
        alone.apply_gradients(zip(gradients, [kernel, bias], strict=True))
    alone.finalize_variable_values([kernel, bias])
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert alone.iterations == model.optimizer.iterations
    assert np.abs(kernel.numpy() - before).max() > 1e-4
    for got, wanted in zip([kernel, bias], model.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("cls", [opt.Nadam, opt.Lamb])
def test_a_loop_of_ones_own_does_what_fit_does(cls: Any) -> None:
    """On a model's own weights, by its gradients, bit for bit."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    models = []
    for _ in range(2):
        pydl.utils.set_random_seed(5)
        dense = pydl.layers.Dense(19, "tanh", kernel_regularizer="l2")
        models.append(pydl.Sequential([pydl.Input((3,)), dense, pydl.layers.Dense(1)]))
        models[-1].compile(cls(0.05), "mse")
    fitted, stepped = models
    fitted.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    optimizer = cls(0.05)
    for i in range(0, 40, 8):
        gradients = stepped.gradients(x[i : i + 8], y[i : i + 8])
        optimizer.apply([gradients[v.path] for v in stepped.trainable_weights], stepped.trainable_weights)
    for a, b in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copy", "pickle"])  # noqa: S301
def test_a_copy_goes_on_as_the_first_would(cls: Any, how: Any) -> None:
    v = pydl.Variable([[1.0, -2.0], [0.5, 3.0]])
    optimizer = cls(0.1)
    g = np.array([[1.0, 2.0], [-1.0, 0.5]])
    optimizer.apply([g], [v])
    other, w = how((optimizer, v))
    assert other.get_config() == optimizer.get_config()
    optimizer.apply([g / 2])
    other.apply([g / 2])
    np.testing.assert_array_equal(v, w)


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls is not opt.Ftrl])  # which forgets first values
def test_weights_without_decay(cls: Any) -> None:
    free, named, listed = (pydl.Variable([[2.0]], name=name) for name in ("free", "the_spared", "listed"))
    options = {"adam_weight_decay": 0.5} if cls is opt.Muon else {}
    optimizer = cls(0.5, weight_decay=0.5, **options)
    optimizer.exclude_from_weight_decay(var_list=[listed], var_names=["spar"])
    for _ in range(2):  # the first step of ScheduleFreeAdamW is that of z, which does not decay
        optimizer.apply([np.full((1, 1), 1e-30)] * 3, [free, named, listed])
    assert float(named) == float(listed) != float(free)


def test_variables_that_have_no_gradient() -> None:
    a, b = pydl.Variable([1.0]), pydl.Variable([1.0])
    optimizer = opt.SGD(0.5)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, [1.0]], [a, b])
    assert (float(a), float(b)) == (1.0, 0.5)
    optimizer.apply([[1.0], [1.0]])
    assert (float(a), float(b)) == (0.5, 0.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None, None])


def test_what_apply_refuses() -> None:
    v, other = pydl.Variable([1.0]), pydl.Variable([1.0])
    optimizer = opt.SGD(0.5)
    with pytest.raises(ValueError, match=r"build\(variables\) first"):
        optimizer.apply([[1.0]])
    optimizer.build([v])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([[1.0]], [other])
    with pytest.raises(ValueError, match="2 gradients for 1 variables"):
        optimizer.apply([[1.0], [1.0]])
    with pytest.raises(ValueError, match=r"expected an array of shape \(1,\)"):
        optimizer.apply([[1.0, 2.0]])
    with pytest.raises(ValueError, match="got float32, float64"):
        opt.SGD(0.5).apply([[1.0], [1.0]], [v, pydl.Variable([1.0], dtype="float64")])
    assert float(v) == 1.0
    assert optimizer.iterations == 0
    optimizer.apply([])
    assert optimizer.iterations == 0


def test_penalties_are_the_programs_business() -> None:
    v = pydl.Variable([2.0])
    v.regularizer = pydl.regularizers.L2(1.0)
    opt.SGD(0.5).apply([[1.0]], [v])
    assert float(v) == 1.5


def test_a_constraint_holds() -> None:
    v = pydl.Variable([2.0, -1.0])
    v.constraint = pydl.constraints.NonNeg()
    opt.SGD(0.5).apply([[1.0, 0.0]], [v])
    np.testing.assert_array_equal(v, [1.5, 0.0])


def test_a_scaled_loss() -> None:
    v = pydl.Variable([1.0])
    optimizer = opt.SGD(1.0, loss_scale_factor=1024.0)
    assert optimizer.scale_loss(0.5) == 512.0
    optimizer.apply([[512.0]], [v])
    assert float(v) == 0.5


class Momentum(opt.Optimizer):
    """As programs for Keras write theirs."""

    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(reference_variable=v, name="m") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)


def fitted(optimizer: Any, epochs: tuple[int, ...] = (1, 1)) -> Any:
    pydl.utils.set_random_seed(2)
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(19, "tanh"), pydl.layers.Dense(1)])
    model.compile(optimizer, "mse")
    x = np.random.default_rng(3).normal(size=(24, 3))
    for n in epochs:
        model.fit(x, x.sum(axis=1), batch_size=4, epochs=n, verbose=0)
    return model


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clipvalue": 0.05, "gradient_accumulation_steps": 2}])
def test_a_subclass_in_the_manner_of_keras(options: dict[str, Any]) -> None:
    """Over two fits, so that its variables stay."""
    own, built_in = fitted(Momentum(**options)), fitted(opt.SGD(0.1, 0.9, **options))
    for a, b in zip(own.get_weights(), built_in.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("float64")
def test_a_subclass_keeps_its_variables_in_files(tmp_path: Any) -> None:
    whole = fitted(Momentum())
    first = fitted(Momentum(), epochs=(1,))
    first.save(tmp_path / "half.safetensors")
    second = pydl.models.load_model(tmp_path / "half.safetensors", custom_objects={"Momentum": Momentum})
    x = np.random.default_rng(3).normal(size=(24, 3))
    second.fit(x, x.sum(axis=1), batch_size=4, verbose=0)
    assert len(second.optimizer.momentums) == 4
    for a, b in zip(whole.optimizer.momentums, second.optimizer.momentums, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("float64")
def test_a_subclass_of_a_built_in_one_may_call_its_step() -> None:
    class Doubled(opt.Adagrad):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(2 * gradient, variable, learning_rate / 2)

    class Scaled(opt.Adagrad):
        """The same by a formula: the sum of squares begins and grows fourfold."""

    own = fitted(Doubled(0.1, initial_accumulator_value=0.4, epsilon=4e-7))
    other = fitted(Scaled(0.05, initial_accumulator_value=0.1, epsilon=1e-7))
    for a, b in zip(own.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_variables_for_several_names() -> None:
    v = pydl.Variable([1.0, 2.0], name="v")
    optimizer = Momentum()
    optimizer.build([v])
    ones, twos = optimizer.add_optimizer_variables([v], ["one", "two"], ["ones", pydl.initializers.Constant(2.0)])
    np.testing.assert_array_equal(ones[0], [1, 1])
    np.testing.assert_array_equal(twos[0], [2, 2])
    count = optimizer.add_variable((3,), name="count")
    assert count.shape == (3,)
    assert [o.path for o in optimizer.state_variables] == [
        "optimizer/m/v", "optimizer/one/v", "optimizer/two/v", "optimizer/count",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="2 names, but 1 initializers"):
        optimizer.add_optimizer_variables([v], ["a", "b"], ["ones"])


def test_variables_are_those_of_keras_and_all_that_a_copy_needs() -> None:
    adam = opt.Adam(0.5)
    assert [(v.name, v.shape, float(v)) for v in adam.variables] == [("iteration", (), 0), ("learning_rate", (), 0.5)]
    assert [v.name for v in opt.Adam(opt.schedules.ExponentialDecay(0.1, 10, 0.9)).variables] == ["iteration"]
    v, w = pydl.Variable([1.0, 2.0], name="v"), pydl.Variable([1.0, 2.0], name="w")
    adam.build([v])
    assert [x.name for x in adam.variables] == ["iteration", "learning_rate", "momentum", "velocity"]
    for _ in range(3):
        adam.apply([[0.5, 1.0]])
    w.assign(v)
    copy = opt.Adam()
    copy.build([w])
    copy.set_weights([np.asarray(x) for x in adam.variables])
    adam.apply([[0.1, 0.1]])
    copy.apply([[0.1, 0.1]])
    assert v.numpy().tobytes() == w.numpy().tobytes()
    assert int(copy.iterations) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: opt.SGD(0.1, momentum=0.9),
        lambda: opt.Adam(0.1, use_ema=True),
        lambda: opt.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
        lambda: opt.LossScaleOptimizer(opt.Adam(0.1)),
        lambda: opt.MultiOptimizer(opt.OptimizerMap(opt.Adam(0.1))),
        Momentum,
    ],
)
def test_a_step_on_values_alone(make: Any) -> None:
    stateful, stateless = pydl.Variable([1.0, 2.0], name="v"), pydl.Variable([1.0, 2.0], name="v")
    one, other = make(), make()
    one.build([stateful])
    other.build([stateless])
    values, state = [stateless.numpy()], [np.asarray(x) for x in other.variables]
    for _ in range(5):
        one.apply([[0.5, 1.0]])
        values, state = other.stateless_apply(state, [[0.5, 1.0]], values)
        np.testing.assert_array_equal(values[0], stateful.numpy())
        for x, y in zip(state, one.variables, strict=True):
            np.testing.assert_array_equal(x, np.asarray(y))
    np.testing.assert_array_equal(stateless.numpy(), [1, 2])
    assert other.batches == 0


def test_a_step_on_values_that_do_not_fit() -> None:
    v, adam = pydl.Variable([1.0, 2.0], name="v"), opt.Adam()
    with pytest.raises(ValueError, match=r"Adam.stateless_apply: build\(variables\) first"):
        adam.stateless_apply([], [[1.0, 1.0]], [[1.0, 1.0]])
    adam.build([v])
    with pytest.raises(ValueError, match="optimizer_variables: expected 4 values, got 1"):
        adam.stateless_apply([0], [[1.0, 1.0]], [[1.0, 1.0]])
    with pytest.raises(ValueError, match="trainable_variables: expected 1 values, got 0"):
        adam.stateless_apply([np.asarray(x) for x in adam.variables], [[1.0, 1.0]], [])
