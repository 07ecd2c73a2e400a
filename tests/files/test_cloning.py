"""New models from old ones: clones, and models from JSON text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pydl

L = pydl.layers
X = np.arange(12.0, dtype=np.float32).reshape(4, 3) / 12


def chain() -> pydl.Sequential:
    return pydl.Sequential([pydl.Input((3,)), L.Dense(4, "tanh", name="a"), L.Dense(2, name="b")], name="chain")


def graph() -> pydl.Model:
    """Two inputs under keys, a shared layer, a model within, an output under a key."""
    p, q = pydl.Input((3,), name="p"), pydl.Input((3,), name="q")
    shared, inner = L.Dense(3, name="shared"), chain()
    return pydl.Model({"p": p, "q": q}, {"y": inner(L.Add(name="sum")([shared(p), shared(q)]))}, name="graph")


DATA = {"chain": X, "graph": {"p": X, "q": X[::-1]}}


@pytest.mark.parametrize("make", [chain, graph])
def test_a_clone_has_the_same_graph_and_weights_of_its_own(make: Any) -> None:
    model = make()
    clone = pydl.models.clone_model(model)
    assert type(clone) is type(model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(layer) for layer in clone.layers} & {id(layer) for layer in model.layers}
    assert clone.optimizer is None
    assert not any(
        np.array_equal(a, b) for a, b in zip(clone.get_weights(), model.get_weights(), strict=True) if a.any()
    )
    clone.set_weights(model.get_weights())
    given, found = model(DATA[make.__name__]), clone(DATA[make.__name__])
    assert np.array_equal(*(v["y"] if isinstance(v, dict) else v for v in (given, found)))
    assert pydl.models.clone_model(clone).get_config() == model.get_config()


def test_a_function_may_say_what_the_new_layers_are() -> None:
    def frozen(layer: Any) -> Any:
        new = type(layer).from_config(layer.get_config() | {"trainable": layer.name != "a"})
        return new

    clone = pydl.models.clone_model(chain(), clone_function=frozen)
    assert [layer.trainable for layer in clone.layers] == [False, True]
    within = pydl.models.clone_model(graph(), clone_function=lambda layer: layer)
    assert (
        not pydl.models.clone_model(graph(), clone_function=frozen, recursive=True)
        .get_layer("chain")
        .layers[0]
        .trainable
    )
    assert within.get_layer("chain").name == "chain"
    with pytest.raises(TypeError, match=r'expected a layer from clone_function for "a", got 3'):
        pydl.models.clone_model(chain(), clone_function=lambda layer: 3)


def test_a_model_of_code_that_says_what_it_is_made_with() -> None:
    class Coded(pydl.Model):
        def __init__(self, units: int = 3, **others: Any) -> None:
            super().__init__(**others)
            self.units, self.dense = units, L.Dense(units)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units}

    model = Coded(5)
    for _ in range(2):  # before it is built, and then
        clone = pydl.models.clone_model(model)
        assert type(clone) is Coded
        assert clone.units == 5
        assert clone.dense is not model.dense
        assert clone(X).shape == model(X).shape == (4, 5)

    class Silent(pydl.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"clone_model: model .* is not built"):
        pydl.models.clone_model(Silent())


def test_a_clone_may_have_other_inputs() -> None:
    x = pydl.Input((5, 3), name="steps")
    assert pydl.models.clone_model(chain(), x).output_shape == (None, 5, 2)
    p, q = pydl.Input((5, 3), name="p"), pydl.Input((5, 3), name="q")
    clone = pydl.models.clone_model(pydl.Model([a := pydl.Input((3,)), b := pydl.Input((3,))], L.Add()([a, b])), [p, q])
    assert clone.output_shape == (None, 5, 3)
    with pytest.raises(TypeError, match="input_tensors"):
        pydl.models.clone_model(graph(), [p])
    with pytest.raises(TypeError, match="expected a model"):
        pydl.models.clone_model(L.Dense(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [chain, graph])
def test_models_from_json(make: Any) -> None:
    model = make()
    text = model.to_json(indent=1)
    assert json.loads(text)["class_name"] == {"Model": "Functional"}.get(type(model).__name__, type(model).__name__)
    again = pydl.models.model_from_json(text)
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize("text", ["[]", '{"class_name": "Model"}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="model_from_json"):
        pydl.models.model_from_json(text)


def test_json_of_keras() -> None:
    dense = {
        "class_name": "Dense",
        "config": {"name": "a", "units": 2, "activation": "relu", "quantization_config": None},
    }
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "x"}}
    document = {"class_name": "Sequential", "config": {"name": "net", "layers": [start, dense]}}
    model = pydl.models.model_from_json(json.dumps(document))
    assert (model.name, model.output_shape, model.layers[0].activation.name) == ("net", (None, 2), "relu")
    with pytest.raises(pydl.FormatError, match="expected the config of a Keras model"):
        pydl.models.model_from_json(json.dumps(dense))


def test_operators_of_a_clone_are_no_layers() -> None:
    x = pydl.Input((3,))
    model = pydl.Model(x, pydl.layers.Dense(2)(x) * 2 + 1)
    clone = pydl.models.clone_model(model)
    assert [type(layer) for layer in clone.layers] == [type(layer) for layer in model.layers]
