"""Low-rank adapters of kernels: gradients against differences, what is trained, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops
from tests.differences import check_gradients

LAYERS: dict[str, Any] = {
    "dense": lambda **options: L.Dense(4, "tanh", **options),
    "dense of sequences": lambda **options: L.Dense(4, "gelu", use_bias=False, **options),
    "einsum": lambda **options: L.EinsumDense("abc,cde->abde", (None, 2, 3), "tanh", "e", **options),
    "convolution of steps": lambda **options: L.Conv1D(4, 2, padding="causal", activation="tanh", **options),
    "convolution of images": lambda **options: L.Conv2D(4, (3, 2), 2, "same", activation="softplus", **options),
    "embedding": lambda **options: L.Embedding(7, 4, **options),
}


def made(name: str, rank: int = 2, alpha: float | None = 3.0) -> tuple[Any, Any, np.ndarray]:
    """A model with an adapter, the layer, and data."""
    rng = np.random.default_rng(1)
    pydl.utils.set_random_seed(2)
    layer = LAYERS[name](lora_rank=rank, lora_alpha=alpha)
    if name == "embedding":
        front: list[Any] = [pydl.Input((3,))]
        x = rng.integers(0, 7, size=(5, 3)).astype(float)
    elif name == "convolution of images":
        front = [pydl.Input((4, 5, 2)), L.Conv2D(3, 1)]
        x = rng.normal(size=(5, 4, 5, 2))
    else:
        front = [pydl.Input((3,) if name == "dense" else (2, 3)), L.Dense(3)]
        x = rng.normal(size=(5, 3) if name == "dense" else (5, 2, 3))
    model = pydl.Sequential([*front, layer, L.Flatten(), L.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.05), "mse")
    return model, layer, x


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.usefixtures("float64")
def test_gradients_are_those_of_differences(name: str) -> None:
    model, layer, x = made(name)
    rng = np.random.default_rng(0)
    for v in model.weights:
        v.assign(rng.normal(size=v.shape))
    y = rng.normal(size=(5, 1))
    assert layer.adapter[0].path in {v.path for v in model.trainable_weights}
    check_gradients(model, x, y, rel=2e-6, abs=1e-7)


@pytest.mark.parametrize("name", LAYERS)
def test_the_kernel_stays_and_files_have_it_all(name: str, tmp_path: Path) -> None:
    model, layer, x = made(name)
    kernel = layer.weights[0].numpy()
    x = x.astype("float32")
    before = model.predict(x)
    model.fit(x, np.ones((5, 1)), epochs=3, verbose=0)
    np.testing.assert_array_equal(layer.weights[0].numpy(), kernel)
    np.testing.assert_allclose(getattr(layer, layer.adapted), layer.merged(), rtol=1e-6)
    assert all(np.abs(v.numpy()).max() > 0 for v in layer.adapter)
    after = model.predict(x)
    assert np.abs(after - before).max() > 1e-3
    inner = x if name == "embedding" else np.asarray(model.layers[0](x))
    plain = LAYERS[name]()
    plain.build((None, *inner.shape[1:]))
    plain.set_weights([layer.merged(), *([] if getattr(layer, "bias", None) is None else [layer.bias.numpy()])])
    np.testing.assert_allclose(plain(inner), layer(inner), rtol=1e-5, atol=1e-6)
    for end in ("safetensors", "keras"):
        model.save(tmp_path / f"m.{end}")
        again = pydl.models.load_model(tmp_path / f"m.{end}")
        np.testing.assert_allclose(again.predict(x), after, rtol=1e-5, atol=1e-6)
        assert any(getattr(one, "lora_enabled", False) for one in again.layers)
    model.export(tmp_path / "m.onnx")
    np.testing.assert_allclose(pydl.models.load_onnx(tmp_path / "m.onnx").predict(x), after, rtol=1e-5, atol=1e-6)
    model.save_weights(tmp_path / "m.weights.h5")
    other = made(name)[0]
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(other.predict(x), after, rtol=1e-5, atol=1e-6)


def test_enabling_changes_nothing_at_first() -> None:
    layer = L.Dense(3)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    before = layer(x)
    layer.enable_lora(2)
    np.testing.assert_array_equal(layer(x), before)
    assert [v.name for v in layer.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    assert L.Dense.from_config(layer.get_config()).lora_rank == 2
    assert "lora_rank" not in L.Dense(3).get_config()


def test_errors() -> None:
    layer = L.Dense(3)
    with pytest.raises(ValueError, match="a layer that isn't yet built"):
        layer.enable_lora(2)
    layer.build((None, 4))
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="lora is already enabled, with rank 2"):
        layer.enable_lora(3)
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        L.Dense(3, kernel_constraint="non_neg", lora_rank=2).build((None, 4))
    with pytest.raises(ValueError, match="one group of channels, got groups=2"):
        L.Conv1D(4, 2, groups=2, lora_rank=2).build((None, 5, 4))
    with pytest.raises(ValueError, match="Argument `lora_rank` must be an integer > 0"):
        L.Embedding(3, 4, lora_rank=0)


class Code(L.Dense):
    """The same in code of one's own."""

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel) + self.bias


@pytest.mark.parametrize("cls", [L.Dense, Code])
def test_the_kernel_is_what_is_computed_with(cls: Any) -> None:
    layer, x = cls(3), np.ones((1, 2), np.float32)
    model = pydl.Sequential([pydl.Input((2,)), layer])
    model.set_weights([np.arange(6.0).reshape(2, 3), np.zeros(3)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[3, 5, 7]])  # a plan without the adapter is kept
    model(x)
    layer.enable_lora(1)
    layer.lora_kernel_a.assign(np.ones((2, 1)))
    layer.lora_kernel_b.assign(np.ones((1, 3)))
    np.testing.assert_array_equal(layer.kernel, np.arange(6.0).reshape(2, 3) + 1)
    for y in (model.predict(x, verbose=0), model(x), x @ np.asarray(layer.kernel)):
        np.testing.assert_array_equal(y, [[5, 7, 9]])
    model.compile(pydl.optimizers.SGD(0.1), "mse")
    model.fit(x, np.zeros((1, 3)), epochs=2, verbose=0)
    trained = [[-0.4933, -0.7653, -1.0373], [[-0.3858], [-0.3858]], [[0.4613, 0.3056, 0.1499]]]  # by Keras
    for found, wanted in zip(model.get_weights()[1:], trained, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_tables_have_adapters_too() -> None:
    layer = L.Embedding(4, 2)
    layer.build((None,))
    layer.enable_lora(1)
    layer.lora_embeddings_b.assign([[1.0, 2.0]])
    np.testing.assert_allclose(layer(np.array([3])), np.asarray(layer.embeddings)[[3]])
