"""What an Input may be given, and what a model says of its shapes before and after it is built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl

L = pydl.layers
X = np.arange(12.0, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (lambda: pydl.Input((8,)), (None, 8)),
        (lambda: pydl.Input(8), (None, 8)),
        (lambda: pydl.Input(shape=(4, None)), (None, 4, None)),
        (lambda: pydl.Input((8,), batch_size=5), (5, 8)),
        (lambda: pydl.Input(batch_shape=(None, 8)), (None, 8)),
        (lambda: pydl.Input(batch_shape=(32, 2, 3)), (32, 2, 3)),
        (lambda: L.InputLayer(input_shape=(8,)).tensor(), (None, 8)),
        (lambda: L.InputLayer(batch_shape=(7, 8)).tensor(), (7, 8)),
    ],
)
def test_shapes_of_inputs(made: Any, shape: Any) -> None:
    assert made().shape == shape


def test_a_size_of_the_batch_is_told_and_binds_no_data(tmp_path: Any) -> None:
    a, b = pydl.Input((4, 6), batch_size=8), pydl.Input((4, 6))
    both = L.Concatenate()([a, b])
    flat = pydl.ops.reshape(both, (both.shape[0], -1))  # for batches of other sizes as well
    assert [t.shape for t in (both, flat, a[:, 0], pydl.ops.mean(a, axis=1), a + b)] == [
        (8, 4, 12), (8, 48), (8, 6), (8, 6), (8, 4, 6)
    ]  # fmt: skip
    model = pydl.Model([a, b], L.Dense(2)(flat))
    assert (model.input_shape, model.output_shape) == ([(8, 4, 6), (None, 4, 6)], (8, 2))
    model.compile("sgd", "mse")
    x = np.ones((5, 4, 6), "float32")
    model.fit([x, x], np.ones((5, 2)), verbose=0)
    assert pydl.Model.from_config(model.get_config()).output_shape == (8, 2)
    for name in ("m.keras", "m.safetensors"):
        model.save(tmp_path / name)
        again = pydl.models.load_model(tmp_path / name)
        assert again.output_shape == (8, 2)
        np.testing.assert_array_equal(again.predict([x, x]), model.predict([x, x]))
    within = pydl.Model(b, model([b, b]))
    assert within.output_shape == (None, 2)
    chain = pydl.Sequential([L.Dense(3)])
    chain.build((32, 7))
    assert (chain.output_shape, chain(np.ones((2, 7))).shape) == ((32, 3), (2, 3))
    inputs = pydl.Input(batch_shape=(1, None, 7))
    assert L.Cropping1D((1, 2))(inputs).shape == (1, None, 7)


@pytest.mark.parametrize(
    ("made", "error", "told"),
    [
        (pydl.Input, ValueError, "pass a `shape`"),
        (lambda: pydl.Input((3,), batch_shape=(None, 3)), ValueError, "both `shape` and `batch_shape`"),
        (lambda: pydl.Input((3,), batch_size=0), ValueError, "batch_size"),
        (lambda: pydl.Input((3,), sparse=True), ValueError, "`sparse=True` is not supported"),
        (lambda: L.InputLayer((None,), ragged=True), ValueError, "pad_sequences"),
        (lambda: pydl.Input("3"), TypeError, "shape must be a tuple"),
        (lambda: L.Dense(2, input_shape=(3,), batch_input_shape=(None, 3)), TypeError, "not both"),
    ],
)
def test_inputs_that_cannot_be(made: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        made()


def test_a_first_layer_may_say_the_shape_with_its_batch() -> None:
    model = pydl.Sequential([L.Dense(2, batch_input_shape=(None, 3)), L.Dense(1)])
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 1))


def test_an_input_is_made_anew_from_its_config() -> None:
    layer = L.InputLayer(batch_shape=(2, None, 3), name="steps")
    again = L.deserialize(L.serialize(layer))
    assert (again.name, again.tensor().shape) == ("steps", (2, None, 3))


def test_output_shapes() -> None:
    a, b = pydl.Input((3,), name="a"), pydl.Input((3,), name="b")
    model = pydl.Model([a, b], [L.Dense(1)(L.Add()([a, b])), L.Reshape((3, 1))(a)])
    assert model.input_shape == [(None, 3), (None, 3)]
    assert model.output_shape == [(None, 1), (None, 3, 1)]
    assert pydl.Model(a, L.Dense(2)(a)).output_shape == (None, 2)


def test_a_chain_without_an_input_is_built_by_its_first_data() -> None:
    model = pydl.Sequential([L.Dense(2), L.Dense(1)], name="late")
    told: list[str] = []
    assert (model.built, model.weights, model.layers[0].weights) == (False, [], [])
    model.summary(print_fn=told.append)
    assert model(X).shape == (4, 1)
    model.summary(print_fn=told.append)
    assert [v.shape for v in model.weights] == [(3, 2), (2,), (2, 1), (1,)]
    before, after = (text.splitlines() for text in told)
    assert before[3].split() == ["dense", "Dense", "?", "not", "built"] or "not built" in before[3]
    assert before[-1].startswith("parameters: 0 ")
    assert "(None, 2)" in "\n".join(after)
    assert after[-1].startswith("parameters: 11 ")


def test_weights_of_a_frozen_layer_are_not_trainable() -> None:
    layer = L.BatchNormalization()
    layer.build((None, 3))
    assert [v.name for v in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]
    layer.trainable = False
    assert layer.trainable_weights == []
    assert layer.non_trainable_variables == layer.weights


class Described(L.Layer):
    """A layer that says what its input has to be, at once or when it is built."""

    def __init__(self, spec: Any, late: bool = False) -> None:
        super().__init__(name="own")
        self.spec = (spec,)
        if not late:
            self.input_spec = spec

    def build(self, input_shape: Any) -> None:
        self.input_spec = self.spec[0]

    def call(self, x: Any) -> Any:
        return x[0] if isinstance(x, list | tuple) else x


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("fields", "good", "bad", "words"),
    [
        ({"ndim": 3}, (4, 2), (4,), "expected 3 axes"),
        ({"min_ndim": 3}, (4, 2, 1), (4,), "expected at least 3 axes"),
        ({"max_ndim": 2}, (4,), (4, 2), "expected at most 2 axes"),
        ({"axes": {-1: 5}}, (2, 5), (2, 4), "expected size 5 on axis -1"),
        ({"axes": {2: 5}}, (2, 5), (4,), "expected size 5 on axis 2"),
        ({"shape": (None, 3, None)}, (3, 7), (4, 7), r"expected shape \(None, 3, None\)"),
        ({"shape": (None, 3)}, (3,), (3, 1), "expected 2 axes"),
    ],
)
def test_what_a_layer_expects(fields: Any, good: Any, bad: Any, words: str, late: bool) -> None:
    for shapes in ((pydl.Input(good), pydl.Input(bad)), (np.ones((2, *good)), np.ones((2, *bad)))):
        Described(L.InputSpec(**fields), late)(shapes[0])
        with pytest.raises(ValueError, match=f'layer "own": {words}'):
            Described(L.InputSpec(**fields), late)(shapes[1])


def test_what_a_layer_expects_of_several_inputs() -> None:
    layer = Described([L.InputSpec(ndim=2), None])
    assert layer([pydl.Input((3,)), pydl.Input((3, 4))]).shape == (None, 3)
    with pytest.raises(ValueError, match="expected 2 inputs"):
        Described([L.InputSpec(ndim=2), None])(pydl.Input((3,)))
    with pytest.raises(ValueError, match="expected 2 axes of input 0"):
        Described([L.InputSpec(ndim=2), None])([pydl.Input((3, 4)), pydl.Input((3,))])


def test_a_last_axis_of_one_may_be_left_out() -> None:
    spec = pydl.InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True)
    assert spec.wrong_about((None, 3)) is None
    assert spec.wrong_about((None, 3, 1)) is None
    assert spec.wrong_about((None, 4)) == "shape (None, 3)"


@pytest.mark.parametrize("spec", ["x", {"a": L.InputSpec(ndim=2)}, 3])
def test_what_is_no_description(spec: Any) -> None:
    with pytest.raises(TypeError, match='layer "own": input_spec must be an InputSpec'):
        Described(spec)(pydl.Input((3,)))
