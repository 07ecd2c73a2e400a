"""A system that starts no more threads (`ulimit -u`): one goes on, with a warning; OpenMP would end the process."""

from __future__ import annotations

from tests.process import python

# What is imported later must have been before: the other user may not read the folder of this Python.
REFUSED = """
import os, resource, warnings
import numpy as np
import pydl

def trained(threads):
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential([pydl.Input((256,)), pydl.layers.Dense(512, "relu"), pydl.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(2048, 256)).astype("float32")
    pydl.config.set_num_threads(threads)
    model.fit(x, x[:, :1], batch_size=1024, epochs=2, verbose=0)
    return model.predict(x[:4], verbose=0).tobytes().hex()

alone = trained(1)
if os.geteuid() == 0:  # whom no limit binds
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    refused = trained(4)
print(alone == refused, *(warning.message for warning in told))
"""


def test_refused_threads() -> None:
    done = python(REFUSED, timeout=120)
    assert done.returncode == 0, done.stderr
    same, _, warning = done.stdout.partition(" ")
    assert same == "True"
    assert warning.startswith("the system refuses to start 4 threads: going on with one")
    assert warning.count("the system refuses") == 1
