"""A save that is killed, or meets a full disk or a size limit, leaves a file that loads."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pydl._base import safetensors
from pydl._base.replacing import replaced

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


@pytest.mark.long  # dozens of processes; the others that are killed stay
def test_killed_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    moments, unfinished = random.Random(1), 0
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
        left = [name for name in os.listdir(tmp_path) if name != path.name]
        assert len(left) <= 1, "what an earlier killed writer left was not removed"
        unfinished += len(left)
    assert unfinished > 2, "hardly a kill fell into the writing of a file: this run proved nothing"
    write(path, 1)
    assert os.listdir(tmp_path) == [path.name]


def test_the_draft_of_a_living_writer_stays(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with replaced(path) as other:
        write(path, 1)
        assert Path(other.name).exists()
        other.write(b"later")
    assert path.read_bytes() == b"later"


def test_two_writers_of_one_path_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda k: write(path, k % 4, 20_000), range(200)):
            assert len(set(load(path)["a"].tolist())) == 1
    assert os.listdir(tmp_path) == [path.name]


def test_links_that_lie_in_wait_are_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "m.safetensors"
    victim.write_text("precious")
    for name in (".m.safetensors.new", "m.safetensors.part", f".m.safetensors.{'0' * 16}.tmp"):
        (tmp_path / name).symlink_to(victim)
    path.symlink_to(victim)
    write(path, 1)
    assert victim.read_text() == "precious"
    assert load(path)["a"][0] == 1
    assert not path.is_symlink()


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    names = [f"part {k}" for k in range(20)]
    written = set()
    for k in range(5):
        path = tmp_path / f"{k}.safetensors"
        random.Random(k).shuffle(names)
        tensors = {name: np.full(3, len(name), np.float32) for name in names}
        safetensors.write(path, tensors, dict.fromkeys(sorted(names), "x"))
        written.add(path.read_bytes())
    assert len(written) == 1


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
