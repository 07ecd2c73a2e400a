"""`ImageDataGenerator`: what it does to pictures, beside SciPy, and its batches of arrays and files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

import pydl
from pydl import layers as L
from pydl.preprocessing.image import ImageDataGenerator

RNG = np.random.default_rng(3)
X = RNG.uniform(0, 255, (10, 6, 8, 3)).astype(np.float32)
Y = np.arange(10) % 2
MODES = {"nearest": "nearest", "constant": "constant", "reflect": "reflect", "wrap": "grid-wrap"}


def reference(x: Any, p: dict[str, Any], mode: str, order: int) -> Any:
    """The same by SciPy: what a row and a column of the result read, from the middle."""
    turn, shear = np.deg2rad(p["theta"]), np.deg2rad(p["shear"])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = rotation @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ np.diag([p["zx"], p["zy"]])
    middle = (np.array(x.shape[1::-1]) - 1) / 2
    offset = rotation @ np.array([p["tx"], p["ty"]]) + middle - linear @ middle
    flipped, back = linear[::-1, ::-1], offset[::-1]  # SciPy has rows first
    kind = {"mode": MODES[mode], "cval": 7.0, "order": order}
    return np.stack([ndimage.affine_transform(x[..., c], flipped, back, **kind) for c in range(x.shape[2])], axis=-1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(8))
def test_transforms_are_those_of_scipy(mode: str, seed: int) -> None:
    made = ImageDataGenerator(
        rotation_range=50, width_shift_range=0.3, height_shift_range=3.0, shear_range=20, zoom_range=0.4,
        fill_mode=mode, cval=7.0, dtype="float64",
    )  # fmt: skip
    x = X[0].astype(np.float64)
    drawn = made.get_random_transform(x.shape, seed)
    np.testing.assert_allclose(made.apply_transform(x, drawn), reference(x, drawn, mode, 1), rtol=1e-9, atol=1e-9)
    assert drawn == made.get_random_transform(x.shape, seed)
    assert abs(drawn["tx"]) <= 0.3 * 8
    assert abs(drawn["ty"]) <= 3


def test_shifts_flips_and_tones() -> None:
    made = ImageDataGenerator(fill_mode="nearest")
    x = X[0]
    np.testing.assert_allclose(made.apply_transform(x, {"tx": 2})[:, :-2], x[:, 2:], rtol=1e-5)
    np.testing.assert_allclose(made.apply_transform(x, {"ty": -1})[1:], x[:-1], rtol=1e-5)
    np.testing.assert_array_equal(made.apply_transform(x, {"flip_horizontal": True, "flip_vertical": 1}), x[::-1, ::-1])
    shifted = made.apply_transform(x, {"channel_shift_intensity": 30.0})
    np.testing.assert_array_equal(shifted, np.clip(x + 30, x.min(), x.max()))
    half = made.apply_transform(np.full((4, 4, 3), 100.0, np.float32), {"brightness": 0.5})
    np.testing.assert_allclose(half, 50, atol=1)
    np.testing.assert_array_equal(made.random_transform(x), x)
    drawn = {ImageDataGenerator(width_shift_range=3).get_random_transform((6, 8, 3), s)["tx"] for s in range(60)}
    assert drawn == {-2.0, -1.0, 0.0, 1.0, 2.0}
    drawn = {ImageDataGenerator(height_shift_range=[-4, 4]).get_random_transform((6, 8, 3), s)["ty"] for s in range(9)}
    assert drawn == {-4.0, 4.0}


def test_statistics() -> None:
    made = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, rescale=1 / 255)
    made.fit(X)
    np.testing.assert_allclose(made.mean.ravel(), X.mean((0, 1, 2)) / 255, rtol=1e-5)
    batch = made.standardize(X.copy())
    np.testing.assert_allclose(batch.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(batch.std((0, 1, 2)), 1, rtol=1e-4)
    each = ImageDataGenerator(samplewise_std_normalization=True).standardize(X[0].copy())
    np.testing.assert_allclose([each.mean(), each.std()], [0, 1], atol=1e-5)
    small = RNG.normal(size=(200, 2, 2, 1)) @ np.ones((1, 1)) + RNG.normal(size=(200, 1, 1, 1))
    white = ImageDataGenerator(zca_whitening=True, dtype="float64")
    white.fit(small)
    found = white.standardize(small.copy()).reshape(200, -1)
    np.testing.assert_allclose(found.T @ found / 200, np.eye(4), atol=1e-3)
    with pytest.warns(UserWarning, match=r"call fit\(x\) first"):
        ImageDataGenerator(featurewise_center=True).standardize(X[0])


def test_batches_of_arrays() -> None:
    flow = ImageDataGenerator(rescale=0.5).flow(X, Y, batch_size=4, shuffle=False, sample_weight=np.arange(10.0))
    assert (len(flow), flow.n, flow.samples, flow.image_shape) == (3, 10, 10, (6, 8, 3))
    batches = list(itertools.islice(flow, 4))
    assert [len(x) for x, _, _ in batches] == [4, 4, 2, 4]
    np.testing.assert_allclose(np.concatenate([x for x, _, _ in batches[:3]]), X / 2, rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in batches[:3]]), Y)
    np.testing.assert_array_equal(batches[1][2], [4, 5, 6, 7])
    shuffled = ImageDataGenerator(rotation_range=20).flow(X, Y, batch_size=4, seed=5)
    again = ImageDataGenerator(rotation_range=20).flow(X, Y, batch_size=4, seed=5)
    for i in (2, 0):
        np.testing.assert_array_equal(shuffled[i][0], again[i][0])
    before = shuffled[0]
    shuffled.on_epoch_end()
    assert not np.array_equal(before[0], shuffled[0][0])
    two = ImageDataGenerator().flow((X, [Y, Y + 1]), Y, batch_size=10, shuffle=False)[0]
    np.testing.assert_array_equal(two[0][2], Y + 1)


def test_parts_of_arrays() -> None:
    made = ImageDataGenerator(validation_split=0.2)
    held, rest = (made.flow(X, Y, shuffle=False, subset=s) for s in ("validation", "training"))
    np.testing.assert_array_equal(held[0][0], X[:2])
    np.testing.assert_array_equal(rest[0][0], X[2:])
    with pytest.raises(ValueError, match="different classes; shuffle the rows first"):
        made.flow(X, np.arange(10) > 4, subset="training")
    with pytest.raises(ValueError, match="goes with validation_split"):
        ImageDataGenerator().flow(X, subset="training")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine pictures of two colours."""
    for i in range(9):
        at = tmp_path / ("blue", "red")[i % 2]
        at.mkdir(exist_ok=True)
        colour = (200 + i, 0, 0) if i % 2 else (0, 0, 200 + i)
        Image.new("RGB", (12, 10), colour).save(at / f"{i}.png")
    (tmp_path / "blue" / "note.txt").write_text("no picture")
    return tmp_path


