"""Functions of `pydl.losses` in losses and layers of one's own: values and gradients of the losses themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import losses, ops
from pydl._engine.tape import Tape

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype(np.float32)
NAMES = [
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "cosine_similarity", "dice", "hinge", "huber",
    "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "poisson", "quantile", "sparse_categorical_crossentropy", "squared_hinge",
    "tversky",
]  # fmt: skip


def trained(loss: Any, y: np.ndarray) -> list[np.ndarray]:
    net = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax")])
    net.compile(pydl.optimizers.SGD(0.5), loss)
    net.set_weights([np.linspace(-1, 1, 15).reshape(5, 3), np.zeros(3)])
    net.fit(X, y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    return net.get_weights()


@pytest.mark.parametrize("name", NAMES)
def test_a_sum_of_losses_trains_as_its_parts(name: str) -> None:
    function = getattr(losses, name)
    classes = np.arange(12) % 3
    y = classes if name.startswith("sparse") else np.eye(3, dtype=np.float32)[classes]

    def both(y_true: Any, y_pred: Any) -> Any:
        return 0.5 * function(y_true, y_pred) + 0.5 * function(y_true, y_pred)

    for ours, theirs in zip(trained(both, y), trained(losses.as_loss(name), y), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


# ---- formulas of all kinds -----------------------------------------------------------------------------------------
T = RNG.normal(size=(12, 3)).astype(np.float32)


def net(**options: Any) -> tuple[Any, Any]:
    dense = pydl.layers.Dense(3, kernel_initializer="ones", **options)
    return pydl.Sequential([pydl.Input((5,)), dense]), dense


def judged(model: Any, loss: Any, y: Any = T) -> list[Any]:
    """The loss of two batches, and the gradients of one."""
    model.compile("sgd", loss)
    return [model.evaluate(X, y, batch_size=8, verbose=0), *model.gradients(X, y).values()]


@pytest.mark.parametrize("more", [[], ["mae"]])
def test_a_formula_that_has_weights(more: list[str]) -> None:
    model, dense = net()

    def penalised(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - y_pred)) + 0.05 * ops.sum(ops.square(dense.kernel))

    plain, _ = net(kernel_regularizer=pydl.regularizers.L2(0.05))
    for ours, theirs in zip(judged(model, [penalised, *more]), judged(plain, ["mse", *more]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_frozen_weights_of_a_formula_stay() -> None:
    model, dense = net()
    dense._variables[0].trainable = False

    def penalty(y_true: Any, y_pred: Any) -> Any:
        return ops.sum(ops.square(dense.kernel)) + ops.sum(ops.square(dense.bias - 1))

    model.compile("sgd", penalty)
    model.fit(X, T, verbose=0)
    kernel, bias = dense.get_weights()
    assert (kernel == 1).all()
    assert (bias > 0).all()


SHAPES = {
    "a value for each row, with its axis": lambda t, y: ops.mean(ops.square(t - y), axis=-1, keepdims=True),
    "each element": lambda t, y: ops.square(t - y),
    "each element, flat": lambda t, y: ops.reshape(ops.square(t - y), (-1,)),
    "one number": lambda t, y: ops.mean(ops.square(t - y)),
    "one number, with an axis": lambda t, y: ops.reshape(ops.mean(ops.square(t - y)), (1,)),
    "one number, with both axes": lambda t, y: ops.mean(ops.square(t - y), keepdims=True),
    "a value for each column": lambda t, y: ops.mean(ops.square(t - y), axis=0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_results_of_all_shapes(shape: str) -> None:
    model, _ = net()
    for ours, theirs in zip(judged(model, SHAPES[shape]), judged(model, "mse"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", ["each element", "one number"])
def test_a_result_is_summed_as_it_is(shape: str) -> None:
    model, _ = net()
    model.compile("sgd", losses.FunctionLoss(SHAPES[shape], reduction="sum"))
    value, y = model.evaluate(X, T, batch_size=12, verbose=0), model.predict(X, verbose=0)
    assert value == pytest.approx(np.sum(SHAPES[shape](T, y)), rel=1e-5)
    assert value == pytest.approx(float(losses.FunctionLoss(SHAPES[shape], reduction="sum")(T, y)), rel=1e-5)


def test_class_numbers_come_as_they_are() -> None:
    seen = []

    def crossentropy(y_true: Any, y_pred: Any) -> Any:
        seen.append(y_true.shape)
        return ops.mean(ops.categorical_crossentropy(ops.one_hot(ops.cast(y_true, "int32"), 3), y_pred))

    model = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax")])
    numbers = np.arange(12) % 3
    ours, theirs = (judged(model, loss, numbers) for loss in (crossentropy, "sparse_categorical_crossentropy"))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert {len(shape) for shape in seen} == {1}


@pytest.mark.parametrize("loss", [losses.mean_squared_error, losses.huber, losses.MeanAbsoluteError(), losses.log_cosh])
def test_both_sides_of_a_symmetric_loss_are_learnt_from(loss: Any) -> None:
    class Near(pydl.layers.Layer):
        def call(self, pair: Any) -> Any:
            self.add_loss(ops.mean(loss(pair[0], pair[1])))
            return pair[0]

    net_in = pydl.Input((5,))
    a, b = pydl.layers.Dense(2, name="a"), pydl.layers.Dense(2, name="b")
    net = pydl.Model(net_in, Near()([a(net_in), b(net_in)]))
    net.compile(pydl.optimizers.SGD(0.1))
    net.set_weights([np.random.default_rng(k).normal(size=w.shape) for k, w in enumerate(net.get_weights())])
    start = [w.copy() for w in net.get_weights()]
    net.fit(X, epochs=1, batch_size=12, verbose=0)
    moved = [after - before for after, before in zip(net.get_weights(), start, strict=True)]
    for left, right in ((moved[0], moved[2]), (moved[1], moved[3])):
        assert np.abs(left).max() > 1e-4
        np.testing.assert_allclose(left, -right, rtol=1e-4, atol=1e-6)


def test_losses_of_tensors_are_parts_of_a_model(tmp_path: Path) -> None:
    """As autoencoders of many a tutorial have them: `model.add_loss(mse(inputs, outputs))`."""
    inputs = pydl.Input((5,))
    outputs = pydl.layers.Dense(5, name="d")(inputs)
    found = []
    for loss in (losses.mse(inputs, outputs), losses.MeanSquaredError()(inputs, outputs)):
        model = pydl.Model(inputs, outputs)
        model.add_loss(ops.mean(loss))
        model.compile(pydl.optimizers.SGD(0.1))
        model.set_weights([np.zeros((5, 5)), np.zeros(5)])
        history = model.fit(X, epochs=3, batch_size=12, verbose=0).history["loss"]
        assert history[0] == pytest.approx((X**2).mean(), rel=1e-5)
        found.append((history, model.get_weights()))
    plain = pydl.Model(inputs, outputs)
    plain.compile(pydl.optimizers.SGD(0.1), "mse")
    plain.set_weights([np.zeros((5, 5)), np.zeros(5)])
    plain.fit(X, X, epochs=3, batch_size=12, verbose=0)
    for _, weights in found:
        np.testing.assert_allclose(weights[0], plain.get_weights()[0], rtol=1e-5, atol=1e-7)
    distance = pydl.Model(inputs, losses.mse(inputs, outputs))
    distance.save(tmp_path / "distance.safetensors")
    again = pydl.models.load_model(tmp_path / "distance.safetensors")
    np.testing.assert_array_equal(again.predict(X, verbose=0), distance.predict(X, verbose=0))
    with pytest.raises(TypeError, match="sample_weight is for arrays"):
        losses.MeanSquaredError()(inputs, outputs, sample_weight=1.0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_losses_whose_classes_count_differently(from_logits: bool) -> None:
    """A number for each class, as in Keras's own example of imbalanced classes."""
    alpha, gamma, s = np.array([0.1, 0.2, 0.7]), 1.5, 0.1
    y = np.eye(3)[np.arange(12) % 3]
    x = RNG.normal(size=(12, 3))
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    loss = losses.CategoricalFocalCrossentropy(list(alpha), gamma, from_logits, s)
    given = x if from_logits else p

    def reference(values: np.ndarray) -> np.ndarray:
        p = np.exp(values) if from_logits else values
        p = p / p.sum(axis=1, keepdims=True)
        return -(alpha * (1 - p) ** gamma * (y * (1 - s) + s / 3) * np.log(p)).sum(axis=1)

    np.testing.assert_allclose(loss(y, given), reference(given).mean(), rtol=1e-6)
    step = 1e-6
    for k in range(3):
        moved = np.eye(3)[k] * step
        slope = (reference(given + moved) - reference(given - moved)) / (2 * step)
        np.testing.assert_allclose(loss.gradient(y, given)[:, k], slope, rtol=1e-4, atol=1e-7)
    assert losses.deserialize(losses.serialize(loss)).alpha == list(alpha)
    with pytest.raises(ValueError, match="targets of 3 classes, as many as alpha has numbers"):
        loss(np.ones((2, 4)), np.ones((2, 4)))


