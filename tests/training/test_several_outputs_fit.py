"""Inputs and outputs with keys, outputs without a loss, targets of other shapes, weights of classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(6, 2)).astype(np.float32), RNG.normal(size=(6, 3)).astype(np.float32)
Y = A.sum(1, keepdims=True)


def keyed() -> Any:
    a, b = pydl.Input((2,), name="a"), pydl.Input((3,), name="b")
    h = L.Concatenate()([a, b])
    outputs = {"mean": L.Dense(1, name="m")(h), "rest": L.Dense(2, name="r")(h)}
    return pydl.Model({"left": a, "right": b}, outputs)


def two_heads(loss: Any, **options: Any) -> Any:
    x = pydl.Input((2,))
    h = L.Dense(4, "tanh")(x)
    model = pydl.Model(x, [L.Dense(1, name="out")(h), L.Dense(2, name="aux")(h)])
    model.compile("sgd", loss, **options)
    return model


def mse(y: Any, p: Any) -> float:
    return float(np.mean((np.asarray(p, np.float64) - y) ** 2))


# -- dicts ----------------------------------------------------------------------------------------------------------


def test_data_come_by_the_keys_of_the_inputs_in_any_order_and_outputs_go_by_theirs() -> None:
    model = keyed()
    k, c, *_ = model.get_weights()
    expected = A.astype(float) @ k[:2] + B.astype(float) @ k[2:] + c
    ways = [{"right": B, "left": A}, {"b": B, "a": A}, [A, B]]
    for x in ways:
        for found in (model.predict(x), model.predict_on_batch(x), model(x), model.predict(x, batch_size=4)):
            assert list(found) == ["mean", "rest"]
            np.testing.assert_allclose(found["mean"], expected, atol=1e-5)
    out = {"rest": np.empty((6, 2), np.float32), "mean": np.empty((6, 1), np.float32)}
    assert model.predict_on_batch(ways[0], out=out) is out
    np.testing.assert_array_equal(out["mean"], model.predict(ways[0])["mean"])
    with pytest.raises(ValueError, match=r"expected the keys \['left', 'right'\], got \['left', 'up'\]"):
        model.predict({"left": A, "up": B})


def test_one_output_in_a_dict_comes_back_in_one() -> None:
    x = pydl.Input((2,))
    model = pydl.Model(x, {"y": L.Dense(1)(x)})
    for found in (model.predict(A), model.predict(A), model(A), model(A)):
        assert list(found) == ["y"]


def test_losses_metrics_and_targets_go_by_the_keys_of_the_outputs() -> None:
    model = keyed()
    model.compile("sgd", {"rest": "mse", "mean": "mae"}, metrics={"mean": ["mse"]}, loss_weights={"rest": 2.0})
    x, y = {"left": A, "right": B}, {"rest": B[:, :2], "mean": Y}
    p = model.predict(x)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    mae = float(np.abs(p["mean"].astype(float) - Y).mean())
    expected = {"mean_loss": mae, "rest_loss": mse(B[:, :2], p["rest"]), "mean_mse": mse(Y, p["mean"])}
    for name, value in (expected | {"loss": mae + 2 * expected["rest_loss"]}).items():
        assert logs[name] == pytest.approx(value, rel=1e-5)
    model.fit(x, y, sample_weight={"mean": np.ones(6)}, verbose=0)


def test_keys_survive_a_file_and_a_call_in_another_model(tmp_path: Path) -> None:
    model = keyed()
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = pydl.models.load_model(path)
    x = {"right": B, "left": A}
    expected = model.predict(x)["rest"]
    np.testing.assert_array_equal(loaded.predict(x)["rest"], expected)
    a, b = pydl.Input((2,)), pydl.Input((3,))
    inner = model({"right": b, "left": a})
    outer = pydl.Model([a, b], L.Activation("linear")(inner["rest"]))
    np.testing.assert_array_equal(outer.predict([A, B]), expected)
    outer.save(path)
    np.testing.assert_array_equal(pydl.models.load_model(path).predict([A, B]), expected)


# -- outputs without a loss -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [{"out": "mse"}, ["mse", None], {"out": "mse", "aux": None}])
@pytest.mark.parametrize("y", [{"out": Y}, [Y, None], Y, [Y], {"out": Y, "aux": A}])
def test_an_output_without_a_loss_is_only_predicted(loss: Any, y: Any) -> None:
    model = two_heads(loss)
    logs = model.evaluate(A, y, verbose=0, return_dict=True)
    assert list(logs) == ["loss"] == model.metrics_names
    assert logs["loss"] == pytest.approx(mse(Y, model.predict(A)[0]), rel=1e-5)
    aux = model.get_layer("aux").get_weights()
    before = logs["loss"]
    model.fit(A, y, epochs=5, verbose=0, validation_data=(A, y))
    assert model.evaluate(A, y, verbose=0) < before
    for old, new in zip(aux, model.get_layer("aux").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_output_without_a_loss_may_have_metrics() -> None:
    model = two_heads({"out": "mse"}, metrics={"aux": ["mae"]})
    logs = model.evaluate(A, {"out": Y, "aux": A}, verbose=0, return_dict=True)
    assert logs["aux_mae"] == pytest.approx(np.abs(model.predict(A)[1].astype(float) - A).mean(), rel=1e-5)
    with pytest.raises(ValueError, match=r"expected the keys \['out', 'aux'\]"):
        model.evaluate(A, {"out": Y}, verbose=0)


def test_weights_of_samples_and_classes_where_one_of_two_outputs_has_a_loss(tmp_path: Path) -> None:
    model = two_heads({"out": "mse"})
    e = (model.predict(A)[0].astype(float) - 1)[:, 0] ** 2
    w = np.arange(6.0)
    for given in (w, {"out": w}, [w, None]):
        assert model.test_on_batch(A, np.ones(6), sample_weight=given) == pytest.approx(np.mean(e * w), rel=1e-5)
    assert model.train_on_batch(A, np.ones(6), class_weight={1: 3.0}) == pytest.approx(3 * e.mean(), rel=1e-5)
    model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors")
    assert loaded.evaluate(A, Y, verbose=0) == model.evaluate(A, Y, verbose=0)


def test_one_array_of_weights_counts_for_all_outputs() -> None:
    model = two_heads(["mse", "mse"])
    w = np.arange(6.0)
    y = {"out": Y, "aux": A}
    assert model.test_on_batch(A, y, sample_weight=w) == model.test_on_batch(A, y, sample_weight=[w, w])


def test_what_is_said_where_no_output_has_a_loss_or_a_weight_has_none() -> None:
    with pytest.raises(ValueError, match="none of the outputs"):
        two_heads([None, None])
    with pytest.raises(ValueError, match='output "aux" has no loss'):
        two_heads(["mse", None], loss_weights=[1.0, 2.0])


# -- targets of another shape ---------------------------------------------------------------------------------------


def nll(y: Any, p: Any) -> Any:
    return 0.5 * (p[..., 1] + (y[..., 0] - p[..., 0]) ** 2 * np.exp(-p[..., 1]))


def test_figures_of_an_output_come_together() -> None:
    x = pydl.Input((2,))
    model = pydl.Model(x, [L.Dense(1, name="a")(x), L.Dense(1, name="b")(x)])
    model.compile("sgd", "mse", metrics={"b": ["mae"]}, weighted_metrics={"a": ["mae"], "b": ["mse"]})
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "a_mae", "b_mae", "b_mse"]


class GaussianNLL(pydl.losses.Loss):
    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return nll(y_true, y_pred)

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        e, r = y_true[..., 0] - y_pred[..., 0], np.exp(-y_pred[..., 1])
        return np.stack([-e * r, 0.5 * (1 - e**2 * r)], axis=-1)


class Below(pydl.metrics.Metric):
    """The share of targets below the first prediction."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total += float((y_true[..., 0] < y_pred[..., 0]).sum())
        self.count += y_true[..., 0].size


