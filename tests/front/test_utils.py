"""pydl.utils: sequences, windows, splits, files of the web, images, pictures of models."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import utils

L = pydl.layers
RAGGED = [[1], [2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
        ({"maxlen": 2, "truncating": "post", "value": -1}, [[-1, 1], [2, 3], [4, 5]]),
        ({"maxlen": 4, "dtype": "float64"}, [[0, 0, 0, 1], [0, 0, 2, 3], [0, 4, 5, 6]]),
        ({"maxlen": 0}, np.zeros((3, 0))),
    ],
)
def test_pad_sequences(arguments: dict[str, Any], expected: Any) -> None:
    padded = pydl.preprocessing.sequence.pad_sequences(RAGGED, **arguments)
    assert padded.dtype == arguments.get("dtype", "int32")
    assert np.array_equal(padded, expected)


def test_pad_sequences_of_arrays_and_text() -> None:
    padded = utils.pad_sequences([np.ones((1, 2)), np.zeros((0, 2)), np.full((2, 2), 3)], dtype="float32")
    assert padded.tolist() == [[[0, 0], [1, 1]], [[0, 0], [0, 0]], [[3, 3], [3, 3]]]
    assert utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("given", "arguments", "told"),
    [
        ([[1], 2], {}, "got 2 in place 1"),
        (RAGGED, {"padding": "left"}, "padding"),
        (RAGGED, {"value": "x"}, "dtype=object"),
        ([np.ones((1, 2)), np.ones((1, 3))], {}, "in sequence 1"),
    ],
)
def test_pad_sequences_refuses(given: Any, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        utils.pad_sequences(given, **arguments)


def test_windows_of_a_series() -> None:
    series = np.arange(100)
    found = utils.timeseries_dataset_from_array(
        series, series * 10, 9, sequence_stride=3, sampling_rate=2, batch_size=5
    )
    starts = np.arange(0, 100 - 8 * 2, 3)  # the last step of a window is its start and 16
    assert len(found) == -(-len(starts) // 5)
    windows, targets = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert np.array_equal(windows, starts[:, None] + np.arange(0, 18, 2))
    assert np.array_equal(targets, starts * 10)
    assert found[-1][0].shape == (len(starts) - 25, 9)
    plain = utils.timeseries_dataset_from_array(series, None, 4, batch_size=None, start_index=10, end_index=20)
    assert [w.tolist() for w in plain] == [list(range(i, i + 4)) for i in range(10, 17)]


def test_windows_in_an_order_that_is_drawn() -> None:
    def drawn(seed: int | None) -> list[int]:
        return [
            int(w[0])
            for b in utils.timeseries_dataset_from_array(np.arange(40), None, 3, shuffle=True, seed=seed)
            for w in b
        ]

    assert drawn(1) == drawn(1) != drawn(2)
    assert sorted(drawn(1)) == list(range(38))
    assert drawn(None) != drawn(None)


def test_windows_train_a_model() -> None:
    series = np.sin(np.arange(60) / 5)
    data = utils.timeseries_dataset_from_array(series[:-1], series[4:], 4, batch_size=16)
    model = pydl.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(data, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]


@pytest.mark.parametrize(
    "arguments",
    [{"sequence_stride": 0}, {"sampling_rate": 40}, {"start_index": 40}, {"start_index": 9, "end_index": 9}],
)
def test_windows_that_cannot_be(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"timeseries_dataset_from_array: Argument `{list(arguments)[-1]}`"):
        utils.timeseries_dataset_from_array(np.arange(40), None, 3, **arguments)


def test_split_dataset() -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    (x1, y1), (x2, y2) = utils.split_dataset((x, y), left_size=0.7)
    assert (y1.tolist(), y2.tolist()) == (list(range(7)), [7, 8, 9])
    assert np.array_equal(np.concatenate([x1, x2]), x)
    assert [a.tolist() for a in utils.split_dataset(y, right_size=2)] == [list(range(8)), [8, 9]]
    assert [a.tolist() for a in utils.split_dataset(y, 0.2, 3)] == [[0, 1], [7, 8, 9]]
    left, right = utils.split_dataset({"x": x, "y": y}, 4, shuffle=True, seed=3)
    assert np.array_equal(left["x"][:, 0], 2 * left["y"])
    assert sorted([*left["y"], *right["y"]]) == list(range(10)) != [*left["y"], *right["y"]]
    for wrong in ({}, {"left_size": 10}, {"left_size": 6, "right_size": 5}, {"left_size": 1.5}):
        with pytest.raises(ValueError, match="split_dataset"):
            utils.split_dataset(y, **wrong)
    with pytest.raises(ValueError, match="one length"):
        utils.split_dataset([x, y[:3]], 0.5)


# ---- files of the web -----------------------------------------------------------------------------------------------
@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder that stands for the web: `file:` URLs need no network."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    with zipfile.ZipFile(folder / "b.zip", "w") as packed:
        packed.writestr("inner/c.txt", "two")
    with tarfile.open(folder / "d.tar.gz", "w:gz") as tar:
        tar.add(folder / "a.txt", "e.txt")
    return folder


def test_get_file_fetches_once(source: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"one").hexdigest()
    url = (source / "a.txt").as_uri()
    path = Path(utils.get_file(origin=url, file_hash=digest, cache_dir=tmp_path))
    assert (path, path.read_text()) == (tmp_path / "datasets" / "a.txt", "one")
    (source / "a.txt").write_text("another")
    assert Path(utils.get_file(origin=url, cache_dir=tmp_path)).read_text() == "one"
    with pytest.raises(ValueError, match="its hash is not"):
        utils.get_file(origin=url, md5_hash=hashlib.md5(b"three").hexdigest(), cache_dir=tmp_path)
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.txt"]
    assert path.read_text() == "one"
    utils.get_file("a.txt", url, force_download=True, cache_dir=tmp_path)
    assert path.read_text() == "another"
    assert utils.get_file("x", url, cache_subdir="more", cache_dir=tmp_path) == str(tmp_path / "more" / "x")


def test_get_file_keeps_nothing_of_what_fails(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        utils.get_file(origin=(source / "nothing").as_uri(), cache_dir=tmp_path)
    assert list((tmp_path / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "arguments", "folder", "member"),
    [
        ("b.zip", {"extract": True}, "b.zip", "inner/c.txt"),
        ("b.zip", {"extract": True, "fname": "b.zip"}, "b_extracted", "inner/c.txt"),
        ("b.zip", {"extract": True, "fname": "words"}, "words", "inner/c.txt"),
        ("d.tar.gz", {"untar": True, "fname": "letters"}, "letters", "e.txt"),
        ("d.tar.gz", {"extract": True}, "d.tar.gz", "e.txt"),
    ],
)
def test_get_file_unpacks(
    source: Path, tmp_path: Path, name: str, arguments: dict[str, Any], folder: str, member: str
) -> None:
    for _ in range(2):
        path = utils.get_file(origin=(source / name).as_uri(), cache_dir=tmp_path, **arguments)
        assert path == str(tmp_path / "datasets" / folder)
        assert (Path(path) / member).read_text() in ("one", "two")


def test_get_file_refuses(source: Path, tmp_path: Path) -> None:
    url = (source / "a.txt").as_uri()
    with pytest.raises(ValueError, match="origin"):
        utils.get_file("a")
    with pytest.raises(ValueError, match="without folders"):
        utils.get_file("../a", url, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="no archive"):
        utils.get_file(origin=url, extract=True, cache_dir=tmp_path)
    with tarfile.open(source / "evil.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../evil"), io.BytesIO(b""))
    with pytest.raises(tarfile.FilterError):
        utils.get_file(origin=(source / "evil.tar").as_uri(), extract=True, cache_dir=tmp_path)
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "datasets" / "evil.tar").exists()


# ---- images ---------------------------------------------------------------------------------------------------------
def test_images_there_and_back(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    x = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    utils.save_img(tmp_path / "x.png", x, scale=False)
    image = utils.load_img(tmp_path / "x.png")
    assert np.array_equal(utils.img_to_array(image), x)
    assert utils.img_to_array(image).dtype == "float32"
    assert utils.img_to_array(image, "channels_first").shape == (3, 4, 6)
    assert np.array_equal(utils.img_to_array(utils.array_to_img(x)), np.floor(x / x.max() * 255))
    grey = utils.load_img(tmp_path / "x.png", color_mode="grayscale", target_size=(2, 3))
    assert utils.img_to_array(grey).shape == (2, 3, 1)
    square = utils.load_img(tmp_path / "x.png", target_size=(4, 4), keep_aspect_ratio=True)
    assert np.array_equal(utils.img_to_array(square), x[:, 1:5])
    utils.save_img(tmp_path / "y.jpg", np.zeros((4, 4, 4)))
    assert utils.load_img(tmp_path / "y.jpg").mode == "RGB"
    for call in (lambda: utils.array_to_img(x[..., :2]), lambda: utils.load_img(tmp_path / "x.png", "cmyk")):
        with pytest.raises(ValueError, match=r"expected|Expected|must be"):
            call()


# ---- pictures of models ---------------------------------------------------------------------------------------------
def nested() -> pydl.Model:
    x = pydl.Input((3,), name="x")
    inner = pydl.Sequential([pydl.Input((3,)), L.Dense(2, "relu", name="deep")], name="inner")
    return pydl.Model(x, L.Add(name="sum")([inner(x), L.Dense(2, name="flat")(x)]))


def lines_of(text: str) -> set[tuple[str, ...]]:
    """The lines between boxes in a graph."""
    return {tuple(line.strip(' ";') for line in row.split("->")) for row in text.splitlines() if "->" in row}


def test_the_graph_of_a_model(tmp_path: Path) -> None:
    pytest.importorskip("pydot")
    text = utils.model_to_dot(nested(), show_shapes=True, show_dtype=True).to_string()
    assert lines_of(text) == {("x", "inner"), ("x", "flat"), ("inner", "sum"), ("flat", "sum")}
    assert r"inner (Sequential)\noutput shape: (None, 2)\noutput dtype: float32" in text
    inside = utils.model_to_dot(nested(), expand_nested=True, show_layer_activations=True, show_trainable=True)
    assert lines_of(inside.to_string()) == {
        ("x", "inner/deep"), ("x", "flat"), ("inner/deep", "sum"), ("flat", "sum"),
    }  # fmt: skip
    assert r"deep (Dense)\nactivation: relu\ntrained" in inside.to_string()
    utils.plot_model(nested(), tmp_path / "m.dot", show_layer_names=True)
    assert "digraph" in (tmp_path / "m.dot").read_text()
    with pytest.raises(ValueError, match="not built"):
        utils.plot_model(pydl.Sequential([L.Dense(1)]), tmp_path / "m.dot")
    with pytest.raises(TypeError, match="colour"):
        utils.plot_model(nested(), colour=1)


def test_what_drawing_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydot")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match="apt install graphviz"):
        utils.plot_model(nested(), tmp_path / "m.svg")
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install .pydl\[plot\]"):
        utils.plot_model(nested(), tmp_path / "m.svg")


def test_old_names() -> None:
    from pydl.utils import np_utils

    assert np_utils.to_categorical([1]).tolist() == [[0, 1]]
    assert utils.Sequence is utils.PyDataset
    assert utils.is_keras_tensor(pydl.Input(2))
    assert not utils.is_keras_tensor(np.ones(2))


def test_progress_of_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """Means of what is given over the steps, the last value of what is stateful; a line at the end."""
    bar = utils.Progbar(4, verbose=2, stateful_metrics=["accuracy"])
    bar.update(1, [("loss", 4.0), ("accuracy", 0.1)])
    bar.update(3, [("loss", 1.0), ("accuracy", 0.2)])  # of two steps
    assert capsys.readouterr().out == ""
    bar.add(1, [("loss", np.float32(2)), ("accuracy", 0.75)])
    assert re.fullmatch(r"4/4 - \d+\.\ds - loss=2, accuracy=0\.75\n", capsys.readouterr().out)
    for verbose, lines in ((0, 0), (1, 1), (2, 1)):
        unknown = utils.Progbar(None, verbose=verbose, unit_name="image")
        for i in range(3):
            unknown.update(i + 1)
        unknown.update(3, finalize=True)
        out = capsys.readouterr().out.rpartition("\r")[2]
        assert out.startswith("3/3 - ") == bool(lines)
        assert out.count("\n") == lines
    bar = utils.Progbar(2, verbose=2, stateless_metrics=["loss"])
    bar.add(1, [("loss", 3.0), ("accuracy", 0.25)])
    bar.add(1, [("loss", 1.0), ("accuracy", 0.5)])
    assert "loss=2, accuracy=0.5" in capsys.readouterr().out
    with pytest.raises(ValueError, match="got both"):
        utils.Progbar(3, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ValueError, match=r"Progbar: Invalid value for argument `verbose`. Expected one of"):
        utils.Progbar(3, verbose=5)


def test_parts_of_a_batch() -> None:
    x, y, w = np.ones(3), np.zeros(3), np.full(3, 2.0)
    for parts in ((x,), (x, y), (x, y, w)):
        packed = utils.pack_x_y_sample_weight(*parts)
        found = utils.unpack_x_y_sample_weight(packed)
        assert [part is given for part, given in zip(found, (*parts, None, None), strict=False)] == [True] * 3
    assert utils.pack_x_y_sample_weight(x) is x
    assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight([x, y]))[0] == [x, y]
    with pytest.raises(ValueError, match="expected"):
        utils.unpack_x_y_sample_weight((x, y, w, w))


@pytest.mark.parametrize("digits", [np.array(["2", "0"], object), ["2", "0"], np.array([2, 0], object)])
def test_one_hot_of_digits(digits: Any) -> None:
    np.testing.assert_array_equal(utils.to_categorical(digits), np.eye(3)[[2, 0]])
    for words in (["a", "b"], ["99999999999999999999"]):
        with pytest.raises(TypeError, match="StringLookup numbers words"):
            utils.to_categorical(words)
    with pytest.raises(ValueError, match="must be whole"):
        utils.to_categorical(np.array([1.5, 2], object))


def test_images_of_more_than_eight_bits() -> None:
    """Values above 255 began with 0 again."""
    image = pydl.utils.array_to_img(np.array([[[300.0], [70000.0]]]), scale=False)
    assert image.mode == "I"
    np.testing.assert_array_equal(np.asarray(image), [[300, 70000]])
    assert pydl.utils.array_to_img(np.array([[[3.0], [255.0]]]), scale=False).mode == "L"
