"""Models as configs and files: what they are made of, what they are called, and that a copy goes on as the original."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.model_cases import CASES, Case, LessSine, Noisy, Scale

CUSTOM = {c.__name__: c for c in (Scale, LessSine, Noisy)}
WITHOUT_CONFIG = ("custom loss", "custom loss of sequences")  # they name a loss that is not pydl's

X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = X[:, :2] ** 2


def small(optimizer: Any = "adam", **options: Any) -> Any:
    model = pydl.Sequential(
        [pydl.Input((4,)), L.Dense(5, "tanh", name="first"), L.Dropout(0.2), L.Dense(2, name="second")], **options
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def copied(model: Any) -> Any:
    """Through JSON, as a file would."""
    return pydl.models.model_from_config(json.loads(json.dumps(model.get_config())), CUSTOM)


def assert_same_bits(a: Any, b: Any) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def outputs(model: Any, x: Any) -> list[Any]:
    y = model.predict(x)
    return y if isinstance(y, list) else [y]


# -- every layer and graph --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITHOUT_CONFIG])
@pytest.mark.usefixtures("float64")
def test_configs_and_files_give_the_same_model(name: str, tmp_path: Path) -> None:
    pydl.utils.set_random_seed(1)
    c: Case = CASES[name]()
    expected = outputs(c.model, c.x)
    again = copied(c.model)
    assert again.get_config() == c.model.get_config()
    assert [v.path for v in again.weights] == [v.path for v in c.model.weights]
    again.set_weights(c.model.get_weights())
    assert_same_bits(outputs(again, c.x), expected)
    c.model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects=CUSTOM)
    assert type(loaded) is type(c.model)
    assert_same_bits(outputs(loaded, c.x), expected)
    assert loaded.get_config() == c.model.get_config()
    assert loaded.get_compile_config() == c.model.get_compile_config()
    assert loaded.test_on_batch(c.x, c.y, c.w) == c.model.test_on_batch(c.x, c.y, c.w)


GOES_ON = ["residual", "dropout", "batch normalization", "two outputs", "a shared model", "regularizers"]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("name", GOES_ON)
@pytest.mark.usefixtures("float64")
def test_a_loaded_model_goes_on_with_the_same_bits(name: str, optimizer: str, tmp_path: Path) -> None:
    pydl.utils.set_random_seed(1)
    c = CASES[name]()
    c.model.compile(optimizer, c.model.compiled_losses, loss_weights=c.model.loss_weights)
    c.model.fit(c.x, c.y, batch_size=2, epochs=3, verbose=0)
    c.model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors")
    assert loaded.optimizer.iterations == c.model.optimizer.iterations > 0
    histories = [m.fit(c.x, c.y, batch_size=2, epochs=5, initial_epoch=3, verbose=0).history for m in (c.model, loaded)]
    assert histories[0] == histories[1]
    assert_same_bits(c.model.get_weights(), loaded.get_weights())


def test_frozen_layers_stay_frozen(tmp_path: Path) -> None:
    model = small()
    model.layers[0].trainable = False
    for again in (copied(model), saved_and_loaded(model, tmp_path)):
        assert [layer.trainable for layer in again.layers] == [False, True, True]
        assert [v.path for v in again.trainable_weights] == ["second/kernel", "second/bias"]
    model.trainable = False
    assert copied(model).trainable_weights == []


def saved_and_loaded(model: Any, folder: Path) -> Any:
    model.save(folder / "m.safetensors")
    return pydl.models.load_model(folder / "m.safetensors")


def test_an_unbuilt_model_has_a_config() -> None:
    model = pydl.Sequential([L.Dense(3, "relu"), L.Dense(1)], name="net")
    again = copied(model)
    assert not again.built
    assert again.get_config() == model.get_config()
    assert again.predict(X).shape == (30, 1)


def test_custom_layers_need_their_class(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4,)), Scale()])
    with pytest.raises(ValueError, match="unknown layer 'Scale'"):
        pydl.models.model_from_config(model.get_config())
    with pydl.utils.custom_object_scope({"Scale": Scale}):
        assert isinstance(pydl.models.model_from_config(model.get_config()).layers[0], Scale)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(pydl.FormatError, match="Scale"):
        pydl.models.load_model(tmp_path / "m.safetensors")


# -- layers and names -------------------------------------------------------------------------------------------------


def test_layers_by_name_and_place() -> None:
    model = small()
    assert [layer.name for layer in model.layers][::2] == ["first", "second"]
    assert model.get_layer("second") is model.layers[2] is model.get_layer(index=2) is model.get_layer(index=-1)
    assert model.layers is not model.layers
    assert [v.path for v in model.weights] == ["first/kernel", "first/bias", "second/kernel", "second/bias"]
    assert model.count_params() == 4 * 5 + 5 + 5 * 2 + 2


def test_names_number_themselves() -> None:
    pydl.utils.clear_session()
    assert [L.Dense(1).name, L.Dense(1).name, L.BatchNormalization().name, L.Dense(1).name] == [
        "dense", "dense_1", "batch_normalization", "dense_2",
    ]  # fmt: skip
    assert pydl.Input((1,)).name == "input_layer"


def test_weights_of_models_in_models_are_called_by_their_place() -> None:
    def inner(name: str) -> Any:
        return pydl.Sequential([pydl.Input((4,)), L.Dense(4, name="d")], name=name)

    a, b = inner("a"), inner("b")
    x = pydl.Input((4,))
    model = pydl.Model(x, b(a(x)))
    expected = ["a/d/kernel", "a/d/bias", "b/d/kernel", "b/d/bias"]
    assert [v.path for v in model.weights] == expected
    pydl.Model(x, a(x))
    assert [v.path for v in model.weights] == expected
    grown = pydl.Sequential([pydl.Input((4,)), inner("c")])
    grown.add(L.Dense(1, name="last"))
    grown.add(L.Dense(1, name="very_last"))
    assert [v.path for v in grown.weights][::2] == ["c/d/kernel", "last/kernel", "very_last/kernel"]


# -- weights ----------------------------------------------------------------------------------------------------------


def test_deeply_nested_models_are_saved(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(2)])
    for _ in range(60):
        model = pydl.Sequential([pydl.Input((3,)), model])
    model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_weights_are_copied_in_and_out() -> None:
    model = small()
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(4, 5), (5,), (5, 2), (2,)]
    weights[0][...] = 7
    assert not np.any(model.get_weights()[0] == 7)
    model.set_weights(weights)
    weights[0][...] = 8
    np.testing.assert_array_equal(model.get_weights()[0], np.full((4, 5), 7))
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], np.full((4, 5), 7))
    before = model.predict(X)
    model.set_weights([w.tolist() for w in model.get_weights()])
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("units", [1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 65])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_come_back_as_they_went_in(units: int, dtype: str) -> None:
    layer = L.Dense(units, dtype=dtype)
    layer.build((None, 5))
    kernel = np.random.default_rng(units).normal(size=(5, units)).astype(dtype)
    layer.set_weights([kernel, np.arange(units)])
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    np.testing.assert_array_equal(np.asarray(layer.kernel), kernel)
    np.testing.assert_array_equal(layer.bias.numpy(), np.arange(units))


def test_no_half_set_weights() -> None:
    model = small()
    before = model.get_weights()
    with pytest.raises(ValueError, match="second/bias"):
        model.set_weights([*(w + 1 for w in before[:3]), np.zeros(3)])
    assert_same_bits(model.get_weights(), before)


# -- Sequential grows and shrinks -------------------------------------------------------------------------------------


def test_add_and_pop_after_predicting() -> None:
    model = pydl.Sequential(name="net")
    model.add(pydl.Input((4,)))
    assert not model.built
    model.add(L.Dense(5, "relu"))
    hidden = model.predict(X)
    model.add(L.Dense(2))
    assert (hidden.shape, model.predict(X).shape) == ((30, 5), (30, 2))
    kernel, bias = model.layers[1].get_weights()
    np.testing.assert_allclose(model.predict(X), hidden @ kernel + bias, rtol=1e-5, atol=1e-6)
    last = model.pop()
    assert last.units == 2
    np.testing.assert_array_equal(model.predict(X), hidden)
    model.add(L.Dense(3))
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((30, 3)), verbose=0)
    assert model.pop().units == 3
    np.testing.assert_array_equal(model.predict(X).shape, hidden.shape)


def test_built_by_the_first_data() -> None:
    for first_use in ("fit", "predict", "train_on_batch", "build", "call"):
        model = pydl.Sequential([L.Flatten(), L.Dense(5, "relu"), L.Dense(2)])
        model.compile("sgd", "mse")
        assert not model.built
        x = X.reshape(30, 2, 2)
        match first_use:
            case "fit":
                model.fit(x, Y, verbose=0)
            case "predict":
                model.predict(x)
            case "train_on_batch":
                model.train_on_batch(x, Y)
            case "build":
                model.build((None, 2, 2))
            case "call":
                model(x)
        assert model.built
        assert model.input_shape == (None, 2, 2)
        assert model.get_weights()[0].shape == (4, 5)
        assert model.evaluate(x, Y, verbose=0) > 0


def test_frozen_before_it_is_built() -> None:
    model = pydl.Sequential([L.Dense(2)])
    model.trainable = False
    model.build((None, 4))
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 2


# -- looking at it ----------------------------------------------------------------------------------------------------


def test_summary() -> None:
    lines: list[str] = []
    model = small(name="net")
    model.layers[0].trainable = False
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    for word in (
        '"net"',
        "float32",
        "first",
        "Dense",
        "(None, 5)",
        "25",
        "Dropout",
        "37",
        "trainable: 12",
        "other: 25",
    ):
        assert word in text


def test_summary_counts_shared_layers_once(capsys: pytest.CaptureFixture[str]) -> None:
    x = pydl.Input((4,))
    layer = L.Dense(4, name="twice")
    pydl.Model(x, layer(layer(x))).summary()
    said = capsys.readouterr().out
    assert said.count("twice") == 2
    assert "parameters: 20 " in said


PLANS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "predict": (lambda m: m.plan(8, "predict"), ["gather", "gemm_fwd", "gemm_fwd", "put"]),
    "train": (
        lambda m: m.plan(8),
        ["gather", "gemm_fwd", "dropout", "gemm_fwd", "gather", "loss_mse", "metric_mae", "gemm_dx", "dropout",
         "act_tanh_bwd", "gemm_dw", "colsum", "gemm_dw", "colsum", "sum", "sum", "opt_adam_step"],
    ),
    "test": (lambda m: m.plan(8, "test"), ["gather", "gemm_fwd", "gather", "loss_mse", "metric_mae", "sum"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_lists_its_records(kind: str) -> None:
    plan, ops = PLANS[kind]
    listing = plan(small())
    assert {r["op"] for r in listing.records} == set(ops)
    assert len(listing) >= len(ops)
    text = str(listing)
    assert f"{kind} step, batch 8: {len(listing)} records, float32" in text
    for word in ("ISA", "thread", "B=8", "(8, 5)", *ops):
        assert word in text


def test_the_plan_fuses() -> None:
    x = pydl.Input((4,))
    model = pydl.Model(x, L.Dense(3, "softmax")(L.Dense(5, "relu")(x)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    records = {r["op"]: r for r in model.plan(8).records}
    assert "loss_sparse_cce_logits" in records
    assert records["gemm_dx"]["fields"]["act"] == "act_relu_bwd"
    assert not any(op.startswith("act_") for op in records)


def test_a_trace_is_a_step() -> None:
    pydl.utils.set_random_seed(1)
    traced = small("sgd")
    trace = traced.trace(X, Y)
    pydl.utils.set_random_seed(1)
    stepped = small("sgd")
    stepped.train_on_batch(X, Y)
    assert_same_bits(traced.get_weights(), stepped.get_weights())
    assert traced.optimizer.iterations == 1
    assert [op for op, _ in trace.records] == [r["op"] for r in traced.plan(30).records]
    assert trace.first_nonfinite is None
    assert "gemm_fwd" in str(trace)


def told(model: pydl.Model, **arguments: object) -> list[str]:
    lines: list[str] = []
    model.summary(print_fn=lines.append, **arguments)  # type: ignore[arg-type]
    return lines[0].splitlines()[1:-1]


def test_summary_as_it_is_asked_for() -> None:
    inner = pydl.Sequential([pydl.Input((3,), name="y"), pydl.layers.Dense(2, name="deep")], name="inner")
    model = pydl.Sequential([pydl.Input((3,), name="x"), inner, pydl.layers.Dense(1, name="last")])
    inner.trainable = False

    def names(**arguments: object) -> list[str]:
        return [
            row.split("  Input")[0].split("  Dense")[0].split("  Seq")[0].rstrip()
            for row in told(model, **arguments)[2:]
        ]

    assert names() == ["x", "inner", "last"]
    assert names(expand_nested=True) == ["x", "inner", "  y", "  deep", "last"]
    assert names(layer_range=["inner", "la.*"]) == ["inner", "last"]
    shown = told(model, show_trainable=True)
    assert [row.split()[-1] for row in (shown[0], *shown[2:])] == ["trained", "0", "no", "yes"]
    assert len(told(model, line_length=50)[1]) == 50
    assert told(model, positions=[10, 30, 50, 70])[1] == "-" * 70
    assert told(model, line_length=40, positions=[0.25, 0.5, 0.75, 1.0])[3].startswith(
        "inner       Sequent~  (None, ~  "
    )
    for wrong in ({"layer_range": ["a", "b"]}, {"positions": [3, 2, 1, 0]}, {"line_length": 3}):
        with pytest.raises(ValueError, match="summary"):
            model.summary(**wrong)  # type: ignore[arg-type]
