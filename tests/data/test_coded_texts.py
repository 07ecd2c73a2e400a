"""IMDB and Reuters: lists of numbers from pickles that are never run, in the order and with the codes of Keras."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl.datasets import _ragged, imdb, reuters

TEXTS = [[5, 300, 70000], [1], [], list(range(2500)), [2**20] * 3, [7, 8], [9], [10, 11, 12]]


def array_of(texts: list[list[int]]) -> np.ndarray:
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made


def packed(path: Path, protocol: int, **arrays: np.ndarray) -> Path:
    """An npz file whose pickles are of some protocol."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            file = io.BytesIO()
            if array.dtype.hasobject:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": "|O", "fortran_order": False, "shape": array.shape}
                )
                file.write(pickle.dumps(array, protocol))
            else:
                np.lib.format.write_array(file, array)
            archive.writestr(f"{name}.npy", file.getvalue())
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_lists_are_read_from_pickles(tmp_path: Path, protocol: int) -> None:
    found = _ragged.load(packed(tmp_path / "a.npz", protocol, x=array_of(TEXTS), y=np.arange(8)))
    assert found["x"] == TEXTS
    assert found["y"].tolist() == list(range(8))
    np.savez(tmp_path / "b.npz", x=array_of(TEXTS))
    assert _ragged.load(tmp_path / "b.npz")["x"] == TEXTS


class Evil:
    def __reduce__(self) -> Any:
        return print, ("this must not be printed",)


@pytest.mark.parametrize("elements", [[Evil(), [1]], [{"a": 1}, [2]], ["ab", "cd"], [1.5, [2]]])
@pytest.mark.parametrize("protocol", [2, 4])
def test_anything_else_is_refused_and_never_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], elements: list[Any], protocol: int
) -> None:
    with pytest.raises(ValueError, match=r"a\.npz.*expected an array of lists"):
        _ragged.load(packed(tmp_path / "a.npz", protocol, x=array_of(elements)))
    assert capsys.readouterr().out == ""


def expected(order: Any, texts: list[list[int]], low: int, most: int) -> list[list[int]]:
    moved = [[1, *(w + 3 for w in texts[i])] for i in order]
    return [[w if low <= w < most else 2 for w in text] for text in moved]


def test_imdb(tmp_path: Path) -> None:
    other = [[3], [4, 5]]
    path = packed(
        tmp_path / "imdb.npz", 2,
        x_train=array_of(TEXTS), y_train=np.arange(8), x_test=array_of(other), y_test=np.array([7, 8]),
    )  # fmt: skip
    generator = np.random.RandomState(113)
    orders = [generator.permutation(8), generator.permutation(2)]
    (x, y), (x_test, y_test) = imdb.load_data(path, num_words=400, skip_top=6)
    assert list(x) == expected(orders[0], TEXTS, 6, 400)
    assert list(x_test) == expected(orders[1], other, 6, 400)
    assert (y.tolist(), y_test.tolist()) == (orders[0].tolist(), [7 + i for i in orders[1]])
    (x, y), _ = imdb.load_data(path, maxlen=4, start_char=None, oov_char=None, index_from=0)
    kept = [i for i in orders[0] if len(TEXTS[i]) < 4]
    most = max(max(text) for text in [*(TEXTS[i] for i in kept), *other] if text)
    assert list(x) == [[w for w in TEXTS[i] if w < most] for i in kept]
    assert y.tolist() == kept
    with pytest.raises(ValueError, match="maxlen=1"):
        imdb.load_data(path, maxlen=1)


def test_reuters(tmp_path: Path) -> None:
    path = packed(tmp_path / "reuters.npz", 4, x=array_of(TEXTS), y=np.arange(8))
    (x, y), (x_test, y_test) = reuters.load_data(path, num_words=400, test_split=0.25, seed=3)
    order = np.random.RandomState(3).permutation(8)
    assert [*x, *x_test] == expected(order, TEXTS, 0, 400)
    assert [*y, *y_test] == order.tolist()
    assert len(x_test) == 2
    assert reuters.get_label_names()[3:5] == ("earn", "acq")
    assert len(set(reuters.get_label_names())) == 46


@pytest.mark.parametrize("module", [imdb, reuters])
def test_codes_of_words(tmp_path: Path, module: Any) -> None:
    (tmp_path / "words.json").write_text('{"the": 1, "naïve": 7}', encoding="utf-8")
    assert module.get_word_index(tmp_path / "words.json") == {"the": 1, "naïve": 7}
