"""Training that is killed and started again, on any number of threads, ends with the bits of an uninterrupted run.

So does what is drawn on the way: orders of rows, dropout, augmentation of images in kernels and in NumPy.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl._base.safetensors import Reader

EPOCHS, BATCH = 4, 32
STEPS = -(-1437 // BATCH)

# argv: folder of the backup (or ""), file for the result, save_freq, how to die: "step N", "epoch end", "after
# SECONDS", "never".
RUN = f"""
import json, os, signal, sys, threading
import pydl
from pydl._engine import program

program.choose_threads = lambda work, limit: limit  # small as the net is: all threads take part

class Kill(pydl.callbacks.Callback):
    def __init__(self, at):
        self.at = at
    def next_stop(self, step):
        stop = self.at - {STEPS} * self.model.fit_state.epoch
        return stop if stop > step else None
    def on_chunk_end(self, step, logs=None):
        if {STEPS} * self.model.fit_state.epoch + step >= self.at:
            os.kill(os.getpid(), signal.SIGKILL)

class KillAtEpochEnd(pydl.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

folder, result, save_freq, how = sys.argv[1:5]
layers = pydl.layers
pydl.utils.set_random_seed(3)
model = pydl.Sequential([
    pydl.Input((8, 8)), layers.Reshape((8, 8, 1)), layers.Rescaling(1 / 16), layers.RandomFlip("vertical"),
    layers.RandomTranslation(0.1, 0.1), layers.RandomRotation(0.02), layers.RandomContrast(0.2, (0, 1)),
    layers.RandomErasing(0.5, value_range=(0, 1)), layers.Flatten(), layers.Dense(40, activation="relu"),
    layers.BatchNormalization(), layers.Dropout(0.4), layers.Dense(10, activation="softmax"),
])
rate = pydl.optimizers.schedules.ExponentialDecay(0.01, decay_steps=20, decay_rate=0.9)
model.compile(optimizer=pydl.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
callbacks = [pydl.callbacks.EarlyStopping("val_accuracy", patience=9, restore_best_weights=True)]
if folder:
    freq = save_freq if save_freq == "epoch" else int(save_freq)
    callbacks.append(pydl.callbacks.BackupAndRestore(folder, save_freq=freq))
if how.startswith("step"):
    callbacks.append(Kill(int(how.split()[1])))
if how == "epoch end":
    callbacks.append(KillAtEpochEnd())
if how.startswith("after"):
    timer = threading.Timer(float(how.split()[1]), die)
    timer.daemon = True
    timer.start()
(x, y), (x_test, y_test) = pydl.datasets.digits.load_data()
history = model.fit(x, y, batch_size={BATCH}, epochs={EPOCHS}, validation_data=(x_test, y_test), callbacks=callbacks,
                    verbose=0)
model.save(result)
print(json.dumps([history.epoch, history.history]))
"""


def run(folder: Path | str, result: Path, save_freq: str = "1", how: str = "never", threads: int = 1) -> Any:
    """Train in a process of its own; its history, or None when it was killed."""
    environment = os.environ | {"PYDL_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", RUN, str(folder), str(result), save_freq, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def content(path: Path) -> tuple[dict[str, bytes], Any]:
    with Reader(path) as reader:
        return {name: reader.read(name).tobytes() for name in reader.tensors}, reader.json("state")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, tuple[dict[str, bytes], Any]]:
    """An uninterrupted run: its history and its saved model."""
    result = tmp_path_factory.mktemp("whole") / "m.safetensors"
    history = run("", result)
    assert np.ptp(history[1]["loss"]) > 0
    return history, content(result)


@pytest.mark.long  # a process each; test_killed_between_the_last_batch_and_the_end_of_an_epoch stays
@pytest.mark.parametrize("save_freq", ["1", "7", "epoch"])
def test_killed_at_random_steps(tmp_path: Path, whole: Any, save_freq: str) -> None:
    result, backup = tmp_path / "m.safetensors", tmp_path / "backup"
    places = sorted(random.Random(int(save_freq) if save_freq != "epoch" else 0).sample(range(1, EPOCHS * STEPS), 4))
    for i, place in enumerate(places):
        assert run(backup, result, save_freq, f"step {place}", threads=1 + i % 2) is None
    assert not result.exists()
    assert run(backup, result, save_freq, threads=2) == whole[0]
    assert content(result) == whole[1]
    assert not backup.exists(), "the backup is removed once fit has ended"


def test_killed_between_the_last_batch_and_the_end_of_an_epoch(tmp_path: Path, whole: Any) -> None:
    """The backup then says that all batches of the epoch are finished; validation and logs are still to come."""
    result, backup = tmp_path / "m.safetensors", tmp_path / "backup"
    for how in ("epoch end", "epoch end"):
        assert run(backup, result, "1", how) is None
    assert run(backup, result) == whole[0]
    assert content(result) == whole[1]


@pytest.mark.long  # up to 41 processes; those that are killed at steps stay
def test_killed_at_random_moments(tmp_path: Path, whole: Any) -> None:
    """Kills that also fall into the writing of a backup."""
    result, backup, moments = tmp_path / "m.safetensors", tmp_path / "backup", random.Random(5)
    kills = 0
    for i in range(40):
        history = run(backup, result, "1", f"after {moments.uniform(0.01, 0.08)}", threads=1 + i % 2)
        if history is not None:
            break
        kills += 1
    else:
        history = run(backup, result)
    assert kills >= 3
    assert history == whole[0]
    assert content(result) == whole[1]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(tmp_path: Path, whole: Any, threads: int) -> None:
    assert run("", tmp_path / "m.safetensors", threads=threads) == whole[0]
    assert content(tmp_path / "m.safetensors") == whole[1]
