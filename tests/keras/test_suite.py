"""The runner of Keras's tests, on a source of four cases of its own."""

from __future__ import annotations

from pathlib import Path

from tests.keras.suite import run_room

FILE = """
import tensorflow as tf
from keras.src import layers, testing
from keras.src.losses.losses import MeanSquaredError
from keras.src.quantizers.quantizers import AbsMaxQuantizer


class LossTest(testing.TestCase):
    def test_passes(self):
        self.assertAllClose(MeanSquaredError()([[1.0]], [[3.0]]), 4.0)
        self.run_layer_test(layers.Dense, {"units": 2}, input_shape=(3, 4), expected_output_shape=(3, 2))

    def test_fails(self):
        layers.NoSuchLayer()

    def test_is_skipped(self):
        tf.constant(1.0)

    def test_quantized(self):
        AbsMaxQuantizer()
"""


def test_outcomes_of_a_room(tmp_path: Path) -> None:
    for name in ("losses/losses", "quantizers/quantizers", "layers/layer", "testing/test_case"):
        path = tmp_path / "keras" / "src" / f"{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text("")
    (tmp_path / "keras" / "src" / "losses" / "losses_test.py").write_text(FILE)
    found = {name.rpartition(".")[2]: (outcome, line) for name, outcome, line in run_room(tmp_path, "losses")}
    assert found["test_passes"] == ("passed", "")
    assert found["test_fails"] == ("failed", "NotImplementedError: pydl has no layers.NoSuchLayer")
    assert found["test_is_skipped"][0] == "skipped"
    assert found["test_quantized"][0] == "apart"
