"""Folders and archives of texts as Keras's `text_dataset_from_directory` gives them, and data sets that are mapped."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl.utils import text_dataset_from_directory

Array = np.ndarray[Any, Any]

GOOD, BAD = "a fine, funny film", "dull; naïve and dull"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Reviews of two kinds, of three films each, and files that do not count."""
    top = tmp_path / "reviews"
    for kind, text in (("neg", BAD), ("pos", GOOD)):
        for i in range(3):
            (top / kind).mkdir(parents=True, exist_ok=True)
            (top / kind / f"{i}.txt").write_text(f"{text} {i}", encoding="utf-8")
    (top / "pos" / "urls.html").write_text("no text")
    (top / "top.txt").write_text("of no class")
    return top


def read(where: Any, **how: Any) -> Any:
    return text_dataset_from_directory(where, **({"shuffle": False, "verbose": False} | how))


def test_texts_and_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(folder, batch_size=4, verbose=True)
    assert capsys.readouterr().out == "Found 6 files belonging to 2 classes.\n"
    assert found.class_names == ["neg", "pos"]
    assert [Path(p).relative_to(folder).as_posix() for p in found.file_paths[2:4]] == ["neg/2.txt", "pos/0.txt"]
    (x, y), (rest, _) = found
    assert (x.shape, y.dtype, y.tolist(), len(found)) == ((4,), np.int32, [0, 0, 0, 1], 2)
    assert [*x, *rest] == [f"{text} {i}" for text in (BAD, GOOD) for i in range(3)]
    assert next(iter(read(folder, max_length=6)))[0].tolist() == [BAD[:6]] * 3 + [GOOD[:6]] * 3
    assert len(next(iter(read(folder, labels=None)))) == 7
    text, label = next(iter(read(folder, batch_size=None)))
    assert (text, int(label)) == (f"{BAD} 0", 0)
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as packed:
        for file in sorted((folder / "pos").parent.rglob("*/*.txt")):
            packed.write(file, f"reviews/{file.relative_to(folder)}")
    assert next(iter(read(folder.with_suffix(".zip"))))[0].tolist() == [*x, *rest]
    train, held = read(folder, shuffle=True, seed=3, validation_split=0.34, subset="both")
    assert sorted([*train.file_paths, *held.file_paths]) == sorted(found.file_paths)


def test_texts_that_are_not_utf8(folder: Path) -> None:
    (folder / "neg" / "1.txt").write_bytes("naïve".encode("latin-1"))
    with pytest.raises(ValueError, match=r'"neg/1\.txt" is not UTF-8 \(byte 2\)'):
        list(read(folder))
    with pytest.raises(ValueError, match="no texts found"):
        read(folder / "pos")


def classifier(words: Any = None) -> pydl.Model:
    x = inputs = pydl.Input((None,), dtype="int64") if words is None else pydl.Input((), dtype="string")
    x = x if words is None else words(x)
    x = pydl.layers.GlobalAveragePooling1D()(pydl.layers.Embedding(50, 4)(x))
    made = pydl.Model(inputs, pydl.layers.Dense(1, "sigmoid")(x))
    made.compile("adam", "binary_crossentropy")
    return made


def test_training_on_words(folder: Path) -> None:
    """As the tutorials do it: a vocabulary of the texts, and codes made before the model or in it."""
    train = read(folder, shuffle=True, seed=1, batch_size=4)
    words = pydl.layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    words.adapt(train.map(lambda texts, labels: texts))
    assert {"dull", "naïve", "funny"} < set(words.get_vocabulary())
    mapped = train.map(lambda texts, labels: (words(texts), labels), num_parallel_calls=4).cache().prefetch(2)
    assert len(mapped) == len(train) == 2
    histories = []
    for data, model in ((mapped, classifier()), (train, classifier(words))):
        pydl.utils.set_random_seed(5)
        model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()])
        histories.append(model.fit(data, epochs=2, verbose=0, validation_data=data).history["loss"])
    assert histories[0] == histories[1]
    codes, labels = next(iter(mapped.take(1)))
    assert (codes.shape, labels.shape) == ((4, 6), (4,))
    assert [len(part) for part in mapped.take(1)] == [2]
    assert [len(y) for _, y in train.take(1)] == [4]


def test_order_and_rows_of_mapped_data(folder: Path) -> None:
    fixed = read(folder, batch_size=2)
    numbered = fixed.map(lambda texts, labels: np.array([int(t[-1]) for t in texts]) + 3 * labels)
    assert np.concatenate(list(numbered)).tolist() == [0, 1, 2, 3, 4, 5]
    mixed = numbered.shuffle(1000)
    passes = [np.concatenate(list(mixed)).tolist() for _ in range(6)]
    assert all(sorted(order) == [0, 1, 2, 3, 4, 5] for order in passes)
    assert len({tuple(order) for order in passes}) > 1
    assert np.concatenate(list(numbered)).tolist() == [0, 1, 2, 3, 4, 5]
    once = numbered.shuffle(1000, seed=5, reshuffle_each_iteration=False)
    assert len({tuple(np.concatenate(list(once)).tolist()) for _ in range(4)}) == 1
    assert len(list(fixed.take(np.int64(2)))) == 2
    with pytest.raises(TypeError, match="got a list"):
        list(fixed.map(lambda texts, labels: [texts, labels]).batches())
    with pytest.raises(ValueError, match="expected the 2 rows of the batch from the function, got 1"):
        list(fixed.map(lambda texts, labels: (texts[:1], labels[:1])).batches())
    with pytest.raises(TypeError, match="expected a function"):
        fixed.map("lower")
