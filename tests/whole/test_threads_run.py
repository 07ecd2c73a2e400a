"""Threads at run time: limits are obeyed, runs at once do not disturb each other, nothing spins when idle."""

import importlib.util
import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import pydl
from pydl import _core
from tests.process import says

pytestmark = [pytest.mark.long, pytest.mark.alone]  # processes that are alone on the machine; test_threads stays

X = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)


@pytest.fixture(autouse=True)
def two_threads() -> Any:
    pydl.config.set_num_threads(2)
    yield
    pydl.config.set_num_threads(None)


def make() -> Any:
    pydl.utils.set_random_seed(3)
    net = pydl.Sequential([pydl.Input((64,)), pydl.layers.Dense(256, "gelu"), pydl.layers.Dense(64)])
    net.compile("adam", "mse")
    net.plan(128)  # draws the model's seed: models made alike train alike, whatever runs in between
    return net


def train(net: Any, epochs: int = 20) -> list[bytes]:
    net.fit(X, X, batch_size=128, epochs=epochs, verbose=0)
    return [w.tobytes() for w in net.get_weights()]


def test_two_runs_at_once() -> None:
    expected = train(make())
    assert make().plan(128).threads == 2
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(train, [make() for _ in range(8)]):
            assert result == expected


def test_predict_from_many_threads() -> None:
    net = make()
    expected = {n: net.predict(X[:n], batch_size=128).tobytes() for n in (1, 7, 130, 512)}

    def work(k: int) -> bool:
        sizes = np.random.default_rng(k).choice(list(expected), 20)
        return all(net.predict(X[:n], batch_size=128).tobytes() == expected[n] for n in sizes)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(64)))


def test_fit_of_a_model_in_use() -> None:
    net, met = make(), []

    def again(batch: int, logs: Any) -> None:
        for method in (net.fit, net.train_on_batch, net.gradients):
            with pytest.raises(RuntimeError, match="is being trained already") as error:
                method(X, X)
            met.append(error)

    net.fit(X, X, batch_size=512, callbacks=[pydl.callbacks.LambdaCallback(on_train_batch_end=again)], verbose=0)
    assert len(met) == 3


def test_threadpoolctl_is_obeyed() -> None:
    net = make()
    expected = net.predict(X, batch_size=128)
    pydl.config.set_num_threads(None)
    with threadpool_limits(1):
        assert pydl.config.get_num_threads() == 1
        assert net.plan(128).threads == 1
        np.testing.assert_array_equal(net.predict(X, batch_size=128), expected)


TRAIN = """
import os, sys, time
cpus = [int(c) for c in sys.argv[1].split(",") if c]
if cpus:
    os.sched_setaffinity(0, cpus)
import json
import numpy as np
import pydl

x = np.random.default_rng(0).normal(size=(2048, 64)).astype(np.float32)
net = pydl.Sequential([pydl.Input((64,)), pydl.layers.Dense(256, "relu"), pydl.layers.Dense(64)])
net.compile("adam", "mse")
before = len(os.listdir("/proc/self/task"))
net.fit(x, x, batch_size=128, verbose=0)
cpu, wall = time.process_time(), time.perf_counter()
while time.perf_counter() - wall < 0.5:
    net.fit(x, x, batch_size=128, epochs=10, verbose=0)
busy = (time.process_time() - cpu) / (time.perf_counter() - wall)
time.sleep(0.1)
cpu, wall = time.process_time(), time.perf_counter()
time.sleep(0.5)
idle = (time.process_time() - cpu) / (time.perf_counter() - wall)
print(json.dumps({"threads": net.plan(128).threads, "more": len(os.listdir("/proc/self/task")) - before,
                  "busy": busy, "idle": idle}))
"""


def run(cpus: str = "", **environment: str) -> dict[str, float]:
    result: dict[str, float] = json.loads(says(TRAIN, cpus, **environment))
    return result


def test_one_cpu_means_one_thread() -> None:
    result = run(str(min(os.sched_getaffinity(0))))
    assert (result["threads"], result["more"]) == (1, 0)
    assert result["busy"] <= 1.05


def test_one_thread_by_environment() -> None:
    # NumPy's OpenBLAS would spin on its second thread for some 30 ms after it starts.
    result = run(PYDL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    assert (result["threads"], result["more"]) == (1, 0)
    assert result["busy"] <= 1.05


def test_nothing_spins_when_idle() -> None:
    result = run()
    assert result["more"] == result["threads"] - 1
    assert result["idle"] <= 0.05


# argv: what to import before pydl, what after it; both run something parallel of their own on either side of ours.
BESIDE = """
import hashlib, sys
import numpy as np

def use(module):
    if module == "torch":
        import torch
        a = torch.ones(400, 400)
        assert float((a @ a).sum()) == 400.0 ** 3
    elif module == "sklearn":
        from sklearn.ensemble import HistGradientBoostingClassifier
        x = np.random.default_rng(0).normal(size=(2000, 5))
        HistGradientBoostingClassifier(max_iter=3).fit(x, x[:, 0] > 0)

use(sys.argv[1])
import pydl
use(sys.argv[1])
pydl.config.set_num_threads(2)
pydl.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)
net = pydl.Sequential([pydl.Input((64,)), pydl.layers.Dense(256, "gelu"), pydl.layers.Dense(64)])
net.compile("adam", "mse")
for _ in range(3):
    net.fit(x, x, batch_size=128, epochs=3, verbose=0)
    use(sys.argv[1])
    use(sys.argv[2])
print(hashlib.sha256(b"".join(w.tobytes() for w in net.get_weights())).hexdigest())
"""


@pytest.mark.parametrize("other", ["torch", "sklearn"])
def test_beside_another_runtime(other: str) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f'{other} is not installed: pip install "pydl[bench]"')
    assert says(BESIDE, other, "") == says(BESIDE, "", other) == says(BESIDE, "", "")


@pytest.mark.parametrize("nth", [1, 2])
def test_subnormal_numbers_are_zero_in_a_run_and_nowhere_else(nth: int) -> None:
    tiny = np.float32(1e-40)
    g, w, s0, s1 = (np.zeros(4096, np.float32) for _ in range(4))
    s0 += tiny
    seen: list[bool] = []
    plan = _core.Plan("float32")
    plan.emit("opt_adam_step", w=w, g=g, s0=s0, s1=s1, n=w.size, a=0.9, b=0.999, eps=1e-7)
    plan.emit_python("halve", lambda: seen.append(tiny / np.float32(2) > 0), [], [])
    plan.run(3, 1, coefs=np.full((3, 8), 1e-3), nth=nth)
    assert not s0.any(), "the first moment should have ended"
    assert seen == [True] * 3, "Python records have the caller's mode"
    assert tiny / np.float32(2) > 0, "the caller's mode came back"
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: tiny / np.float32(2) > 0).result()
