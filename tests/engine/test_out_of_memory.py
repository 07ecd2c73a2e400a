"""Every allocation that fails is a MemoryError, after which the same model gives the bits that it would have given."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process import says

pytestmark = pytest.mark.long  # thousands of small models; test_no_memory.c stays, for what plans allocate

# Arguments: whose allocations fail, "python" or "malloc"; the action; a folder for its file.
PROGRAM = """
import ctypes, faulthandler, gc, sys
import numpy as np
import pydl

faulthandler.enable()
allocator, action, file = sys.argv[1], sys.argv[2], sys.argv[3] + "/net.safetensors"
if allocator == "python":
    import _testcapi
    arm, disarm = lambda n: _testcapi.set_nomemory(n, n + 1), _testcapi.remove_mem_hooks
else:
    shim = ctypes.CDLL(None)
    shim.failing_malloc_arm.argtypes = [ctypes.c_long]
    arm, disarm = lambda n: shim.failing_malloc_arm(n + 1), lambda: shim.failing_malloc_arm(0)

class Doubled(pydl.layers.Layer):
    def call(self, x):
        return 2 * x
    def backward(self, x, y, dy):
        return 2 * dy

rng = np.random.default_rng(0)
x, t = rng.normal(size=(40, 300)).astype(np.float32), rng.normal(size=(40, 2)).astype(np.float32)

def build():
    pydl.utils.set_random_seed(1)
    layers = [pydl.layers.Dense(200, "relu"), Doubled(), pydl.layers.Dense(2)]
    net = pydl.Sequential([pydl.Input((300,)), *layers])
    net.compile("adam", "mse", metrics=["mae"])
    return net

def load():
    return pydl.models.load_model(file, {"Doubled": Doubled})

def fit(net):
    net.fit(x, t, batch_size=16, epochs=2, verbose=0, shuffle=False)

def results(net):
    "What the net gives when it is trained from the start, with whatever it keeps from before."
    net.set_weights(start)
    for slot in net.optimizer.state_variables:
        slot.assign(np.zeros(slot.shape))
    net.optimizer.batches = 0
    fit(net)
    return [*net.get_weights(), net.predict(x, batch_size=16), net(x)]

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096

run = {
    "build": lambda net: build(),
    "fit": fit,
    "predict": lambda net: (net.predict(x, batch_size=16), net(x[:3]), net(x[:3])),
    "evaluate": lambda net: net.evaluate(x, t, verbose=0),
    "save": lambda net: net.save(file),
    "load": lambda net: load(),
}[action]
start = build().get_weights()
expected = results(build())
build().save(file)
run(build())  # whatever is imported on the way

def attempt(n):
    "Whether the action failed where its allocation n did."
    net, made, raised = build(), None, False
    arm(n)
    try:
        made = run(net)
    except MemoryError:
        raised = True
    finally:
        disarm()
    for model in (made if isinstance(made, pydl.Model) else net, load()):  # a file is there whole, old or new
        assert all(map(np.array_equal, results(model), expected)), n
    return raised

n = raised = fine = 0
before = None
while fine < 40:  # so many on end that nothing failed: it asks for no more
    fine = 0 if attempt(n) else fine + 1
    raised += fine == 0
    if n == 100:
        before = resident()
    n += 1 if n < 300 else 37
assert before is None or resident() - before < 64 << 20, "leaked"  # of each model: a megabyte
print(raised)
"""
ALONE = {"PYDL_NUM_THREADS": "1"}  # no waiting for threads on a busy machine, thousands of times
ACTIONS = ["build", "fit", "predict", "evaluate", "save", "load"]


@pytest.mark.parametrize("action", ACTIONS)
def test_memory_of_python(action: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("_testcapi") is None:
        pytest.skip("this Python was installed without _testcapi, which lets its allocations fail")
    assert int(says(PROGRAM, "python", action, tmp_path, timeout=900, **ALONE)) > 0


@pytest.mark.parametrize("action", ACTIONS)
def test_memory_of_c(action: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: it makes the library that lets allocations fail")
    source, library = Path(__file__).parents[1] / "c/failing_malloc.c", tmp_path / "failing_malloc.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    assert int(says(PROGRAM, "malloc", action, tmp_path, timeout=900, **ALONE, LD_PRELOAD=str(library))) > 0
