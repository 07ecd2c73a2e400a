"""Small modules under Keras's names: random, tree, backend, config."""

from __future__ import annotations

import math
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import backend as K
from pydl import random, tree

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("draw", "mean", "std"),
    [
        (lambda seed: random.normal((40, 500), 2.0, 3.0, seed=seed), 2, 3),
        (lambda seed: random.uniform((40, 500), -1, 3, seed=seed), 1, 4 / math.sqrt(12)),
        (lambda seed: random.randint((40, 500), 2, 6, seed=seed), 3.5, math.sqrt(15 / 12)),
        (lambda seed: random.truncated_normal((40, 500), 1.0, seed=seed), 1, 0.8796),
        (lambda seed: random.gamma((40, 500), 4.0, seed=seed), 4, 2),
        (lambda seed: random.beta((40, 500), 2.0, 3.0, seed=seed), 0.4, 0.2),
        (lambda seed: random.binomial((40, 500), 10, 0.3, seed=seed), 3, math.sqrt(2.1)),
        (lambda seed: random.categorical(np.log([[0.5, 0.25, 0.25]] * 40), 500, seed=seed), 0.75, math.sqrt(0.6875)),
        (lambda seed: random.dropout(np.ones((40, 500)), 0.2, seed=seed), 1, 0.5),
    ],
)
def test_random_numbers(draw: Any, mean: float, std: float) -> None:
    x, error = draw(7), std / math.sqrt(20000)
    assert x.shape == (40, 500)
    assert abs(x.mean() - mean) < 5 * error
    assert abs(x.std() - std) < 0.03 * std
    assert np.array_equal(x, draw(7))
    assert not np.array_equal(x, draw(8))
    stream = random.SeedGenerator(3)
    first = [draw(stream) for _ in range(2)]
    assert not np.array_equal(*first)
    stream = random.SeedGenerator.from_config(stream.get_config())
    assert np.array_equal(first, [draw(stream) for _ in range(2)])
    pydl.utils.set_random_seed(5)
    free = draw(None)
    assert not np.array_equal(free, draw(None))
    pydl.utils.set_random_seed(5)
    assert np.array_equal(free, draw(None))


def test_dtypes_and_bounds_of_random_numbers() -> None:
    assert random.normal((2,)).dtype == "float32"
    assert random.normal((2,), dtype="float64").dtype == "float64"
    whole = random.randint((1000,), 0, 3, dtype="uint8", seed=1)
    assert (whole.dtype, set(whole.tolist())) == (np.dtype("uint8"), {0, 1, 2})
    x = random.uniform((100000,), 1.0, 1.0000002, seed=1)
    assert x.min() >= 1
    assert x.max() < np.float32(1.0000002)
    assert np.abs(random.truncated_normal((10000,), seed=1)).max() <= 2
    assert sorted(random.shuffle(np.arange(9), seed=1)) == list(range(9))
    assert random.dropout(np.ones((3, 4)), 0.5, noise_shape=(3, 1), seed=1).std(axis=1).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="logits"):
        random.categorical([1.0], 2)


NESTED = {"b": 1, "a": [2, (3, None)]}


def test_trees() -> None:
    assert tree.flatten(NESTED) == [2, 3, None, 1]
    assert tree.flatten(7) == [7]
    assert tree.flatten_with_path(NESTED)[1] == (("a", 1, 0), 3)
    assert tree.map_structure(str, NESTED) == {"b": "1", "a": ["2", ("3", "None")]}
    assert tree.map_structure(str, NESTED, none_is_leaf=False)["a"][1] == ("3", None)
    assert tree.map_structure(lambda x, y: x + y, [1, Point(2, 3)], [4, Point(5, 6)]) == [5, Point(7, 9)]
    assert type(tree.map_structure(abs, OrderedDict(b=-1, a=2))) is OrderedDict
    assert list(tree.map_structure(abs, {"b": 1, "a": 2})) == ["b", "a"]
    assert tree.pack_sequence_as(NESTED, "wxyz") == {"b": "z", "a": ["w", ("x", "y")]}
    assert tree.map_structure_up_to([0, 0], len, [[1, 2], [3]]) == [2, 1]
    assert tree.map_shape_structure(lambda s: s, {"a": (None, 3), "b": [[1], (2, 3)]}) == {
        "a": (None, 3), "b": [(1,), (2, 3)],
    }  # fmt: skip
    assert tree.lists_to_tuples({"a": [1, [2]]}) == {"a": (1, (2,))}
    assert (tree.is_nested(()), tree.is_nested("ab")) == (True, False)


