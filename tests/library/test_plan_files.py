"""`export("m.plan.safetensors")` and libpydl: what C predicts has the bits of what Python does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._base.safetensors import Reader
from tests.library.library import Context, LibraryError, LoadedModel, check, lib
from tests.model_cases import CASES, Case

FILE = "m.plan.safetensors"


def rows_of(model: Any, rows: int, seed: int = 0) -> list[np.ndarray]:
    """Inputs of a model."""
    rng = np.random.default_rng(seed)
    pairs = zip(model.inputs, model.input_codes, strict=True)
    shapes = [((rows, *t.shape[1:]), n) for t, n in pairs]
    drawn = [rng.normal(size=s) if n is None else rng.integers(0, n, s) for s, n in shapes]
    return [x.astype(model.dtype) for x in drawn]


def predicted(model: Any, x: list[np.ndarray]) -> list[np.ndarray]:
    y = model.predict_on_batch(x if len(x) > 1 else x[0])
    return y if isinstance(y, list) else [y]


def same_bits(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return [(a.shape, a.tobytes()) for a in found] == [(a.shape, a.tobytes()) for a in expected]


def loaded(model: Any, folder: Path, **options: Any) -> LoadedModel:
    model.export(folder / FILE, **options)
    return LoadedModel(folder / FILE)


def check_case(case: Case, folder: Path) -> None:
    model = loaded(case.model, folder)
    model.selftest()
    context = Context(model, 7)
    for rows in (1, 2, 7, 3, 16):  # more than the context takes at a time
        x = rows_of(case.model, rows)
        assert same_bits(context.predict(x), predicted(case.model, x)), rows


def exported(case: Case, folder: Path) -> bool:
    """Whether a case has no layer in NumPy; one that has is refused by name."""
    with suppress(ValueError):
        case.model.export(folder / FILE)
        return True
    with pytest.raises(ValueError, match="computes in Python"):
        case.model.export(folder / FILE)
    return False


FEW = list(CASES)[:: max(1, len(CASES) // 24)]


@pytest.mark.parametrize("name", FEW)
def test_some_layers(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    if exported(case, tmp_path):
        check_case(case, tmp_path)


def test_images_that_are_run_a_few_at_a_time(tmp_path: Path) -> None:
    """What a context has memory for is fewer images than its batches, however many a call brings."""
    model = pydl.Sequential([
        pydl.Input((64, 64, 2)), *(L.Conv2D(8, 3, padding="same", activation="relu") for _ in range(3)),
        L.MaxPooling2D(4), L.BatchNormalization(), L.Flatten(), L.Dense(3, "softmax"),
    ])  # fmt: skip
    library = loaded(model, tmp_path)
    context = Context(library, 20, max_bytes=8 << 20)  # three layers' maps of 20 images alone have 7.8 MB
    for rows in (20, 3, 45, 1, 20):
        x = rows_of(model, rows)
        assert same_bits(context.predict(x), predicted(model, x)), rows


# Three minutes of CPU, for plans of all layers at a dozen batch sizes; test_some_layers stays.
@pytest.mark.long
def test_every_layer(tmp_path: Path) -> None:
    refused = []
    for name, make in CASES.items():
        case = make()
        if exported(case, tmp_path):
            check_case(case, tmp_path)
        else:
            refused.append(name)
    assert len(refused) < 50
    assert "custom layers" in refused


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ports(dtype: str, tmp_path: Path) -> None:
    x, code = pydl.Input((4, 3), name="pixels", dtype=dtype), pydl.Input((), name="kind", dtype=dtype)
    h = L.Concatenate(dtype=dtype)([L.Flatten(dtype=dtype)(x), L.Embedding(5, 2, dtype=dtype)(code)])
    outputs = [L.Dense(2, name="one", dtype=dtype)(h), L.Dense(3, "softmax", name="other", dtype=dtype)(h)]
    model = loaded(pydl.Model([x, code], outputs), tmp_path)
    assert model.dtype == dtype
    assert model.ports("input") == [("pixels", (4, 3)), ("kind", ())]
    assert model.ports("output") == [("one", (2,)), ("other", (3,))]
    assert [lib.pydl_input_codes(model.handle, i) for i in range(2)] == [0, 5]
    assert lib.pydl_input_name(model.handle, 2) is None


@pytest.mark.parametrize("isa", pydl._core.isas())
def test_instruction_sets(isa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pydl.Sequential([pydl.Input((9,)), L.Dense(17, "gelu"), L.LayerNormalization(), L.Dense(3, "softmax")])
    found = loaded(model, tmp_path)
    before = pydl._core.set_isa(isa)
    try:
        x = rows_of(model, 5)
        assert same_bits(Context(found, 5, isa=isa).predict(x), predicted(model, x))
    finally:
        pydl._core.set_isa(before)
    with pytest.raises(LibraryError, match='UNSUPPORTED_CPU: instruction set "mmx"'):
        Context(found, 5, isa="mmx")


def test_codes_are_checked(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((2,)), L.Embedding(4, 3), L.Flatten(), L.Dense(1)])
    context = Context(loaded(model, tmp_path), 8)
    for bad in (4, -1, 0.5, np.nan):
        x = np.zeros((3, 2), np.float32)
        x[2, 1] = bad
        with pytest.raises(LibraryError, match=r"input 0: expected whole numbers from 0 to 3.*in row 2"):
            context.predict(x)


def test_wrong_arguments(tmp_path: Path) -> None:
    model = loaded(pydl.Sequential([pydl.Input((2,)), L.Dense(1)]), tmp_path)
    for batch in (0, -1, 5000):
        with pytest.raises(LibraryError, match=r"BAD_ARGUMENT: pydl_context_new: expected"):
            Context(model, batch)
    with pytest.raises(LibraryError, match=r"BAD_ARGUMENT: .*nothing that trains; export it with training=True"):
        Context(model, 1, training=True)
    with pytest.raises(LibraryError, match=r"NO_MEMORY: .* more than pydl_options_set_max_bytes allows"):
        Context(model, 64, max_bytes=64)
    with pytest.raises(LibraryError, match=r"IO: .*expected a file that can be read"):
        LoadedModel(tmp_path / "missing")
    assert lib.pydl_predict(None, 1, None, None) == 2
    assert lib.pydl_abi_version() == 100
    assert lib.pydl_version().decode() == pydl.__version__


def test_from_memory(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(4, "tanh"), L.Dense(2)])
    model.export(tmp_path / FILE)
    found = LoadedModel((tmp_path / FILE).read_bytes())
    x = rows_of(model, 4)
    assert same_bits(Context(found, 2).predict(x), predicted(model, x))


def test_the_self_test_finds_other_weights(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(4, name="first"), L.Dense(2)])
    model.export(tmp_path / FILE)
    data = bytearray((tmp_path / FILE).read_bytes())
    with Reader(tmp_path / FILE) as reader:
        start = reader.tensors["first/kernel"].start
    data[start : start + 4] = np.float32(100).tobytes()
    with pytest.raises(LibraryError, match=r'BAD_FILE: self-test: output "dense.*" is not what the file expects'):
        LoadedModel(bytes(data)).selftest()


def test_a_readable_file(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(4, name="first"), L.Dense(2)])
    model.export(tmp_path / FILE)
    with Reader(tmp_path / FILE) as reader:
        assert reader.metadata["format"] == "pydl.plan"
        assert reader.json("model")["class_name"] == "Sequential"
        first = model.layers[0].kernel
        stored = reader.read("first/kernel")[
            : first.layout.storage[0] * first.layout.storage[1] * first.layout.storage[2]
        ]
        assert np.array_equal(first.layout.unpack(stored.reshape(first.layout.storage)), first.numpy())
        assert all(entry.start % 64 == 0 for entry in reader.tensors.values())


def test_equal_models_give_equal_files(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(2)])
    for name in ("a", "b"):
        model.export(tmp_path / f"{name}.plan.safetensors")
    assert (tmp_path / "a.plan.safetensors").read_bytes() == (tmp_path / "b.plan.safetensors").read_bytes()


def test_refused(tmp_path: Path) -> None:
    softmax = pydl.Sequential([pydl.Input((3, 2)), L.Softmax(1, name="over_steps")])
    with pytest.raises(ValueError, match=r'export: layer "over_steps" \(Softmax\) computes in Python'):
        softmax.export(tmp_path / FILE)
    x = pydl.Input((None, 2), name="steps")
    means = pydl.Model(x, L.GlobalAveragePooling1D()(x))
    with pytest.raises(ValueError, match=r'export: input "steps" \(None, None, 2\): expected sizes that are known'):
        means.export(tmp_path / FILE)
    lookup = pydl.Sequential([pydl.Input((1,), dtype="string"), L.StringLookup(vocabulary=["a"], name="words")])
    with pytest.raises(ValueError, match=r'export: layer "words" \(StringLookup\) prepares data in Python'):
        lookup.export(tmp_path / FILE)
    assert not (tmp_path / FILE).exists()


def test_no_model(tmp_path: Path) -> None:
    """A load that failed leaves NULL, of which everything can be asked; a folder is no file."""
    assert (lib.pydl_model_dtype(None), lib.pydl_model_trainable(None)) == (-1, 0)
    assert (lib.pydl_input_count(None), lib.pydl_output_count(None), lib.pydl_input_codes(None, 0)) == (0, 0, 0)
    assert lib.pydl_input_name(None, 0) is lib.pydl_output_name(None, 0) is None
    assert not lib.pydl_input_shape(None, 0, None)
    with pytest.raises(LibraryError, match="BAD_ARGUMENT: self-test: expected a model, got NULL"):
        check(lib.pydl_model_selftest(None))
    with pytest.raises(LibraryError, match=r"IO: .*expected a regular file"):
        LoadedModel(tmp_path)
