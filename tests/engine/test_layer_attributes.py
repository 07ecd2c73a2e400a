"""What programs ask of layers, or set, after they were made."""

from __future__ import annotations

import numpy as np
import pytest

import pydl


@pytest.mark.parametrize("given", [None, "relu", pydl.activations.relu, pydl.ops.relu])
def test_activation_set_afterwards(given: object) -> None:
    layer = pydl.layers.Dense(3, "tanh")
    layer.activation = given
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    y = layer(x)
    z = x @ layer.kernel.numpy()
    np.testing.assert_allclose(y, z if given is None else np.maximum(z, 0), rtol=1e-6, atol=1e-6)
    assert pydl.layers.Dense.from_config(layer.get_config()).activation == layer.activation


def test_build_without_weights() -> None:
    layer = pydl.layers.ReLU()
    layer.build((None, 3))
    assert layer.built


def test_code_of_a_users_is_built_by_its_call() -> None:
    class Twice(pydl.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = pydl.layers.Dense(2)

        def call(self, x):  # type: ignore[no-untyped-def]
            return self.inner(x)

    layer = Twice()
    layer.build((None, 3))
    assert layer(np.ones((1, 3), "float32")).shape == (1, 2)
    assert len(layer.weights) == 2


def test_dtype_policy_is_the_dtype() -> None:
    layer = pydl.layers.Dense(2, dtype="float64")
    assert pydl.layers.Dense(3, dtype=layer.dtype_policy).dtype == "float64"


def test_build_takes_shapes_as_lists_and_tuples() -> None:
    dense = pydl.layers.Dense(2)
    dense.build([None, 3])
    assert dense.kernel.shape == (3, 2)
    add = pydl.layers.Add()
    add.build(((None, 3), (None, 3)))
    assert add([np.ones((1, 3), "float32"), np.ones((1, 3), "float32")]).tolist() == [[2, 2, 2]]
