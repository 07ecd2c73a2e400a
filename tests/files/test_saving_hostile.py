"""Damaged and hostile files: one error type, bounded time and memory, and a model left as it was."""

import contextlib
import json
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pydl
from pydl._base import safetensors as format
from pydl._base.errors import FormatError

# A hostile file is small; reading it must cost little more than the objects its header may hold (see MAX_VALUES).
MEMORY = 64 << 20
SECONDS = 5.0


def make(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header: an object, or bytes as they are."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def tensor(shape: Any = (2,), start: Any = 0, stop: Any = 8, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [start, stop]}


EIGHT = bytes(8)
HEADERS = {
    "empty file": b"",
    "seven bytes": bytes(7),
    "no header": bytes(8),
    "header of 2^64 - 1 bytes": make({}, length=2**64 - 1),
    "header longer than the file": make({}, length=1000),
    "header above the limit": struct.pack("<Q", format.MAX_HEADER + 1) + bytes(64),
    "not UTF-8": make(b"{\xff\xfe}"),
    "not JSON": make(b"{]"),
    "not an object": make([1, 2]),
    "null": make(None),
    "number of 5000 digits": make(b'{"a":' + b"9" * 5000 + b"}"),
    "deep lists": make(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep objects": make(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep, unclosed": make(b"{" + b"[" * 1_000_000),
    "string never closed": make(b'{"' + b'\\"' * 1_000_000),
    "backslash at the end": make(b'{"a\\'),
    "a million lists": make(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}"),
    "key twice": make(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        EIGHT,
    ),
    "metadata no object": make({"__metadata__": [1]}),
    "metadata of numbers": make({"__metadata__": {"format": 1}}),
    "tensor no object": make({"a": 1}),
    "tensor lacks a field": make({"a": {"dtype": "F32", "shape": [2]}}, EIGHT),
    "tensor with another field": make({"a": tensor() | {"code": "x"}}, EIGHT),
    "unknown dtype": make({"a": tensor(dtype="PICKLE")}, EIGHT),
    "dtype no string": make({"a": tensor(dtype=["F32"])}, EIGHT),
    "negative size": make({"a": tensor((-2,))}, EIGHT),
    "fraction as size": make({"a": tensor((2.0,))}, EIGHT),
    "true as size": make({"a": tensor((2, True))}, EIGHT),
    "shape no list": make({"a": tensor("2")}, EIGHT),
    "product wraps to 2": make({"a": tensor((2**62 + 1, 4, 2**62))}, EIGHT),
    "product wraps to 0": make({"a": tensor((2**32, 2**32), 0, 0)}),
    "a size beyond 2^63": make({"a": tensor((2**63,))}, EIGHT),
    "rank 9": make({"a": tensor((1,) * 8 + (2,))}, EIGHT),
    "rank 100000": make({"a": tensor((1,) * 100_000 + (2,))}, EIGHT),
    "name too long": make({"a" * 10_000: tensor()}, EIGHT),
    "too many tensors": make({f"{i:x}": 0 for i in range(format.MAX_TENSORS + 2)}),
    "offsets swapped": make({"a": tensor((2,), 8, 0)}, EIGHT),
    "offsets negative": make({"a": tensor((2,), -8, 0)}, EIGHT),
    "three offsets": make({"a": tensor() | {"data_offsets": [0, 8, 8]}}, EIGHT),
    "offsets beyond the file": make({"a": tensor((2**20,), 0, 2**22)}, EIGHT),
    "gap at the start": make({"a": tensor((2,), 8, 16)}, bytes(16)),
    "gap between": make({"a": tensor(), "b": tensor((2,), 12, 20)}, bytes(20)),
    "overlap": make({"a": tensor(), "b": tensor((2,), 4, 12)}, bytes(12)),
    "two names for the same bytes": make({"a": tensor(), "b": tensor()}, EIGHT),
    "bytes left over": make({"a": tensor()}, bytes(9)),
    "shape and offsets differ": make({"a": tensor((3,))}, EIGHT),
    "half a surrogate pair as name": make(b'{"\\ud800":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}', EIGHT),
}


def model() -> Any:
    """A small compiled model with weights and optimizer slots."""
    net = pydl.Sequential(
        [pydl.Input((3,)), pydl.layers.Dense(4, activation="relu"), pydl.layers.Dropout(0.5), pydl.layers.Dense(1)]
    )
    net.compile(optimizer=pydl.optimizers.Adam(), loss="mse", metrics=["mae"])
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
    net.fit(x, x[:, :1], epochs=1, batch_size=4, verbose=0)
    return net


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "m.safetensors"
    model().save(path)
    return path.read_bytes()


def refused(path: Path, content: bytes) -> str:
    """Load a file as a model, expecting a FormatError in bounded time and memory; returns its message."""
    path.write_bytes(content)
    tracemalloc.start()
    begin = time.monotonic()
    try:
        with pytest.raises(FormatError, match=r"hostile\.safetensors") as caught:
            pydl.models.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY + 8 * len(content)
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begin < SECONDS
    return str(caught.value)


def edit(content: bytes, **documents: Any) -> bytes:
    """The file with other metadata: values that are no strings are written as JSON."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    for key, value in documents.items():
        header["__metadata__"][key] = value if isinstance(value, str) else json.dumps(value)
    return make(header, content[8 + length :])


def document(content: bytes, key: str) -> Any:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"][key])


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_header(tmp_path: Path, name: str) -> None:
    refused(tmp_path / "hostile.safetensors", HEADERS[name])


def test_message_says_what_to_do(tmp_path: Path) -> None:
    message = refused(tmp_path / "hostile.safetensors", HEADERS["bytes left over"])
    assert "expected a file of" in message
    assert "found" in message
    assert "save the model again" in message


def test_a_safetensors_file_of_another_program(tmp_path: Path) -> None:
    assert "a file of pydl" in refused(tmp_path / "hostile.safetensors", make({"a": tensor()}, EIGHT))


def test_folder_and_pipe(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(FormatError, match="a regular file"):
            pydl.models.load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError):
        pydl.models.load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("name", ["m.onnx", "m", "m.safetensors.txt", "keras"])
def test_ending(tmp_path: Path, name: str) -> None:
    net = model()
    for call in (net.save, net.save_weights, net.load_weights, pydl.models.load_model):
        with pytest.raises(ValueError, match=r"ends in \.safetensors"):
            call(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_hostile_metadata(tmp_path: Path, saved: bytes) -> None:
    path = tmp_path / "hostile.safetensors"
    assert "version" in refused(path, edit(saved, version="2"))
    assert "kind" in refused(path, edit(saved, kind="program"))
    for key in ("config", "compile", "state", "order"):
        for value in (
            "",
            "{",
            "[" * 5000,
            "null" if key != "compile" else "[]",
            "[]",
            "7",
            '"x"',
            "{}",
            '{"a": 1, "a": 1}',
        ):
            refused(path, edit(saved, **{key: value}))


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf"), 1, "0.1"])
def test_a_rate_that_is_none(tmp_path: Path, saved: bytes, rate: Any) -> None:
    assert "a learning rate of 0 or more" in refused(
        tmp_path / "hostile.safetensors", edit(saved, state={**document(saved, "state"), "learning_rate": rate})
    )


def mutations(value: Any) -> Any:
    """Every copy of a JSON value with one leaf replaced by something odd."""
    if isinstance(value, dict):
        for key in value:
            for changed in mutations(value[key]):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for i, item in enumerate(value):
            for changed in mutations(item):
                yield [*value[:i], changed, *value[i + 1 :]]
    else:
        yield from (None, -1, 10**9, 10**30, "os.system", [], {"class_name": "subprocess.Popen", "config": {}})


@pytest.mark.long  # hundreds of files; the kinds of damage stay
def test_odd_values_in_config(tmp_path: Path, saved: bytes) -> None:
    """A changed leaf either loads (a name, say) or is a FormatError; units of 10^9 are not allocated."""
    path = tmp_path / "hostile.safetensors"
    for key in ("config", "compile", "state"):
        for changed in mutations(document(saved, key)):
            path.write_bytes(edit(saved, **{key: changed}))
            tracemalloc.start()
            with contextlib.suppress(FormatError):
                pydl.models.load_model(path)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < MEMORY, changed


def test_layers_larger_than_the_file_are_not_allocated(tmp_path: Path, saved: bytes) -> None:
    config = document(saved, "config")
    for units in (10**3, 10**9, 2**62):
        config["layers"][0]["config"]["units"] = units
        assert "larger than what the file holds" in refused(
            tmp_path / "hostile.safetensors", edit(saved, config=config)
        )


def test_tensors_that_do_not_fit_the_config(tmp_path: Path, saved: bytes) -> None:
    length = struct.unpack("<Q", saved[:8])[0]
    header, data = json.loads(saved[8 : 8 + length]), saved[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    for name in names:
        entry = header[name]
        refused(tmp_path / "hostile.safetensors", make(header | {name: entry | {"shape": [*entry["shape"], 1]}}, data))
        refused(tmp_path / "hostile.safetensors", make(header | {name: entry | {"dtype": "I32"}}, data))
        renamed = {("x" if other == name else other): value for other, value in header.items()}
        refused(tmp_path / "hostile.safetensors", make(renamed, data))


def test_refused_weights_leave_the_model_as_it_was(tmp_path: Path) -> None:
    net, path = model(), tmp_path / "w.safetensors"
    before = net.get_weights()
    other = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(4), pydl.layers.Dense(2)])
    other.save_weights(path)
    with pytest.raises(FormatError, match="load the file into the model it was saved from"):
        net.load_weights(path)
    for a, b in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_files(tmp_path: Path, saved: bytes, data: st.DataObject) -> None:
    """Bits flipped and bytes cut off, added or moved: the file loads or is a FormatError."""
    content = bytearray(saved)
    header = 8 + struct.unpack("<Q", saved[:8])[0]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(header, len(content)) - 1)) if content else 0
        match data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "digit"])):
            case "flip" if content:
                content[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del content[data.draw(st.integers(0, len(content))) :]
            case "insert":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
            case "remove":
                del content[place : place + data.draw(st.integers(1, 9))]
            case "digit":
                digits = [i for i in range(8, min(header, len(content))) if content[i] in b"0123456789"]
                if digits:
                    content[data.draw(st.sampled_from(digits))] = ord(data.draw(st.sampled_from("0123456789")))
    path = tmp_path / "fuzzed.safetensors"
    path.write_bytes(content)
    begin = time.monotonic()
    with contextlib.suppress(FormatError):
        pydl.models.load_model(path)
    assert time.monotonic() - begin < SECONDS