@pytest.mark.parametrize("shape", [(6, 1), (6, 3), (6, 2)])
@pytest.mark.usefixtures("fresh_names")
def test_a_loss_in_numpy_takes_targets_of_any_shape(shape: tuple[int, ...]) -> None:
    y = RNG.normal(size=shape)
    model = pydl.Sequential([pydl.Input((2,)), L.Dense(2)])
    model.compile("sgd", GaussianNLL(), metrics=[Below()])
    p = model.predict(A).astype(float)
    found = model.evaluate(A, y, verbose=0, return_dict=True)
    first = y.reshape(6, -1)[:, :1]
    assert found["loss"] == pytest.approx(nll(first, p).mean(), rel=1e-5)
    assert found["below"] == pytest.approx((first < p[:, :1]).mean())
    model.fit(A, y, epochs=20, batch_size=4, verbose=0, validation_data=(A, y))
    assert model.evaluate(A, y, verbose=0, return_dict=True)["loss"] < found["loss"]


def test_targets_of_steps_of_another_width() -> None:
    x, y = RNG.normal(size=(6, 4, 2)), RNG.normal(size=(6, 4, 1))
    model = pydl.Sequential([pydl.Input((4, 2)), L.Dense(2)])
    model.compile("sgd", GaussianNLL())
    assert model.evaluate(x, y, verbose=0) == pytest.approx(nll(y, model.predict(x).astype(float)).mean(), rel=1e-5)


