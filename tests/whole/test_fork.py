"""Forks: a child of a process that has run parallel regions can run its own, with the same bits.

1,000 forks per case: PYDL_TEST_FORKS=1000 pytest tests/whole/test_fork.py.
"""

import os

import pytest

from tests.process import says

pytestmark = pytest.mark.long  # starts many processes; test_threads stays

FORKS = int(os.environ.get("PYDL_TEST_FORKS", "25"))

SETUP = """
import hashlib, os, signal, sys, threading
import numpy as np
import pydl

def make():
    pydl.utils.set_random_seed(1)
    layers = pydl.layers
    net = pydl.Sequential([pydl.Input((64,)), layers.Dense(256, "relu"), layers.Dropout(0.2), layers.Dense(64)])
    net.compile("adam", "mse")
    net.plan(256)  # draws the model's seed, the same for models made alike
    return net

X = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)

def bits(net):
    return hashlib.sha256(net.predict(X, batch_size=256).tobytes()).hexdigest()

def train(net):
    loss = net.train_on_batch(X, X)
    return hashlib.sha256(b"".join(w.tobytes() for w in net.get_weights())).hexdigest(), loss
"""

# argv: threads, forks, where. The parent runs a region before each fork, and one after all of them.
FORK = (
    SETUP
    + """
threads, forks, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
pydl.config.set_num_threads(threads)
net, twin = make(), make()
assert net.plan(256, "predict").threads == net.plan(256).threads == threads
expected = bits(net), train(twin)

def child():
    signal.alarm(30)  # ends a child that hangs
    same = bits(net) == expected[0] and train(net) == expected[1] and net.plan(256).threads == threads
    os._exit(0 if same else 1)

def fork(results):
    for _ in range(forks):
        assert bits(net) == expected[0]
        pid = os.fork()
        if pid == 0:
            child()
        results.append(os.waitpid(pid, 0)[1])

stop = threading.Event()

def keep_training(other):
    while not stop.is_set():
        other.fit(X, X, batch_size=64, epochs=20, verbose=0)

trainers = [threading.Thread(target=keep_training, args=(make(),)) for _ in range(3 if where == "training" else 0)]
for t in trainers:
    t.start()
results = []
if where == "thread":
    second = threading.Thread(target=fork, args=(results,))
    second.start()
    second.join()
else:
    fork(results)
stop.set()
for t in trainers:
    t.join()
assert bits(net) == expected[0]
hangs = sum(os.WIFSIGNALED(r) and os.WTERMSIG(r) == signal.SIGALRM for r in results)
other = sum(r != 0 for r in results) - hangs
print(len(results), hangs, other)
"""
)


@pytest.mark.parametrize("where", ["main", "thread", "training"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_children_run_with_their_parents_bits(threads: int, where: str) -> None:
    timeout = 60 + FORKS
    forks, hangs, other = says(FORK, threads, FORKS, where, timeout=timeout, PYTHONWARNINGS="ignore").split()
    assert int(forks) == FORKS
    assert (hangs, other) == ("0", "0")


POOL = (
    SETUP
    + """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def work(_):
    net = make()
    return bits(net), train(net)

if __name__ == "__main__":
    net = make()
    expected = bits(net), train(net)
    with ProcessPoolExecutor(2, multiprocessing.get_context(sys.argv[1])) as pool:
        results = list(pool.map(work, range(6)))
    assert results == [expected] * 6
    print("done")
"""
)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(tmp_path, "program.py")  # spawned workers import it
    with open(program, "w") as f:
        f.write(POOL)
    run = f"import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path({program!r}, run_name='__main__')"
    assert says(run, program, method, PYTHONWARNINGS="ignore") == "done\n"
