"""Settings: dtype, epsilon, threads, the report."""

import pickle
import re

import numpy as np
import pytest

import pydl
from pydl import _core, config
from pydl._base import threads


@pytest.fixture(autouse=True)
def restore():
    yield
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_num_threads(None)


def test_floatx():
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    assert config.floatx() == "float64"
    assert config.standardize_dtype(None) == "float64"
    with pytest.raises(ValueError, match="'float32', 'float64', got 'float16'"):
        config.set_floatx("float16")


def test_policies():
    assert pydl.DTypePolicy("float64").variable_dtype == "float64"
    assert config.dtype_policy() == pydl.dtype_policies.get(None) == pydl.DTypePolicy() == "float32"
    pydl.mixed_precision.set_global_policy(pydl.dtype_policies.DTypePolicy("float64"))
    assert config.floatx() == config.dtype_policy().name == "float64"
    with pytest.warns(UserWarning, match="mixed_float16 computes in float32 here"):
        pydl.mixed_precision.set_global_policy("mixed_float16")
    assert type(config.floatx()) is str
    assert pydl.layers.Dense(1, dtype=pydl.mixed_precision.Policy("float64")).dtype == "float64"
    policy = pydl.DTypePolicy("float64")
    assert pickle.loads(pickle.dumps(policy)) == pydl.DTypePolicy.from_config(policy.get_config()) == policy  # noqa: S301
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float64', got 'int8'"):
        pydl.DTypePolicy("int8")


def test_policies_of_layers():
    """As names, and as Keras writes them into configurations."""
    policies = pydl.dtype_policies
    described = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float64"}}
    assert policies.deserialize(policies.serialize(pydl.DTypePolicy("float64"))) == policies.get(described) == "float64"
    assert pydl.layers.Dense.from_config({"units": 2, "dtype": described}).dtype == "float64"
    assert (
        pydl.layers.deserialize({"class_name": "Dense", "config": {"units": 2, "dtype": described}}).dtype == "float64"
    )
    with pytest.warns(UserWarning, match="mixed_bfloat16 computes in float32 here"):
        layer = pydl.layers.Dense(1, dtype="mixed_bfloat16")
    assert type(layer.dtype) is str
    assert (layer.dtype, layer.get_config()["dtype"]) == ("float32", "float32")
    mixed = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    with pytest.warns(UserWarning, match="mixed_float16 computes in float32 here"):
        assert pydl.layers.Dense(1, dtype=mixed).dtype == "float32"
    assert pydl.layers.Dense(1, dtype={"class_name": "DTypePolicy", "config": {}}).dtype == "float32"
    with pytest.raises(ValueError, match="got 'int8_from_float32'"):
        pydl.layers.Dense(1, dtype={"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}})


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("float32", "float32"),
        (np.float64, "float64"),
        (np.dtype("f4"), "float32"),
        (float, "float64"),
        (None, "float32"),
    ],
)
def test_standardize_dtype(dtype, name):
    assert config.standardize_dtype(dtype) == name


@pytest.mark.parametrize("dtype", ["float16", "int32", int, "bfloat16", 3])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float64'"):
        config.standardize_dtype(dtype)


def test_epsilon():
    assert config.epsilon() == 1e-7
    config.set_epsilon(1e-5)
    assert config.epsilon() == 1e-5
    with pytest.raises(ValueError, match="> 0"):
        config.set_epsilon(0)


def test_threads_by_default_and_by_hand(monkeypatch):
    monkeypatch.setattr(threads, "default_threads", lambda *_: 3)
    monkeypatch.setattr(_core, "max_threads", lambda: 64)
    config.set_num_threads(None)
    assert config.get_num_threads() == 3
    monkeypatch.setattr(_core, "max_threads", lambda: 1)  # as threadpoolctl's threadpool_limits(1) does
    assert config.get_num_threads() == 1
    config.set_num_threads(5)
    assert config.get_num_threads() == 5
    config.set_num_threads(None)
    assert config.get_num_threads() == 1


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True])
def test_bad_thread_counts(n):
    with pytest.raises((TypeError, ValueError), match="Argument `num_threads` must be an integer > 0"):
        config.set_num_threads(n)


def test_the_environment_is_read_at_first_use(monkeypatch):
    monkeypatch.setenv("PYDL_NUM_THREADS", "none")
    config.set_num_threads(None)
    with pytest.raises(ValueError, match="PYDL_NUM_THREADS"):
        config.get_num_threads()


def test_show_config(capsys):
    facts = config.show_config("dicts")
    assert facts["isa"] in facts["isas"]
    assert re.search(r"\d+\.\d+", facts["compiler"])
    assert facts["threads"] == config.get_num_threads()
    assert config.show_config() is None
    printed = capsys.readouterr().out
    assert all(name in printed for name in facts)
    with pytest.raises(ValueError, match=r"Invalid value for argument `mode`. Expected one of"):
        config.show_config("html")