P, Q = (np.exp(v) / np.exp(v).sum(axis=1, keepdims=True) for v in RNG.normal(size=(2, 6, 3)))
BOTH = {
    "binary_crossentropy": {"label_smoothing": 0.1}, "categorical_crossentropy": {"label_smoothing": 0.1},
    "kl_divergence": {}, "poisson": {}, "mean_squared_error": {}, "mean_absolute_error": {}, "huber": {"delta": 0.1},
    "log_cosh": {}, "cosine_similarity": {}, "mean_squared_logarithmic_error": {},
}  # fmt: skip


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", BOTH)
def test_gradients_by_targets_that_are_computed(name: str) -> None:
    """What teaches the targets, as in distillation, has its own derivative; where none is known, that is told."""
    function = getattr(losses, name)
    found = []
    for logits in (False, True) if "cross" in name else (False,):
        given = {**BOTH[name], **({"from_logits": True} if logits else {})}
        other = RNG.normal(size=Q.shape) if logits else Q
        tape = Tape()
        t, y = tape.watch(P), tape.watch(other)
        with tape.running():
            total = ops.sum(function(t, y, **given) * np.arange(1.0, 7.0))
        tape.take_back([total], [np.ones(())])

        def value(a: np.ndarray, b: np.ndarray, given: Any = given) -> Any:
            return (np.asarray(function(a, b, **given)) * np.arange(1.0, 7.0)).sum()

        for traced, i in ((t, 0), (y, 1)):
            for place in [(0, 0), (2, 1), (5, 2)]:
                step = np.zeros_like(P)
                step[place] = 1e-6
                ends = [value(*(v + sign * step * (k == i) for k, v in enumerate((P, other)))) for sign in (1, -1)]
                assert traced.gradient is not None
                found.append((traced.gradient[place], (ends[0] - ends[1]) / 2e-6))
    np.testing.assert_allclose(*zip(*found, strict=True), rtol=1e-4, atol=1e-6)