def test_batches_of_a_folder(folder: Path, capsys: Any) -> None:
    flow = ImageDataGenerator().flow_from_directory(folder, (6, 5), batch_size=4, shuffle=False)
    assert "Found 9 images belonging to 2 classes." in capsys.readouterr().out
    assert flow.class_indices == {"blue": 0, "red": 1}
    assert flow.filenames == [f"blue/{i}.png" for i in range(0, 9, 2)] + [f"red/{i}.png" for i in range(1, 9, 2)]
    np.testing.assert_array_equal(flow.classes, [0] * 5 + [1] * 4)
    x, y = flow[1]
    assert x.shape == (4, 6, 5, 3)
    np.testing.assert_array_equal(x[0, 0, 0], [0, 0, 208])
    np.testing.assert_array_equal(x[1, 5, 4], [201, 0, 0])
    np.testing.assert_array_equal(y, [[1, 0], [0, 1], [0, 1], [0, 1]])
    made = ImageDataGenerator(validation_split=0.5)
    options: Any = {"target_size": (6, 5), "shuffle": False, "class_mode": "binary"}
    held = made.flow_from_directory(folder, subset="validation", **options)
    assert held.filenames == ["blue/0.png", "blue/2.png", "red/1.png", "red/3.png"]
    assert made.flow_from_directory(folder, subset="training", **options).n == 5
    np.testing.assert_array_equal(held[0][1], [0, 0, 1, 1])
    grey = ImageDataGenerator().flow_from_directory(folder, color_mode="grayscale", classes=["red"], class_mode=None)
    assert grey[0].shape == (4, 256, 256, 1)
    with pytest.raises(ValueError, match="which are blue, red; got 'green'"):
        ImageDataGenerator().flow_from_directory(folder, classes=["green"])


