"""Sources over arrays: the bits of plain arrays, no copies, views and subsets."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

import pydl
from pydl import data
from tests.process import says


@pytest.fixture(scope="module")
def mnist(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MNIST's training images and labels as .npy files, and as NPZ files, stored and compressed."""
    folder = tmp_path_factory.mktemp("mnist")
    with np.load(data_dir / "mnist.npz") as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "stored.npz", x=x, y=y)
    np.savez_compressed(folder / "small.npz", x=x[:1000], y=y[:1000])
    return folder


def network(seed: int = 3) -> pydl.Sequential:
    pydl.utils.set_random_seed(seed)
    model = pydl.Sequential(
        [pydl.Input((28, 28)), pydl.layers.Rescaling(1 / 255), pydl.layers.Flatten(), pydl.layers.Dense(10)]
    )
    loss = pydl.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def mapped(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "x.npy", mmap_mode="r"), np.load(folder / "y.npy", mmap_mode="r")


def test_a_source_of_arrays_trains_to_the_bits_of_the_arrays(mnist: Path) -> None:
    x, y = mapped(mnist)
    plain = network()
    a = plain.fit(x[:6000], y[:6000], batch_size=100, validation_data=(x[6000:7000], y[6000:7000]), verbose=0)
    sourced = network()
    threads = threading.active_count()
    b = sourced.fit(
        data.ArraySource(x[:6000], y[:6000]), batch_size=100, verbose=0,
        validation_data=data.ArraySource(x[6000:7000], y[6000:7000]),
    )  # fmt: skip
    assert threading.active_count() == threads
    assert a.history == b.history
    for v, w in zip(plain.get_weights(), sourced.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)
    source = data.ArraySource(x[7000:8000], y[7000:8000])
    assert plain.evaluate(x[7000:8000], y[7000:8000], verbose=0) == sourced.evaluate(source, verbose=0)
    np.testing.assert_array_equal(plain.predict(x[7000:8000]), sourced.predict(source))


def test_npz_members_are_mapped(mnist: Path) -> None:
    arrays = data.open_npz(mnist / "stored.npz")
    assert isinstance(arrays["x"], np.memmap)
    assert not arrays["x"].flags.writeable
    x, y = mapped(mnist)
    np.testing.assert_array_equal(arrays["x"], x)
    np.testing.assert_array_equal(arrays["y"], y)
    small = data.NpzSource(mnist / "small.npz")
    np.testing.assert_array_equal(small.arrays[0], x[:1000])
    assert not isinstance(small.arrays[0], np.memmap)


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.float32(2)])
def test_npz_shapes_and_orders(array: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", before=np.arange(7), array=array)
    np.testing.assert_array_equal(data.open_npz(tmp_path / "a.npz")["array"], array)


def test_npz_errors(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match="expected an NPZ file"):
        data.open_npz(tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", x=np.array([{}, []], object))
    with pytest.raises(ValueError, match="Python objects"):
        data.open_npz(tmp_path / "objects.npz")
    np.savez(tmp_path / "named.npz", pixels=np.zeros(3))
    with pytest.raises(ValueError, match=r'no array "x"; it has pixels'):
        data.NpzSource(tmp_path / "named.npz")


# argv: folder. Prints how much memory of its own (not mapped files) a fit, an evaluation and a prediction took.
MEMORY = """
import json, sys
import numpy as np
import pydl
from pydl import data

def own():
    with open("/proc/self/status") as f:
        return 1024 * next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))

class Watch(pydl.callbacks.Callback):
    peak = 0
    def on_train_batch_end(self, batch, logs=None):
        Watch.peak = max(Watch.peak, own())
    on_test_batch_end = on_train_batch_end

source = data.NpzSource(sys.argv[1] + "/stored.npz")
model = pydl.Sequential([pydl.Input((28, 28)), pydl.layers.Flatten(), pydl.layers.Dense(10)])
model.compile("adam", pydl.losses.SparseCategoricalCrossentropy(from_logits=True))
first = source.subset(slice(0, 512))
model.fit(first, batch_size=128, verbose=0)
before = own()
model.fit(source, batch_size=128, verbose=0, callbacks=[Watch()])
scattered = source.subset(np.random.default_rng(0).permutation(len(source)))
model.fit(scattered, batch_size=128, verbose=0, callbacks=[Watch()])
model.evaluate(scattered, batch_size=128, verbose=0, callbacks=[Watch()])
print(json.dumps(Watch.peak - before))
"""


def test_mapped_arrays_are_not_copied(mnist: Path) -> None:
    assert json.loads(says(MEMORY, mnist)) < 6e6  # 47 MB of images, of which a batch takes 0.1 MB


def test_subsets(mnist: Path) -> None:
    x, y = mapped(mnist)
    source = data.ArraySource(x, y)
    near = source.subset(np.arange(10, 20))
    assert isinstance(near, data.ArraySource)
    assert np.shares_memory(near.arrays[0], x)
    odd = source.subset(np.arange(len(x)) % 2 == 1)
    assert len(odd) == 30_000
    batch = next(odd.subset(slice(None, None, -1)).batches(3, prefetch=0))
    np.testing.assert_array_equal(batch[0], x[[59_999, 59_997, 59_995]])
    np.testing.assert_array_equal(batch[1], y[[59_999, 59_997, 59_995]])
    with pytest.raises(ValueError, match="numbers below 60000"):
        source.subset([60_000])
    with pytest.raises(TypeError, match="row numbers"):
        source.subset([0.5])


def test_several_inputs_and_weights() -> None:
    x = {"a": np.arange(10), "b": np.arange(20).reshape(10, 2)}
    source = data.ArraySource(x, np.arange(10), np.ones(10))
    (inputs, y, w), *rest = source.batches(4, seed=1)
    np.testing.assert_array_equal(inputs["a"], y)
    np.testing.assert_array_equal(inputs["b"][:, 0], 2 * y)
    assert w.shape == (4,)
    assert [len(batch[1]) for batch in rest] == [4, 2]


def test_wrong_arrays() -> None:
    with pytest.raises(ValueError, match="one length, got 3, 4"):
        data.ArraySource(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="without y"):
        data.ArraySource(np.zeros(3), sample_weight=np.zeros(3))
    with pytest.raises(TypeError, match="dtype <U1"):
        data.ArraySource(np.array(["a"]))
    with pytest.raises(ValueError, match="brings its own targets"):
        network().fit(data.ArraySource(np.zeros((3, 28, 28)), np.zeros(3)), np.zeros(3))
    with pytest.raises(ValueError, match="y is None"):
        network().fit(data.ArraySource(np.zeros((3, 28, 28))))
    with pytest.raises(ValueError, match="batch_size"):
        data.ArraySource(np.zeros(3)).batches(0)