def test_a_metric_of_the_library_wants_targets_of_the_shape_of_predictions() -> None:
    model = pydl.Sequential([pydl.Input((2,)), L.Dense(2)])
    model.compile("sgd", GaussianNLL(), metrics=["mae"])
    with pytest.raises(ValueError, match=r"for gaussian_nll and mae: expected shape \(batch, 2\), got \(6, 1\)"):
        model.evaluate(A, Y, verbose=0)


# -- weights of classes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [(0.0, 1.0), (np.float32(0), np.float64(1)), (False, True), (np.int8(0), 1)])
def test_classes_may_be_counted_in_any_kind_of_number(keys: tuple[Any, Any]) -> None:
    model = pydl.Sequential([pydl.Input((1,)), L.Dense(1, "sigmoid", kernel_initializer="zeros")])
    model.compile(pydl.optimizers.SGD(0.0), "binary_crossentropy")
    y = np.array([0.0, 0.0, 0.0, 1.0])
    loss = model.train_on_batch(np.arange(4.0), y, class_weight=dict(zip(keys, (2 / 3, 2.0), strict=True)))
    assert loss == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize("table", [{0.5: 1.0}, {"0": 1.0}, [1.0, 2.0], {np.nan: 1.0}])
def test_other_keys_are_no_classes(table: Any) -> None:
    model = pydl.Sequential([pydl.Input((1,)), L.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    with pytest.raises(TypeError, match="class_weight: expected a dict from class numbers to weights"):
        model.train_on_batch(np.arange(4.0), np.ones(4), class_weight=table)


def test_weights_of_classes_by_output() -> None:
    model = two_heads(["mse", "mse"])
    e = [
        (p.astype(float) - t) ** 2 for p, t in zip(model.predict(A), (np.ones((6, 1)), np.eye(2)[[1] * 6]), strict=True)
    ]
    y = {"out": np.ones(6), "aux": np.eye(2)[[1] * 6]}
    loss = model.train_on_batch(A, y, class_weight={"out": {1: 2.0}, "aux": {1: 5.0}})[0]
    assert loss == pytest.approx(2 * e[0].mean() + 5 * e[1].mean(), rel=1e-5)
    with pytest.raises(ValueError, match="class_weight: expected a dict of such dicts by output"):
        model.train_on_batch(A, y, class_weight={1: 2.0})


def test_columns_that_no_input_asks_for_are_left_out() -> None:
    """As a table has them; each was an error. What is missing still is."""
    a, b = pydl.Input((1,), name="a"), pydl.Input((1,), name="b")
    model = pydl.Model({"a": a, "b": b}, pydl.layers.Dense(1)(pydl.layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    table = {name: np.random.default_rng(i).random(6) for i, name in enumerate("abc")}
    wanted = model.predict({"a": table["a"], "b": table["b"]})
    with pytest.warns(UserWarning, match=r"x: \['c'\] are no inputs of the model, and are left out"):
        np.testing.assert_array_equal(model.predict(table), wanted)
    with pytest.warns(UserWarning, match="left out"):
        model.fit(table, np.ones(6), verbose=0)
    with pytest.warns(UserWarning, match="left out"):
        model(table)
    with pytest.raises(ValueError, match=r"expected the keys \['a', 'b'\], got \['a', 'c'\]"):
        model.predict({"a": table["a"], "c": table["c"]})
