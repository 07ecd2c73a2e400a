"""Classes that a program registers, objects as JSON values, and pydl under the name of Keras."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from tests.process import says

L = pydl.layers


@pytest.fixture(autouse=True)
def registered() -> Iterator[dict[str, Any]]:
    """What is registered, which a test leaves as it was."""
    objects = pydl.saving.get_custom_objects()
    before = dict(objects)
    yield objects
    objects.clear()
    objects.update(before)


def test_registered_classes_are_found_in_files(tmp_path: Path) -> None:
    class Twice(L.Layer):
        def call(self, x: np.ndarray) -> np.ndarray:
            return 2 * x

        def backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
            return 2 * dy

    model = pydl.Sequential([pydl.Input((2,)), Twice()])
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(pydl.FormatError, match="'Twice'"):
        pydl.models.load_model(tmp_path / "m.safetensors")
    assert pydl.utils.register_keras_serializable("mine")(Twice) is Twice
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.predict([[1.0, 2.0]]).tolist() == [[2, 4]]
    assert pydl.utils.get_registered_name(Twice) == "mine>Twice"
    assert pydl.utils.get_registered_name(L.Dense) == "Dense"
    assert pydl.utils.get_registered_object("mine>Twice") is Twice
    assert pydl.utils.get_registered_object("Other", {"Other": 1}) == 1
    assert pydl.utils.get_registered_object("Other") is None
    assert isinstance(pydl.utils.deserialize_keras_object(pydl.utils.serialize_keras_object(Twice())), Twice)
    with pytest.raises(ValueError, match="get_config"):
        pydl.utils.register_keras_serializable()(int)

    def mse(y_true: Any, y_pred: Any) -> Any:
        return abs(y_true - y_pred)

    pydl.utils.register_keras_serializable("mine", "distance")(mse)  # a function under a name that stands for a class
    try:
        assert pydl.losses.get("mse") is pydl.losses.mean_squared_error
        assert isinstance(pydl.metrics.get("mse"), pydl.metrics.MeanSquaredError)
        assert pydl.utils.get_registered_object("mine>distance") is mse
    finally:
        for name in ("mse", "mine>distance"):
            del pydl.utils.get_custom_objects()[name]


@pytest.mark.parametrize(
    ("thing", "module"),
    [
        (L.Dense(3, "relu", kernel_regularizer="l2", name="d"), "keras.layers"),
        (pydl.initializers.HeNormal(seed=3), "keras.initializers"),
        (pydl.optimizers.SGD(pydl.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "keras.optimizers"),
        (pydl.losses.Huber(0.5), "keras.losses"),
        (pydl.metrics.AUC(curve="PR"), "keras.metrics"),
        (pydl.constraints.MaxNorm(2.0), "keras.constraints"),
    ],
)
def test_objects_there_and_back(thing: Any, module: str) -> None:
    described = json.loads(json.dumps(pydl.utils.serialize_keras_object(thing)))
    assert (described["module"], described["class_name"]) == (module, type(thing).__name__)
    again = pydl.saving.deserialize_keras_object(described)
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()


def test_models_and_plain_values_there_and_back() -> None:
    model = pydl.Sequential([pydl.Input((2,)), L.Dense(1)], name="net")
    given = {"model": model, "rest": [1, "a", None, np.arange(2)]}
    described = pydl.utils.serialize_keras_object(given)
    assert described["rest"] == [1, "a", None, [0, 1]]
    again = pydl.utils.deserialize_keras_object(described)
    assert again["model"].get_config() == model.get_config()
    with pytest.raises(ValueError, match="unknown class 'Fourier'"):
        pydl.utils.deserialize_keras_object({"class_name": "Fourier", "config": {}})


INSTALLED = """
import sys
import pydl
pydl.utils.install_as_keras()
pydl.utils.install_as_keras()
import keras
import tensorflow as tf
from keras.layers import Dense
from keras.layers.core import Dense as Older, Dropout
from keras.layers.embeddings import Embedding
from keras.utils import np_utils, to_categorical
from keras.utils.np_utils import to_categorical as other
from keras.src.layers import Dense as Inside
from keras.src.layers.core.dense import Dense as Innermost
from keras.src import ops
assert Inside is Innermost is Dense and ops is pydl.ops
from tensorflow.keras.optimizers.schedules import ExponentialDecay
from tensorflow.keras.preprocessing.sequence import pad_sequences
import keras.backend as K
from keras import losses, metrics
given = [1.0], [0.9]
words = keras.layers.StringLookup(vocabulary=["a"], invert=True)
for y in (ops.relu([1.0]), ops.zeros(2), ops.cond(True, lambda: ops.ones(1), lambda: 0),
          losses.mean_squared_error(*given), metrics.binary_accuracy(*given), words([1])):
    y.numpy()
model = keras.Sequential([keras.Input((3,)), Dense(1, activation=ops.relu)])
for loss in ("mse", losses.mean_squared_error):
    model.compile("sgd", loss, metrics=[metrics.binary_accuracy])
    assert type(model.compiled_losses[0]) is losses.MeanSquaredError and model.layers[0].activation.name == "relu"
    assert type(model.compiled_metrics[0].metric) is metrics.BinaryAccuracy
assert keras is pydl and tf.keras is pydl and Dense is Older is pydl.layers.Dense
assert Embedding is pydl.layers.Embedding and other is to_categorical
assert ExponentialDecay is pydl.optimizers.schedules.ExponentialDecay and K is pydl.backend
assert pydl.layers.__spec__.name == "pydl.layers"
for name in ("keras.nothing", "keras.layers.nothing"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error)
"""


def test_programs_find_pydl_under_the_name_of_keras() -> None:
    assert says(INSTALLED).splitlines() == [f"No module named '{n}'" for n in ("keras.nothing", "keras.layers.nothing")]


LATE = """
import sys, types
sys.modules["keras"] = types.ModuleType("keras")
import pydl
try:
    pydl.utils.install_as_keras()
except ImportError as error:
    print(error)
"""


def test_it_must_come_before_keras() -> None:
    assert "keras has been imported already" in says(LATE)


@pytest.mark.parametrize(
    "thing",
    [
        pydl.metrics.Poisson(name="p"), pydl.losses.Poisson(name="p"), pydl.initializers.Identity(gain=2.0),
        pydl.layers.Identity(name="i"), pydl.metrics.KLDivergence(), pydl.losses.Huber(0.5),
    ],
    ids=lambda thing: f"{type(thing).__module__.split('.')[1]} {type(thing).__name__}",
)  # fmt: skip
def test_classes_of_one_name_are_told_apart(thing: Any) -> None:
    config = json.loads(json.dumps(pydl.saving.serialize_keras_object(thing)))
    assert config["module"] == f"keras.{type(thing).__module__.split('.')[1]}"
    again = pydl.saving.deserialize_keras_object(config)
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()
    layer = pydl.layers.Dense(2, kernel_initializer=pydl.initializers.Identity(3.0))
    inner = pydl.saving.serialize_keras_object(layer)
    assert inner["config"]["kernel_initializer"]["module"] == "keras.initializers"
    assert pydl.saving.deserialize_keras_object(inner).kernel_initializer.gain == 3
