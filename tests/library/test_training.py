"""Training with libpydl: the bits of Python's `fit` on the same batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import losses, optimizers
from pydl._base.safetensors import Reader
from tests.library.library import Context, LibraryError, LoadedModel, lib

pytestmark = pytest.mark.long  # trains in C and in Python; test_programs stays

FILE = "m.plan.safetensors"


def stored_weights(path: Path, model: Any) -> dict[str, np.ndarray]:
    """What a plan file holds of the weights and slots of a model, as users see them."""
    with Reader(path) as reader:
        found = {}
        for v in [*model.weights, *model.optimizer.state_variables]:
            shape = v.layout.storage
            found[v.path] = np.array(v.layout.unpack(reader.read(v.path)[: int(np.prod(shape))].reshape(shape)))
        return found


def weights(model: Any) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in [*model.weights, *model.optimizer.state_variables]}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for path, values in expected.items():
        assert found[path].tobytes() == values.tobytes(), path


def classifier(*, last: str = "softmax") -> Any:
    return pydl.Sequential(
        [
            pydl.Input((6,)),
            L.Dense(19, "relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dropout(0.3),
            L.Dense(8, "gelu"),
            L.LayerNormalization(),
            L.Dense(3, last),
        ]
    )


def images() -> Any:
    return pydl.Sequential(
        [
            pydl.Input((6, 5, 2)),
            L.Conv2D(4, 3, padding="same"),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(2, padding="same"),
            L.DepthwiseConv2D(2, activation="tanh"),
            L.SpatialDropout2D(0.2),
            L.GlobalAveragePooling2D(),
            L.Dense(3, "softmax"),
        ]
    )


def codes() -> Any:
    return pydl.Sequential([pydl.Input((4,)), L.Embedding(7, 5), L.Flatten(), L.Dense(3, "softmax")])


MODELS: dict[str, Callable[[], Any]] = {"classifier": classifier, "images": images, "codes": codes}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum, clipped": lambda: optimizers.SGD(0.05, 0.9, nesterov=True, clipnorm=0.5),
    "adam": lambda: optimizers.Adam(0.01),
    "adamw, all clipped": lambda: optimizers.AdamW(0.01, weight_decay=0.1, amsgrad=True, global_clipnorm=1.0),
    "accumulating adam": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
}


def data(model: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    shape = (rows, *model.inputs[0].shape[1:])
    x = rng.normal(size=shape) if model.input_codes == [None] else rng.integers(0, 7, shape)
    return x.astype(np.float32), rng.integers(0, 3, rows)


def trained_in_c(model: Any, folder: Path, x: Any, y: Any, w: Any = None, batch: int = 16, epochs: int = 2) -> Any:
    """Means of the losses of epochs, and the context."""
    model.export(folder / FILE, training=True)
    context = Context(LoadedModel(folder / FILE), batch, training=True)
    means = []
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(x), batch):
            part = slice(i, i + batch)
            total += context.train(x[part], y[part], None if w is None else w[part]) * len(x[part])
        means.append(total / len(x))
    return means, context


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kind", MODELS)
def test_as_fit(kind: str, name: str, tmp_path: Path) -> None:
    pydl.utils.set_random_seed(5)
    model = MODELS[kind]()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy")
    x, y = data(model, 44)  # the last batch has 12 rows
    model.fit(x, y, batch_size=16, shuffle=False, verbose=0)  # slots and steps that are to be gone on with
    means, context = trained_in_c(model, tmp_path, x, y)
    history = model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert means == pytest.approx(history.history["loss"], rel=1e-12)
    context.save(tmp_path / "after.plan.safetensors")
    assert_same(stored_weights(tmp_path / "after.plan.safetensors", model), weights(model))
    assert context.batches == model.optimizer.batches == 9
    assert context.predict(x)[0].tobytes() == model.predict_on_batch(x).tobytes()


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (losses.MeanSquaredError(), None), (losses.Huber(0.5), None), (losses.BinaryCrossentropy(), "sigmoid"),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), "softmax"), (losses.MeanAbsoluteError(), "tanh"),
        (losses.MeanSquaredError(reduction="sum"), None), (losses.Poisson(), "exponential"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(loss: Any, last: Any, weighted: bool, tmp_path: Path) -> None:
    model = classifier(last=last)
    model.compile(optimizers.Adam(0.01), loss)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(29, 6)).astype(np.float32), rng.dirichlet(np.ones(3), 29).astype(np.float32)
    w = rng.uniform(0.5, 2, 29).astype(np.float32) if weighted else None
    _, context = trained_in_c(model, tmp_path, x, y, w, batch=10)
    model.fit(x, y, sample_weight=w, batch_size=10, epochs=2, shuffle=False, verbose=0)
    context.save(tmp_path / "after.plan.safetensors")
    assert_same(stored_weights(tmp_path / "after.plan.safetensors", model), weights(model))


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    a, b = pydl.Input((4,)), pydl.Input((3, 2))
    h = L.Concatenate()([L.Dense(5, "tanh", kernel_regularizer="l2", activity_regularizer="l2")(a), L.Flatten()(b)])
    model = pydl.Model([a, b], [L.Dense(2, name="one")(h), L.Dense(3, "softmax", name="other")(h)])
    model.compile("adam", ["mse", "categorical_crossentropy"], loss_weights=[0.3, 2.0])
    rng = np.random.default_rng(2)
    x = [rng.normal(size=(8, 4)), rng.normal(size=(8, 3, 2))]
    y = [rng.normal(size=(8, 2)), rng.dirichlet(np.ones(3), 8)]
    model.export(tmp_path / FILE, training=True)
    context = Context(LoadedModel(tmp_path / FILE), 8, training=True)
    loss = context.train(x, y)
    assert loss == pytest.approx(model.train_on_batch(x, y)[0], rel=1e-12)
    context.save(tmp_path / "after.plan.safetensors")
    assert_same(stored_weights(tmp_path / "after.plan.safetensors", model), weights(model))


def test_large_weights_take_their_steps_with_their_gradients(tmp_path: Path) -> None:
    """gemm_step, up to 256 rows; gemm_dw and the step behind it for more."""
    model = pydl.Sequential([pydl.Input((1500,)), L.Dense(1500, "relu"), L.Dense(1)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(267, 1500)).astype(np.float32), rng.normal(size=(267, 1)).astype(np.float32)
    model.export(tmp_path / FILE, training=True, max_batch=300)
    context = Context(LoadedModel(tmp_path / FILE), 300, training=True)
    for rows in (7, 267):
        context.train(x[:rows], y[:rows])
        model.train_on_batch(x[:rows], y[:rows])
    assert context.predict(x)[0].tobytes() == model.predict_on_batch(x).tobytes()


def test_going_on_from_a_saved_file(tmp_path: Path) -> None:
    model = classifier()
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    x, y = data(model, 32)
    _, context = trained_in_c(model, tmp_path, x, y, epochs=1)
    context.save(tmp_path / "half.plan.safetensors")
    again = LoadedModel(tmp_path / "half.plan.safetensors")
    again.selftest()
    other = Context(again, 16, training=True)
    for c in (context, other):
        c.train(x[:16], y[:16])
        c.save(tmp_path / f"{c is other}.plan.safetensors")
    files = [(tmp_path / f"{which}.plan.safetensors").read_bytes() for which in (False, True)]
    assert files[0] == files[1]
    assert not list(tmp_path.glob("*.draft"))


def test_the_model_stays_as_it_is(tmp_path: Path) -> None:
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data(model, 16)
    _, context = trained_in_c(model, tmp_path, x, y)
    fresh = Context(context.model, 16)
    assert fresh.predict(x)[0].tobytes() == model.predict_on_batch(x).tobytes()
    assert context.predict(x)[0].tobytes() != model.predict_on_batch(x).tobytes()


def test_learning_rate(tmp_path: Path) -> None:
    model = classifier()
    model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    x, y = data(model, 16)
    model.export(tmp_path / FILE, training=True)
    context = Context(LoadedModel(tmp_path / FILE), 16, training=True)
    assert lib.pydl_set_learning_rate(context.handle, 0.125) == 0
    context.train(x, y)
    model.optimizer.learning_rate = 0.125
    model.train_on_batch(x, y)
    assert context.predict(x)[0].tobytes() == model.predict_on_batch(x).tobytes()
    assert lib.pydl_set_learning_rate(context.handle, -1.0) == 2


def test_wrong_targets(tmp_path: Path) -> None:
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.export(tmp_path / FILE, training=True)
    context = Context(LoadedModel(tmp_path / FILE), 4, training=True)
    x = np.zeros((4, 6))
    with pytest.raises(LibraryError, match=r"target 0: expected whole numbers from 0 to 2, found 3 in row 1"):
        context.train(x, np.array([0, 3, 1, 1]))
    with pytest.raises(LibraryError, match=r"expected 1 to 4 rows, got 5"):
        context.train(np.zeros((5, 6)), np.zeros(5))
    with pytest.raises(LibraryError, match=r"trains on batches of up to 256 rows, got 257"):
        Context(context.model, 257, training=True)
    with pytest.raises(LibraryError, match=r"expected a context for training"):
        Context(context.model, 4).train(x, np.zeros(4))


def test_refused(tmp_path: Path) -> None:
    def refused(match: str, optimizer: Any, loss: Any = "sparse_categorical_crossentropy") -> None:
        model.compile(optimizer, loss)
        with pytest.raises(ValueError, match=match):
            model.export(tmp_path / FILE, training=True)

    model = classifier()
    with pytest.raises(ValueError, match="not compiled"):
        model.export(tmp_path / FILE, training=True)
    with pytest.raises(ValueError, match="`max_batch` must be"):
        model.export(tmp_path / FILE, training=True, max_batch=5000)
    refused("learning rate that is a number", optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)))
    refused("use_ema", optimizers.Adam(use_ema=True))
    refused("Nadam is not trained in C; compile with Adam, AdamW or SGD", "nadam")
    refused("ignore_class", "sgd", losses.SparseCategoricalCrossentropy(ignore_class=0))
    refused(r'in Python \(record "Dice"\)', "sgd", losses.Dice())
    assert not (tmp_path / FILE).exists()