def test_traversing_trees() -> None:
    seen: list[Any] = []
    tree.traverse(seen.append, [1, [2]])
    assert seen == [[1, [2]], 1, [2], 2]
    assert tree.traverse(lambda s: "list" if s == [2] else None, [1, [2]]) == [1, "list"]
    assert tree.traverse(lambda s: 5 if s == 2 else "up" if s == [5] else None, [1, [2]], top_down=False) == [1, "up"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tree.assert_same_structure([1, 2], [1, [2]]), ValueError),
        (lambda: tree.assert_same_structure([1, 2], (1, 2)), ValueError),
        (lambda: tree.assert_same_structure({"a": 1}, {"b": 1}), ValueError),
        (lambda: tree.assert_same_paths([1], [1, 2]), ValueError),
        (lambda: tree.map_structure(abs, [1], [1, 2]), ValueError),
        (lambda: tree.map_structure(abs), ValueError),
        (lambda: tree.map_structure(3, [1]), TypeError),
        (lambda: tree.pack_sequence_as([1, 2], [3]), ValueError),
    ],
)
def test_trees_that_differ(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_backend() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert (K.epsilon(), K.floatx(), K.backend(), K.image_data_format()) == (1e-7, "float32", "pydl", "channels_last")
    assert (K.int_shape(x), K.ndim(x), K.count_params(x), K.dtype(x)) == ((2, 3), 2, 6, "float64")
    assert K.cast(x, "int32").dtype == "int32"
    assert K.cast_to_floatx(x).dtype == "float32"
    assert K.constant(2, shape=(2,)).tolist() == [2, 2]
    assert K.std(x, axis=0).tolist() == [1.5] * 3
    assert K.var(x) == np.var(x)
    assert (K.is_float_dtype("float32"), K.is_int_dtype("float32")) == (True, False)
    layer = pydl.layers.Dense(1)
    layer.build((None, 2))
    K.set_value(layer.bias, [4.0])
    assert K.get_value(layer.bias).tolist() == [4]
    assert K.int_shape(pydl.Input((3,))) == (None, 3)
    assert K.random_normal((2, 3)).shape == K.random_uniform((2, 3)).shape == (2, 3)
    assert K.relu is pydl.ops.relu
    assert K.cast is pydl.ops.cast
    assert K.pow is pydl.ops.power
    assert K.update_add(K.update(K.variable(1.0), 2.0), 3.0).numpy() == 5
    with pytest.raises(AttributeError, match=r"pydl\.backend"):
        K.nothing  # noqa: B018
    with pytest.raises(ValueError, match="channels_last"):
        K.set_image_data_format("channels_first")


def test_settings() -> None:
    assert pydl.version() == pydl.__version__
    assert pydl.config.is_traceback_filtering_enabled() is False
    pydl.config.disable_interactive_logging()
    assert not pydl.config.is_interactive_logging_enabled()
    pydl.config.enable_interactive_logging()
    assert pydl.config.is_interactive_logging_enabled()
    pydl.mixed_precision.set_global_policy("float64")
    try:
        assert pydl.config.dtype_policy() == pydl.mixed_precision.global_policy() == "float64"
    finally:
        pydl.config.set_dtype_policy("float32")
    with pytest.warns(UserWarning, match="mixed_float16 computes in float32"):
        pydl.mixed_precision.set_global_policy("mixed_float16")


def test_base_classes_stand_at_the_top() -> None:
    assert pydl.Layer is pydl.layers.Layer
    assert isinstance(pydl.optimizers.SGD(), pydl.Optimizer)
    assert isinstance(pydl.initializers.Zeros(), pydl.Initializer)
    assert isinstance(pydl.regularizers.L2(), pydl.Regularizer)
    assert isinstance(pydl.losses.MeanSquaredError(), pydl.Loss)
    assert issubclass(pydl.metrics.Accuracy, pydl.Metric)


def test_backend_in_a_graph_and_in_losses() -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    y = np.arange(8.0, dtype=np.float32).reshape(2, 4)
    np.testing.assert_allclose(K.batch_dot(x, y), np.einsum("abc,ac->ab", x, y))
    np.testing.assert_allclose(K.batch_dot(y, y, axes=1), np.einsum("ab,ab->a", y, y)[:, None])
    np.testing.assert_allclose(K.batch_dot(x, x, axes=(2, 2)), np.einsum("abc,adc->abd", x, x))
    np.testing.assert_allclose(K.l2_normalize(y, axis=-1), y / np.linalg.norm(y, axis=-1, keepdims=True), rtol=1e-6)
    assert K.slice(x, [0, 1, 0], [2, -1, 2]).shape == (2, 2, 2)
    assert (K.batch_flatten(x).shape, K.flatten(x).shape, K.gather(y, [1, 0, 1]).shape) == ((2, 12), (24,), (3, 4))
    assert K.repeat_elements(x, 2, axis=1).shape == (2, 6, 4)
    inputs = pydl.Input((3, 4))
    spread = K.std(K.cast(K.permute_dimensions(inputs, (0, 2, 1)), "float32"), axis=-1)
    model = pydl.Model(inputs, [K.batch_flatten(inputs), spread, K.bias_add(inputs, y[0])])
    flat, found, moved = model(x)
    np.testing.assert_array_equal(flat, x.reshape(2, 12))
    np.testing.assert_allclose(found, x.std(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(moved, x + y[0])


def test_the_only_device() -> None:
    with pydl.device("cpu:0"):
        assert pydl.ops.add(1.0, 2.0) == 3
    with pytest.raises(ValueError, match="expected 'cpu', which is all there is, got 'gpu:0'"), pydl.device("gpu:0"):
        pass


def test_images_are_resized_without_distortion() -> None:
    from pydl.preprocessing.image import smart_resize

    x = np.random.default_rng(0).random((2, 8, 12, 3)).astype("float32")
    np.testing.assert_allclose(smart_resize(x, (4, 4)), pydl.layers.Resizing(4, 4)(x[:, :, 2:10]), rtol=1e-5)
