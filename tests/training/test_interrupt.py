"""Ctrl-C: KeyboardInterrupt within 200 ms out of fit, evaluate and predict, between two steps, the model usable."""

import json
import statistics

import pytest

from tests.process import says

pytestmark = pytest.mark.alone

# argv: method. Interrupts it several times, each after another while, and prints the seconds until the exception.
SCRIPT = """
import json, os, signal, sys, threading, time
import numpy as np
import pydl

def make():
    pydl.utils.set_random_seed(1)
    net = pydl.Sequential([pydl.Input((100,)), pydl.layers.Dense(200, "relu"), pydl.layers.Dense(1)])
    net.compile("adam", "mse")
    return net

net = make()
x = np.random.default_rng(0).normal(size=(19_200, 100)).astype(np.float32)
y = x[:, :1]

run = {
    "fit": lambda: net.fit(x, y, batch_size=64, epochs=1000, verbose=0, shuffle=False),
    "evaluate": lambda: [net.evaluate(x, y, batch_size=64, verbose=0) for _ in range(1000)],
    "predict": lambda: [net.predict(x, batch_size=64) for _ in range(1000)],
}[sys.argv[1]]

sent = 0.0

def interrupt(delay):
    global sent
    time.sleep(delay)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

seconds, first = [], None
for delay in (0.4, 0.1, 0.15, 0.23, 0.31):
    thread = threading.Thread(target=interrupt, args=(delay,))
    try:
        thread.start()
        run()
    except KeyboardInterrupt:
        seconds.append(time.perf_counter() - sent)
    thread.join()
    if first is None:
        first = int(net.optimizer.iterations), net.get_weights()

if sys.argv[1] == "fit":  # the first interrupt left the weights after a whole number of steps
    steps, weights = first
    epochs, rest = divmod(64 * steps, len(x))
    assert steps > 5
    twin = make()
    twin.fit(x, y, batch_size=64, epochs=epochs, verbose=0, shuffle=False)
    if rest:
        twin.fit(x[:rest], y[:rest], batch_size=64, verbose=0, shuffle=False)
    for a, b in zip(twin.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
assert np.isfinite(net.predict(x[:100])).all()
net.fit(x[:640], y[:640], batch_size=64, verbose=0)
print(json.dumps(seconds))
"""


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_interrupts_come_through(method: str) -> None:
    seconds = json.loads(says(SCRIPT, method))
    assert len(seconds) == 5
    # The promise is 200 ms on a machine that is not busy otherwise; a single late one says more of the machine.
    assert statistics.median(seconds) <= 0.2