def test_batches_of_a_frame(folder: Path) -> None:
    names = ["red/1.png", "blue/0.png", "none.png"]
    frame = pd.DataFrame({"filename": names, "class": ["r", "b", "b"], "v": [1, 2, 3.0]})
    with pytest.warns(UserWarning, match="1 of 3 rows name no image file"):
        flow = ImageDataGenerator().flow_from_dataframe(frame, folder, target_size=(4, 4), shuffle=False)
    assert flow.class_indices == {"b": 0, "r": 1}
    np.testing.assert_array_equal(flow[0][1], [[0, 1], [1, 0]])
    raw = ImageDataGenerator().flow_from_dataframe(
        frame[:2], folder, y_col=["v", "v"], class_mode="raw", target_size=(4, 4), shuffle=False, weight_col="v"
    )
    np.testing.assert_array_equal(raw[0][1], [[1, 1], [2, 2]])
    np.testing.assert_array_equal(raw[0][2], [1, 2])
    two = ImageDataGenerator().flow_from_dataframe(
        frame[:2], folder, y_col=["v", "v"], class_mode="multi_output", target_size=(4, 4), shuffle=False
    )
    assert [part.tolist() for part in two[0][1]] == [[1, 2], [1, 2]]
    frame["box"] = [[1, 2], [3, 4], [5, 6]]
    boxes = ImageDataGenerator().flow_from_dataframe(
        frame[:2], folder, y_col=["box", "v"], class_mode="multi_output", target_size=(4, 4), shuffle=False
    )
    assert [(part.tolist(), part.dtype.kind) for part in boxes[0][1]] == [([[1, 2], [3, 4]], "i"), ([1.0, 2.0], "f")]
    for missing in (None, np.nan, pd.NA):
        frame["class"] = ["r", missing, missing]  # the last one's file is not there
        with pytest.raises(ValueError, match=r"row 1, of \"blue/0\.png\", has no class in 'class'"):
            ImageDataGenerator().flow_from_dataframe(frame[:2], folder)
    frame["class"] = [["r"], ["b", "r"], "b"]
    several = ImageDataGenerator().flow_from_dataframe(frame[:2], folder, target_size=(4, 4), shuffle=False)
    np.testing.assert_array_equal(several[0][1], [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="no column 'label' in"):
        ImageDataGenerator().flow_from_dataframe(frame, folder, y_col="label")
    with pytest.raises(ValueError, match='class_mode="raw" is for flow_from_dataframe'):
        ImageDataGenerator().flow_from_directory(folder, class_mode="raw")


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
def test_files_are_resized_as_single_ones_are(tmp_path: Path, interpolation: str) -> None:
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (14, 10, 3), np.uint8)
    pydl.utils.save_img(tmp_path / "a" / "p.png", pixels, scale=False)
    for keep in (False, True):
        how = {"interpolation": interpolation, "keep_aspect_ratio": keep}
        flow = ImageDataGenerator().flow_from_directory(tmp_path, (5, 7), class_mode=None, **how)
        one = pydl.utils.load_img(tmp_path / "a" / "p.png", target_size=(5, 7), **how)
        np.testing.assert_array_equal(flow[0][0], pydl.utils.img_to_array(one))


