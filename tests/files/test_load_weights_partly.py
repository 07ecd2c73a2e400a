"""load_weights(skip_mismatch=True): layers that fit are taken over, the others stay and are named."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


def net(classes: int, *, hidden: int = 4, head: str | None = "head", body: str | None = "body") -> Any:
    return pydl.Sequential(
        [pydl.Input((3,)), L.Dense(hidden, "relu", name=body), L.BatchNormalization(), L.Dense(classes, name=head)]
    )


def taken(model: Any, path: Path) -> tuple[list[bool], list[str]]:
    """Which weights have changed, by layer, and what was warned of."""
    for v in model.get_layer(index=1).weights:
        v.assign(v.numpy() + 1)
    before = model.get_weights()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(path, skip_mismatch=True)
    after = model.get_weights()
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    return [changed[0], any(changed[2:6]), changed[6]], [str(w.message) for w in caught]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    net(5).save_weights(tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_another_number_of_classes(path: Path) -> None:
    old, new = net(5), net(2)
    old.save_weights(path)
    changed, told = taken(new, path)
    assert changed == [True, True, False]
    np.testing.assert_array_equal(new.get_weights()[0], old.get_weights()[0])
    assert len(told) == 1
    assert told[0].endswith("nothing that fits: head")


@pytest.mark.parametrize(
    ("arguments", "expected", "left"),
    [
        ({}, [True, True, True], []),
        ({"head": "other"}, [True, True, True], []),  # by its place
        ({"head": None, "body": None}, [True, True, True], []),
        ({"hidden": 6}, [False, False, False], ["body", "head"]),
    ],
)
def test_names_and_places(path: Path, arguments: Any, expected: list[bool], left: list[str]) -> None:
    changed, told = taken(net(5, **arguments), path)
    assert changed == expected
    assert [name in told[0] for name in left] == [True] * len(left)
    assert bool(told) == bool(left)


def test_the_place_of_a_layer_that_has_its_own_name_is_no_other_layer_s(tmp_path: Path) -> None:
    """The new layer in front is not taken for the first one of the file, which is further behind."""
    old = pydl.Sequential([pydl.Input((3,)), L.Dense(3, name="a"), L.Dense(3, name="b")])
    old.save_weights(tmp_path / "w.safetensors")
    new = pydl.Sequential([pydl.Input((3,)), L.Dense(3, name="new"), L.Dense(3, name="a"), L.Dense(3, name="b")])
    first = new.get_weights()[0]
    with pytest.warns(UserWarning, match="nothing that fits: new$"):
        new.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    np.testing.assert_array_equal(new.get_weights()[0], first)
    for a, b in zip(new.get_weights()[2:], old.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_it_nothing_is_taken_of_what_does_not_fit(path: Path) -> None:
    model = net(2)
    before = model.get_weights()
    with pytest.raises(pydl.FormatError):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_whole_model_will_do(tmp_path: Path) -> None:
    old, new = net(5), net(2)
    old.compile("adam", "mse")
    old.fit(np.ones((4, 3)), np.ones((4, 5)), verbose=0)
    old.save(tmp_path / "m.safetensors")
    assert taken(new, tmp_path / "m.safetensors")[0] == [True, True, False]
    np.testing.assert_array_equal(new.get_weights()[0], old.get_weights()[0])


def test_a_damaged_file_is_refused_all_the_same(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(pydl.FormatError):
        net(2).load_weights(path, skip_mismatch=True)


def test_by_name(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    old, new = net(5), net(5, head="other")
    old.save_weights(tmp_path / "w.h5")
    before = new.get_layer("other").get_weights()
    new.load_weights(tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(new.get_weights()[0], old.get_weights()[0])
    for mine, then in zip(new.get_layer("other").get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, then)
    wider = net(5, hidden=6)
    with pytest.raises(pydl.FormatError, match='layer "body": expected numbers of shape'):
        wider.load_weights(tmp_path / "w.h5", by_name=True)
    with pytest.warns(UserWarning, match="nothing that fits: body"):
        wider.load_weights(tmp_path / "w.h5", skip_mismatch=True, by_name=True)
    for name, error in (("w.weights.h5", pydl.FormatError), ("w.safetensors", ValueError)):
        old.save_weights(tmp_path / name)
        with pytest.raises(error, match="by_name is for"):
            new.load_weights(tmp_path / name, by_name=True)


@pytest.mark.parametrize("ending", ["safetensors", "keras", "h5"])
def test_a_file_without_the_optimizer(tmp_path: Path, ending: str) -> None:
    if ending != "safetensors":
        pytest.importorskip("h5py")
    model = net(2)
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    model.save(tmp_path / f"with.{ending}", save_format="keras")
    model.save(tmp_path / f"without.{ending}", include_optimizer=False)
    assert pydl.models.load_model(tmp_path / f"with.{ending}").optimizer is not None
    loaded = pydl.models.load_model(tmp_path / f"without.{ending}")
    assert loaded.optimizer is None
    for mine, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_by_name_leaves_adapters_of_others_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    net(5).save_weights(tmp_path / "w.h5")
    new = net(5, head="other")
    new.get_layer("other").enable_lora(2)
    new.get_layer("other").lora_kernel_b.assign(np.ones((2, 5)))
    x = np.ones((1, 4), "float32")
    before = new.get_layer("other")(x)
    new.load_weights(tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(new.get_layer("other")(x), before)


def test_a_layer_of_which_a_keras_file_says_nothing(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    short = pydl.Sequential([pydl.Input((3,)), L.Dense(4, name="body")])
    short.save_weights(tmp_path / "w.weights.h5")
    long = pydl.Sequential([pydl.Input((3,)), L.Dense(4, name="body"), L.Dense(2, name="head")])
    with pytest.raises(ValueError, match="dense_1"):
        long.load_weights(tmp_path / "w.weights.h5")
    with pytest.warns(UserWarning, match="nothing that fits: head"):
        long.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(long.get_weights()[0], short.get_weights()[0])
