"""A save that is killed, or meets a full disk or a size limit, leaves a file that loads."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pydl._base import safetensors

KILLS = 20

SAVE_LOOP = """
import sys
from pathlib import Path
import numpy as np
from pydl._base import safetensors
path, i = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    i += 1
    value = np.full(200_000, i, np.float32)
    safetensors.write(path, {"a": value, "b": value}, {"i": str(i)})
    print(i, flush=True)
"""


def write(path: Path, value: float, size: int = 1000) -> None:
    safetensors.write(path, {"a": np.full(size, value, np.float32)}, {"value": str(value)})


def load(path: Path) -> dict[str, np.ndarray]:
    with safetensors.Reader(path) as reader:
        return {name: reader.read(name) for name in reader.tensors}


def test_killed_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    moments = random.Random(1)
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", SAVE_LOOP, str(path)], stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            for _ in range(moments.randrange(8)):  # writes to let pass, then some of the next one
                process.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.005))
            process.kill()
        if path.exists():
            arrays = load(path)
            assert arrays["a"].min() == arrays["a"].max() == arrays["b"].min() == arrays["b"].max()
    unfinished = [name for name in os.listdir(tmp_path) if name != path.name]
    assert len(unfinished) > 2, "hardly a kill fell into the writing of a file: this run proved nothing"


def test_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    write(path, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(path, 2, 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load(path)["a"][0] == 1
    assert os.listdir(tmp_path) == [path.name]


@contextmanager
def full_folder(folder: Path) -> Iterator[Path]:
    """A folder on a file system of one megabyte, if this process may mount one."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or not mount or not umount:
        pytest.skip("mounting a small file system needs root")
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run([umount, str(folder)], check=True)


def test_full_disk(tmp_path: Path) -> None:
    with full_folder(tmp_path / "full") as folder:
        path = folder / "m.safetensors"
        write(path, 1)
        with pytest.raises(OSError, match="No space left"):
            write(path, 2, 1_000_000)
        assert load(path)["a"][0] == 1
        assert os.listdir(folder) == [path.name]


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="device"):
        write(path, 1)
    assert path.is_symlink()
    assert os.listdir(tmp_path) == [path.name]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "m.safetensors", 1)


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    path = tmp_path / "m.safetensors"
    write(path, 1)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    path.chmod(0o640)
    write(path, 2)
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_written_is_what_safetensors_reads(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    arrays = {
        "scalar": np.float64(3.5).reshape(()),
        "empty": np.empty((0, 3), np.float32),
        "columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">f4"),
    }
    path = tmp_path / "m.safetensors"
    safetensors.write(path, arrays, {"key": "value"})
    theirs, ours = load_file(path), load(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(ours[name], array)
        np.testing.assert_array_equal(theirs[name], array)
        assert ours[name].shape == array.shape
