"""Models that learn their inputs' shapes from the first data take data of other sizes, where their layers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(0)


def texts(n: int, steps: int) -> Any:
    return RNG.integers(0, 30, (n, steps))


class Net(pydl.Model):
    """The same by subclassing, with two inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a, self.b, self.c = L.Embedding(30, 4), L.GlobalAveragePooling1D(), L.Dense(1)

    def call(self, x: Any) -> Any:
        return self.c(self.b(self.a(x)))


def chain(*first: Any) -> Any:
    return pydl.Sequential([*first, L.Embedding(30, 4), L.GlobalAveragePooling1D(), L.Dense(1)])


def batches() -> Iterator[Any]:
    rng = np.random.default_rng(1)
    for n, steps in ((4, 5), (4, 7), (3, 3), (4, 5)):
        yield rng.integers(0, 30, (n, steps)), rng.random((n, 1))


@pytest.mark.parametrize("make", [chain, Net])
def test_texts_of_several_lengths(make: Any) -> None:
    """They were refused, as the first length was taken for the only one."""
    pydl.utils.set_random_seed(0)
    model, told = make(), chain(pydl.Input((None,)))
    model.build((None, 5))
    model = make()  # of the data
    for m in (model, told):
        m.compile("adam", "mse", metrics=["mae"])
    model.predict(texts(2, 5))
    model.set_weights(told.get_weights())
    histories = [m.fit(batches(), epochs=1, verbose=0).history for m in (model, told)]
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-5)
    assert histories[0]["mean_absolute_error" if "mean_absolute_error" in histories[0] else "mae"] == pytest.approx(
        histories[1]["mae"], rel=1e-5
    )
    for a, b in zip(model.get_weights(), told.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    x = texts(5, 9)
    np.testing.assert_allclose(model.predict(x), told.predict(x), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model(x), told(x), rtol=1e-5, atol=1e-7)
    assert model.evaluate(x, np.ones(5))[0] == pytest.approx(told.evaluate(x, np.ones(5))[0], rel=1e-5)
    assert model.input_shape == (None, None)


def test_images_of_several_sizes() -> None:
    model = pydl.Sequential([L.Conv2D(3, 3), L.GlobalMaxPooling2D(), L.Dense(1)])
    model.compile("adam", "mse")
    model.fit(RNG.random((4, 8, 8, 1)), RNG.random(4), verbose=0)
    kept = model.get_weights()
    assert model.predict(RNG.random((2, 12, 9, 1))).shape == (2, 1)
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True))
    assert model.input_shape == (None, None, None, 1)


class Pair(pydl.Model):
    """Of a dict."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a, self.b, self.c = L.Embedding(30, 4), L.GlobalAveragePooling1D(), L.Dense(1)

    def call(self, x: Any) -> Any:
        return self.c(L.Concatenate()([self.b(self.a(x["text"])), x["number"]]))


def test_several_inputs() -> None:
    model = Pair()
    first = model.predict({"text": texts(3, 4), "number": np.ones((3, 2))})
    assert model.predict({"text": texts(5, 6), "number": np.ones((5, 2))}).shape == (5, *first.shape[1:])
    with pytest.raises(ValueError, match="number"):
        model.predict({"text": texts(5, 6), "number": np.ones((5, 3))})


def test_what_layers_do_not_take_is_an_error() -> None:
    model = pydl.Sequential([L.Dense(3), L.Dense(1)])
    model.compile("sgd", "mse")
    x = RNG.random((4, 6))
    model.fit(x, np.ones(4), verbose=0)
    before = model.predict(x)
    with pytest.raises(ValueError, match=r"expected \(batch, 6\), got \(4, 5\)"):
        model.predict(x[:, :5])
    np.testing.assert_array_equal(model.predict(x), before)
    model.fit(x, np.ones(4), verbose=0)
    flat = pydl.Sequential([L.Conv2D(2, 3), L.Flatten(), L.Dense(1)])
    flat.predict(RNG.random((1, 6, 6, 1)))
    with pytest.raises(ValueError, match=r"expected \(batch, 6, 6, 1\), got \(1, 7, 6, 1\)"):
        flat.predict(RNG.random((1, 7, 6, 1)))
    said = pydl.Sequential([pydl.Input((8, 8, 1)), L.Conv2D(3, 3), L.GlobalMaxPooling2D()])
    with pytest.raises(ValueError, match=r"expected \(batch, 8, 8, 1\)"):
        said.predict(RNG.random((1, 9, 9, 1)))


def test_weights_of_layers_that_are_built() -> None:
    """A chain of another model's layers has theirs before it is called."""
    first = pydl.Sequential([pydl.Input((3,)), L.Dense(4), L.Dense(2)])
    again = pydl.Sequential(first.layers[:-1])
    assert not again.built
    assert again.count_params() == 16
    assert len(again.trainable_weights) == len(again.trainable_variables) == 2
    assert again.non_trainable_weights == []
    again.layers[0].trainable = False
    assert again.trainable_weights == []
    np.testing.assert_array_equal(again.get_weights()[0], first.get_weights()[0])


