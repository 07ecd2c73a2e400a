"""What Keras's tests take from `keras.src.testing`: assertions, and checks that every layer has to pass."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from pydl import saving, tree

try:
    from absl.testing.parameterized import TestCase as _Cases
except ImportError:  # Keras's own tests all need it
    from unittest import TestCase as _Cases


def uses_gpu() -> bool:
    return False


uses_tpu = jax_uses_gpu = jax_uses_tpu = tensorflow_uses_gpu = tensorflow_uses_tpu = torch_uses_gpu = uses_gpu


def named_product(*lists: Any, **values: Any) -> list[dict[str, Any]]:
    """Every choice of one dict of each list and one value of each keyword, with a name put together of theirs."""
    named = [[{"testcase_name": str(getattr(v, "__name__", v)).lower(), k: v} for v in vs] for k, vs in values.items()]
    cases = []
    for parts in itertools.product(*lists, *named):
        case = {key: value for part in parts for key, value in part.items()}
        cases.append(case | {"testcase_name": "_".join(part["testcase_name"] for part in parts)})
    return cases


def get_test_data(
    train_samples: int, test_samples: int, input_shape: Any, num_classes: int, random_seed: Any = None
) -> Any:
    """Classes around points of their own, as many of each."""
    rng = np.random.default_rng(random_seed)
    centres = rng.uniform(0, 2 * num_classes, (num_classes, *input_shape))
    parts = []
    for rows in (train_samples, test_samples):
        y = rng.permutation(np.arange(rows) % num_classes)
        parts.append(((centres[y] + rng.normal(size=(rows, *input_shape))).astype("float32"), y))
    return tuple(parts)


def _is_shape(x: Any) -> bool:
    return isinstance(x, list | tuple) and all(n is None or isinstance(n, int) for n in x)


def _map_shapes(function: Any, shapes: Any, dtypes: Any) -> Any:
    """function of each shape of a structure and its dtype; of a dict, keys lose their ending `_shape`."""
    if _is_shape(shapes):
        return function(tuple(shapes), dtypes or "float32")
    if isinstance(shapes, dict):
        return {k.removesuffix("_shape"): _map_shapes(function, s, dtypes and dtypes[k]) for k, s in shapes.items()}
    return type(shapes)(_map_shapes(function, s, dtypes and dtypes[i]) for i, s in enumerate(shapes))


def _plain(config: Any) -> str:
    return json.dumps(saving.serialize_keras_object(config), sort_keys=True, default=str)


def _kind(x: Any) -> str:
    """Its dtype, text as such; floats in that of layers, since all of a model have one."""
    dtype = np.asarray(x).dtype
    return {"f": pydl.config.floatx(), "U": "string", "S": "string"}.get(dtype.kind, dtype.name)


class TestCase(_Cases):
    maxDiff = None
    __test__ = True

    def setUp(self) -> None:
        pydl.utils.clear_session()

    def get_temp_dir(self) -> str:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def assertAllClose(self, actual: Any, desired: Any, atol: float = 1e-6, rtol: float = 1e-6, **more: Any) -> None:
        message = more.get("msg") or ""
        np.testing.assert_allclose(np.asarray(actual), np.asarray(desired), atol=atol, rtol=rtol, err_msg=message)

    def assertNotAllClose(self, x1: Any, x2: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None) -> None:
        if np.shape(x1) == np.shape(x2) and np.allclose(np.asarray(x1), np.asarray(x2), atol=atol, rtol=rtol):
            raise AssertionError(msg or "equal within tolerances")

    def assertAlmostEqual(self, actual: Any, desired: Any, decimal: int = 3, **more: Any) -> None:
        np.testing.assert_almost_equal(np.asarray(actual), np.asarray(desired), decimal=decimal)

    def assertAllEqual(self, actual: Any, desired: Any, msg: Any = None) -> None:
        np.testing.assert_array_equal(np.asarray(actual), np.asarray(desired), err_msg=msg or "")

    def assertLen(self, iterable: Any, expected_len: int, msg: Any = None) -> None:
        assert len(iterable) == expected_len, msg

    def assertSparse(self, x: Any, sparse: bool = True) -> None:
        assert not sparse, "pydl has no sparse tensors"

    assertRagged = assertSparse

    def assertDType(self, x: Any, dtype: Any, msg: Any = None) -> None:
        assert np.dtype(getattr(x, "dtype", type(x))) == np.dtype(dtype), msg

    def assertFileExists(self, path: Any) -> None:
        assert Path(path).is_file(), f"no file {path}"

    def run_class_serialization_test(self, instance: Any, custom_objects: Any = None) -> Any:
        """from_config(get_config()) and the registry's way bring an object of the same class and config."""
        config = instance.get_config()
        own = {} if type(instance).__module__.startswith("pydl.") else {type(instance).__name__: type(instance)}
        with saving.custom_object_scope(own | (custom_objects or {})):  # nothing is imported by name
            assert _plain(type(instance).from_config(config).get_config()) == _plain(config)
            text = json.dumps(saving.serialize_keras_object(instance))
            revived = saving.deserialize_keras_object(json.loads(text))
        assert type(revived) is type(instance)
        assert _plain(revived.get_config()) == _plain(config)
        return revived

    def run_layer_test(self, layer_cls: Any, init_kwargs: Any, input_shape: Any = None, input_dtype: Any = None,
                       input_data: Any = None, call_kwargs: Any = None, custom_objects: Any = None,
                       supports_masking: Any = None, **expected: Any) -> None:  # fmt: skip
        """Config, build, a symbolic call, a call on data and a step of training; not mixed precision, nor seeds."""
        if expected.get("input_sparse") or expected.get("input_ragged"):
            self.skipTest("sparse or ragged tensors")
        init, call = init_kwargs or {}, call_kwargs or {}
        layer = layer_cls(**init)
        self.run_class_serialization_test(layer, custom_objects)
        if supports_masking is not None:
            assert layer.supports_masking == supports_masking
        if input_shape is None and input_data is None:
            return
        if input_data is None:
            rng = np.random.default_rng(1)
            data = _map_shapes(lambda s, d: (rng.uniform(0, 3, s)).astype(d), input_shape, input_dtype)
        else:
            data = input_data
        shapes = tree.map_structure(lambda x: tuple(np.shape(x)), data) if input_shape is None else input_shape
        layer.build(**shapes) if isinstance(shapes, dict) else layer.build(shapes)
        self._check_weights(layer, expected)

        symbols = tree.map_structure(lambda x: pydl.KerasTensor(np.shape(x), _kind(x)), data)
        for given in (symbols, data):
            layer = layer_cls(**init)
            result = layer(**given, **call) if isinstance(given, dict) else layer(given, **call)
            self._check_weights(layer, expected)
            self._check_output(result, expected, given is data)
        if expected.get("expected_num_losses") is not None:
            self.assertLen(layer.losses, expected["expected_num_losses"])
        if expected.get("run_training_check", True) and not isinstance(data, dict):
            self._train(layer_cls(**init), data, result)

    def _check_weights(self, layer: Any, expected: dict[str, Any]) -> None:
        assert layer.built
        for kind in ("trainable_weights", "non_trainable_weights"):
            if expected.get(f"expected_num_{kind}") is not None:
                self.assertLen(getattr(layer, kind), expected[f"expected_num_{kind}"], kind)

    def _check_output(self, result: Any, expected: dict[str, Any], on_data: bool) -> None:
        shape, dtype = expected.get("expected_output_shape"), expected.get("expected_output_dtype")
        if shape is not None:
            start = 0 if on_data else 1  # symbolic tensors have None for the batch
            shapes = _map_shapes(lambda s, _: str(s[start:]), shape, None)
            assert tree.map_structure(lambda x: str(tuple(x.shape)[start:]), result) == shapes
        if dtype is not None:
            assert tree.map_structure(lambda x: str(x.dtype), result) == dtype
        if on_data and expected.get("expected_output") is not None:
            for value, wanted in zip(tree.flatten(result), tree.flatten(expected["expected_output"]), strict=True):
                self.assertAllClose(value, wanted)

    def _train(self, layer: Any, data: Any, result: Any) -> None:
        inputs = tree.map_structure(lambda x: pydl.Input(np.shape(x)[1:], dtype=_kind(x)), data)
        model = pydl.Model(inputs, layer(inputs))
        model.compile("sgd", loss=tree.map_structure(lambda _: "mse", model.outputs))
        model.fit(data, result, epochs=1, verbose=0)