def test_gradients_by_targets_that_are_not_known_are_refused() -> None:
    for loss in (losses.dice, losses.hinge, losses.Dice(), losses.MeanAbsolutePercentageError()):
        tape = Tape()
        t, y = tape.watch(P), tape.watch(Q)
        with tape.running():
            total = ops.sum(loss(t, y))
            free = ops.sum(loss(ops.stop_gradient(t), y))
        tape.take_back([free], [np.ones(())])
        assert np.abs(y.gradient).max() > 0
        with pytest.raises(ValueError, match=r"its gradient by y_true is not known; pydl\.ops\.stop_gradient"):
            tape.take_back([total], [np.ones(())])


class Uneven(losses.MeanSquaredError):
    """What is too small counts thrice."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(ops.where(y_pred < y_true, 3.0, 1.0) * (y_true - y_pred)), axis=-1)


class Doubled(losses.CategoricalCrossentropy):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return 2.0 * super().call(y_true, y_pred)


def test_a_class_derived_from_a_loss_trains_by_its_own_call() -> None:
    y = np.eye(3, dtype=np.float32)[np.arange(12) % 3]

    def uneven(y_true: Any, y_pred: Any) -> Any:
        return Uneven().call(y_true, y_pred)

    def doubled(y_true: Any, y_pred: Any) -> Any:
        return 2.0 * losses.categorical_crossentropy(y_true, y_pred)

    for own, same, plain in ((Uneven(), uneven, "mse"), (Doubled(), doubled, "categorical_crossentropy")):
        found = [trained(loss, y) for loss in (own, same, plain)]
        for a, b, c in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
            assert np.abs(a - c).max() > 1e-3
    inputs = pydl.Input((3,))
    model = pydl.Model(inputs, Uneven(reduction="none")(inputs, pydl.layers.Dense(3)(inputs)))
    assert model.output_shape == (None,)


class Halved(pydl.metrics.MeanSquaredError):
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(np.asarray(y_true) / 2, np.asarray(y_pred) / 2, sample_weight)


def test_a_class_derived_from_a_metric_counts_by_its_own_update() -> None:
    net = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(2)])
    net.compile("sgd", "mse", metrics=[Halved(name="h"), "mse"], weighted_metrics=[Halved(name="w")])
    y, w = RNG.normal(size=(12, 2)), RNG.uniform(size=12)
    found = net.evaluate(X, y, sample_weight=w, verbose=0, return_dict=True, batch_size=5)
    error = ((net.predict(X, verbose=0) - y) ** 2).mean(axis=1)
    np.testing.assert_allclose([found["h"], found["mse"]], [error.mean() / 4, error.mean()], rtol=1e-5)
    np.testing.assert_allclose(found["w"], np.average(error, weights=w) / 4, rtol=1e-5)


# ---- beside metrics -------------------------------------------------------------------------------------------------
def numbers(y_true: Any, y_pred: Any) -> Any:
    return losses.sparse_categorical_crossentropy(y_true, y_pred)


def units(y_true: Any, y_pred: Any) -> Any:
    return losses.categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("names", [["accuracy"], ["sparse_categorical_accuracy"], ["acc", "crossentropy"]])
def test_metrics_of_class_numbers_beside_a_loss_of_ones_own(names: list[str], column: bool) -> None:
    """Nothing but the targets says that they are class numbers."""
    model, y = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax")]), np.arange(12) % 3
    given, found = y[:, None] if column else y, []
    for loss in (numbers, "sparse_categorical_crossentropy"):
        model.compile("sgd", loss, metrics=list(names))
        found.append(model.evaluate(X, given, batch_size=8, verbose=0, return_dict=True))
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    model.compile("sgd", numbers, metrics=list(names))
    model.fit(X, given, batch_size=8, epochs=2, verbose=0)
    (written,) = model.get_compile_config()["metrics"].values()
    assert written[0] == names[0] or written[0]["class_name"] == "SparseCategoricalAccuracy"


def test_metrics_of_units_beside_a_loss_of_ones_own() -> None:
    model, y = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax")]), np.eye(3)[np.arange(12) % 3]
    found = []
    for loss in (units, "categorical_crossentropy"):
        model.compile("sgd", loss, metrics=["accuracy", "categorical_accuracy"])
        found.append(model.evaluate(X, y, batch_size=8, verbose=0, return_dict=True))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_metrics_without_a_loss() -> None:
    class Ends(pydl.layers.Layer):
        def call(self, y: Any) -> Any:
            self.add_loss(ops.mean(y))
            return y

    model = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax"), Ends()])
    model.compile("sgd", metrics=["accuracy"])
    y = model.predict(X).argmax(axis=1)
    assert model.evaluate(X, y, verbose=0, return_dict=True) == pytest.approx({"loss": 1 / 3, "accuracy": 1.0})


def test_a_class_that_overrides_the_call_of_losses() -> None:
    class Whole(losses.Loss):
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return 2 * ops.mean(ops.abs(y_true - y_pred))

    model, _ = net()
    for ours, theirs in zip(judged(model, Whole()), judged(model, lambda t, y: 2 * ops.abs(t - y)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