STEPS = (RNG.random((20, 16, 4)).astype("float32"), RNG.random((20, 20, 4)).astype("float32"))


def of_steps(*first: Any) -> Any:
    pydl.utils.set_random_seed(1)
    layers = [L.Conv1D(4, 3, padding="same", name="c"), L.GlobalAveragePooling1D(), L.Dense(1)]
    return pydl.Sequential([*first, *layers])


class Predicting(pydl.callbacks.Callback):
    """Looks at data of another length within an epoch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        assert self.model.predict(STEPS[1][:2]).shape == (2, 1)


@pytest.mark.parametrize("within", ["validation", "callback"])
def test_other_lengths_while_data_are_being_gone_through(within: str) -> None:
    """Their program was made for no sizes at all, and trained on nothing."""
    histories = []
    for told in ((), (pydl.Input((None, 4)),)):
        model = of_steps(*told)
        model.build((None, 16, 4)) if told else model.predict(STEPS[0])
        model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.get_weights()])
        model.compile("sgd", "mse")
        more: Any = (
            {"validation_data": (STEPS[1], np.ones(20))} if within == "validation" else {"callbacks": [Predicting()]}
        )
        history = model.fit(STEPS[0], np.zeros(20), epochs=3, batch_size=8, shuffle=False, verbose=0, **more).history
        histories.append(history)
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [L.Reshape((64,)), L.Dense(1)],
        lambda: [L.PReLU(), L.GlobalAveragePooling1D()],
        lambda: [L.EinsumDense("btc,tcd->bd", 5)],
        lambda: [L.Conv1D(4, 3), L.Flatten(), L.Dense(1)],
    ],
)
def test_layers_that_find_out_when_they_run(layers: Any) -> None:
    x16, x20 = STEPS[0][:3], STEPS[1][:3]
    model = pydl.Sequential(layers())
    before = model.predict(x16)
    with pytest.raises(ValueError, match=r"expected \(batch, 16, 4\), got \(3, 20, 4\)"):
        model.predict(x20)
    assert model.input_shape == (None, 16, 4)
    np.testing.assert_array_equal(model.predict(x16), before)
    assert pydl.Model(model.inputs, model.layers[0].output).predict(x16).shape[0] == 3


class Outputs(pydl.Model):
    """Of functions, which have names of their own, with a term of the loss and a part that is a chain."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = pydl.Sequential([L.Conv1D(4, 3), L.GlobalMaxPooling1D()])

    def call(self, x: Any) -> Any:
        h = self.part(x)
        self.add_loss(pydl.ops.mean(h))
        return h * 2.0, h + 1.0


def test_names_parts_and_terms_of_the_loss() -> None:
    x16, x20 = STEPS[0][:3], STEPS[1][:3]
    model = Outputs()
    model.compile("sgd", "mse")
    y = [np.ones((3, 4)), np.ones((3, 4))]
    model.fit(x16, y, verbose=0)
    names = list(model.output_names)
    first, _ = model.predict(x20)
    np.testing.assert_allclose(first, 2 * model.part(x20), rtol=1e-6)
    assert model.output_names == names
    model.fit(x20, dict(zip(names, y, strict=True)), verbose=0)
    nested = pydl.Sequential([pydl.Sequential([L.Conv1D(4, 3, name="c")]), L.GlobalMaxPooling1D()])
    nested.predict(x16)
    assert nested.predict(x20).shape == (3, 4)
    inner = pydl.Model(nested.layers[0].inputs, nested.layers[0].get_layer("c").output)
    assert inner.predict(x20).shape == (3, 18, 4)


class Anew(pydl.Model):
    """Makes its layer in `call`."""

    def call(self, x: Any) -> Any:
        return L.Dense(2)(pydl.ops.mean(x, axis=1))


def test_code_that_would_make_other_weights_is_not_run_again() -> None:
    model = Anew()
    before = model.predict(STEPS[0])
    with pytest.raises(ValueError, match=r"expected \(batch, 16, 4\)"):
        model.predict(STEPS[1])
    np.testing.assert_array_equal(model.predict(STEPS[0]), before)


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras", "m.h5"])
def test_files_keep_it(name: str, tmp_path: Any) -> None:
    """A model that was trained on texts of one length takes others when it is read again; so does its clone."""
    for make in (chain, Net):
        model = make()
        model.compile("adam", "mse")
        model.fit(texts(4, 6), np.ones(4), verbose=0)
        model.save(tmp_path / name)
        again = pydl.models.load_model(tmp_path / name)
        clones = [again] if make is chain or name == "m.safetensors" else []
        if make is chain:
            clones.append(pydl.models.clone_model(model))
            clones[-1].set_weights(model.get_weights())
        x = texts(3, 9)
        wanted = model.predict(x)
        for other in clones:
            np.testing.assert_allclose(other.predict(x), wanted, rtol=1e-6)
            assert other.predict(texts(2, 6)).shape == (2, 1)
        if clones:
            clones[0].fit(x, np.ones(3), verbose=0)
