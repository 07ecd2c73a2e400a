"""Memory: what a training run takes beyond its data, and that models leave nothing behind."""

from __future__ import annotations

import json

import pytest

from tests.process import says

# argv: optimizer, batch, inputs, hidden units. Prints the bytes that a run took at its peak beyond its data, and those
# of what it has to hold. The last batch is a short one, and there is validation.
TRAINING = """
import json, sys
import numpy as np
import pydl
from pydl import layers as L

def status(name):
    with open("/proc/self/status") as f:
        return 1024 * next(int(line.split()[1]) for line in f if line.startswith(name))

def train(inputs, units, x, y, batch):
    model = pydl.Sequential([pydl.Input((inputs,)), *(L.Dense(u, "relu") for u in units), L.Dense(10)])
    model.compile(sys.argv[1], "mse", ["mae"])
    model.fit(x, y, batch_size=batch, epochs=2, verbose=0, validation_data=(x[:batch], y[:batch]))
    model.predict(x[:batch], batch_size=batch)
    return model

def data(rows, inputs):
    return np.ones((rows, inputs), np.float32), np.ones((rows, 10), np.float32)

train(3, [4], *data(5, 3), 2)  # code, threads and what NumPy keeps are there from now on
batch, inputs, *units = map(int, sys.argv[2:])
x, y = data(2 * batch + batch // 3, inputs)
before = status("VmRSS")
model = train(inputs, units, x, y, batch)
weights = 4 * model.count_params()
slots = sum(4 * v.size for v in model.optimizer.state_variables)
activations = 4 * batch * (inputs + sum(units) + 10)
print(json.dumps([status("VmHWM") - before, 2 * weights + slots + activations]))
"""

NETS = {"many weights": (512, 1024, 1536, 1536, 1024), "many rows": (8192, 784, 256)}


@pytest.mark.long  # a process with a large net each
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("net", NETS)
def test_peak_of_a_training_run(optimizer: str, net: str) -> None:
    """At most 1.3 times weights, gradients, optimizer slots and the activations of one batch."""
    peak, needed = json.loads(says(TRAINING, optimizer, *NETS[net]))
    assert needed > 30e6, "large against the interpreter's noise"
    assert peak <= 1.3 * needed


# Prints the resident bytes after 1,000, 2,000, ... 10,000 models, and the seconds for one of them. A model is a cycle
# of references; how many wait for the collector, half a megabyte at most, depends on when it last ran.
CYCLES = """
import gc, json, time
import numpy as np
import pydl
from pydl import layers as L

with open("/proc/self/statm") as f:
    def resident():
        f.seek(0)
        return 4096 * int(f.read().split()[1])

    x, y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
    sizes, begin = [], time.perf_counter()
    for i in range(1, 10_001):
        model = pydl.Sequential([pydl.Input((4,)), L.Dense(8, "relu"), L.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y, verbose=0)
        del model
        if i % 1000 == 0:
            gc.collect()
            sizes.append(resident())
    print(json.dumps([sizes, (time.perf_counter() - begin) / i]))
"""


@pytest.mark.long  # fewer models would hide a small leak; nothing shorter looks for one
def test_ten_thousand_models_leave_nothing_behind(record_property: pytest.RecordProperty) -> None:
    sizes, seconds = json.loads(says(CYCLES, timeout=240))
    record_property("seconds per cycle of create, fit, delete", seconds)
    # the allocators' arenas settle within the first 2,000; of 8,000 more, 32 leaked bytes each would be 0.25 MB
    assert max(sizes[2:]) - sizes[1] <= 0.25e6, sizes