def test_grey_files_of_two_bytes_keep_their_values(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((4, 4), 41180, np.uint16)).save(tmp_path / "a" / "p.png")
    grey = ImageDataGenerator().flow_from_directory(tmp_path, (3, 3), color_mode="grayscale", class_mode=None)
    one = pydl.utils.load_img(tmp_path / "a" / "p.png", color_mode="grayscale", target_size=(3, 3))
    np.testing.assert_array_equal(grey[0][0], pydl.utils.img_to_array(one))
    assert grey[0].max() == 41180


def test_files_that_count(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "red" / "more.gif")
    Image.new("RGB", (4, 4)).save(folder / "red" / "more.TIFF")
    found = ImageDataGenerator().flow_from_directory(folder, (4, 4)).filenames
    assert ("red/more.TIFF" in found, "red/more.gif" in found) == (True, False)


class Killed(pydl.callbacks.Callback):
    """Ends a run before a batch."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if (self.model.fit_state.epoch, batch) == (2, 1):
            raise RuntimeError


def test_a_resumed_run_goes_on_with_the_same_pictures(tmp_path: Path) -> None:
    def run(*callbacks: Any) -> Any:
        pydl.utils.set_random_seed(1)
        flow = ImageDataGenerator(horizontal_flip=True, rotation_range=20).flow(X, Y, batch_size=4)
        model = pydl.Sequential([pydl.Input(X.shape[1:]), L.Flatten(), L.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(flow, epochs=4, callbacks=list(callbacks), verbose=0)
        return model.get_weights()[0]

    whole = run()
    with pytest.raises(RuntimeError):
        run(pydl.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1), Killed())
    np.testing.assert_array_equal(run(pydl.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)), whole)


def test_saved_pictures(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    next(ImageDataGenerator().flow(X, batch_size=3, shuffle=False, save_to_dir=to, save_prefix="p"))
    assert [name.name.split("_")[:2] for name in sorted(to.iterdir())] == [["p", "0"], ["p", "1"], ["p", "2"]]


def test_training_and_predictions_that_line_up(folder: Path) -> None:
    pydl.utils.set_random_seed(1)
    made = ImageDataGenerator(rescale=1 / 255, rotation_range=10, horizontal_flip=True)
    flow = made.flow_from_directory(folder, (8, 8), batch_size=3, class_mode="binary", seed=1)
    model = pydl.Sequential([L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    held = ImageDataGenerator(rescale=1 / 255).flow_from_directory(folder, (8, 8), class_mode="binary", shuffle=False)
    model.optimizer.learning_rate = 0.05
    history = model.fit(flow, epochs=12, steps_per_epoch=3, validation_data=held, verbose=0)
    assert history.history["val_accuracy"][-1] == 1
    np.testing.assert_array_equal(model.predict(held, verbose=0)[:, 0] > 0.5, held.classes)
    assert model.evaluate(held, verbose=0)[1] == 1


def test_what_does_not_fit() -> None:
    for options, message in (
        ({"zoom_range": (1, 2, 3)}, "zoom_range must be a pair"), ({"fill_mode": "mirror"}, "fill_mode"),
        ({"interpolation_order": 3}, "interpolation_order"), ({"data_format": "channels_first"}, "channels_first"),
        ({"validation_split": 1.5}, "validation_split"), ({"preprocessing_function": 3}, "expected a function"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=message):
            ImageDataGenerator(**options)
    with pytest.raises(ValueError, match=r"x\[..., None\]"):
        ImageDataGenerator().flow(X[..., 0])
    with pytest.raises(ValueError, match="y: expected 10 rows as x, got 9"):
        ImageDataGenerator().flow(X, Y[:9])
