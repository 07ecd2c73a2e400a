"""Results that have `numpy`, once pydl stands in Keras's place; and plain arrays where it does not."""

from pathlib import Path

import numpy as np
import pytest

import pydl
from tests.process import says

INSTALLED = """
import json
import numpy as np
import pydl
before = pydl.Model.__call__
pydl.utils.install_as_keras()
once = pydl.Model.__call__
pydl.utils.install_as_keras()
assert before is not pydl.Model.__call__ is once
import keras
x = np.ones((2, 4), "float32")
inputs = keras.Input((4,))
dense = keras.layers.Dense(3)
model = keras.Model(inputs, {"a": dense(inputs)})
both = keras.Sequential([inputs, dense])
for array in (model(x)["a"], both(x), dense(x), keras.ops.exp(x), keras.random.normal(shape=(2, 3)),
              keras.initializers.GlorotUniform()((2, 3)), both(both(x) @ np.ones((3, 4))), both(x) + 1):
    assert isinstance(array, np.ndarray) and type(array.numpy()) is np.ndarray and array.numpy().shape == array.shape
    np.testing.assert_array_equal(array.numpy(), np.asarray(array))
mean = keras.metrics.Mean()
mean.update_state([1.0, 2.0])
loss = keras.losses.MeanSquaredError()(x, 2 * x)
for number in (loss, mean.result(), keras.ops.sum(x), both(x)[0, 1], both(x).sum()):
    assert isinstance(number.numpy(), np.floating) and float(number) == number.numpy(), number
both.compile("sgd", "mse", metrics=["mae", mean])
windows = keras.utils.timeseries_dataset_from_array(np.arange(20.0), np.arange(20.0), 4, batch_size=3)
for a, b in windows:
    assert type(a.numpy()) is type(b.numpy()) is np.ndarray
from PIL import Image
import os
for name in "ab":
    os.makedirs(name)
    Image.new("RGB", (4, 4)).save(f"{name}/0.png")
images = keras.utils.image_dataset_from_directory(".", image_size=(8, 8), verbose=False)
for a, b in [*images.take(1), *images.map(lambda x, y: (x.numpy() / 2, y))]:
    assert a[0].numpy().shape == (8, 8, 3) and b.numpy().shape == (2,)
assert images.cardinality().numpy() == images.map(lambda x, y: (x, y)).cardinality().numpy() == 1
assert json.dumps(both.fit(x, np.ones((2, 3)), verbose=0).history)
assert type(both.predict(x)) is np.ndarray and type(dense.get_weights()[0]) is np.ndarray
print("done")
"""


def test_results_have_numpy_where_keras_is_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert says(INSTALLED).strip() == "done"


def test_results_are_plain_arrays_elsewhere() -> None:
    model = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(3)])
    assert type(model(np.ones((2, 4)))) is np.ndarray


def test_to_categorical_is_where_keras_has_its_source() -> None:
    code = """
import pydl
pydl.utils.install_as_keras()
from keras.utils.numerical_utils import to_categorical
from tensorflow.keras.utils.numerical_utils import normalize
print(to_categorical is pydl.utils.to_categorical and normalize is pydl.utils.normalize)
"""
    assert says(code).strip() == "True"
