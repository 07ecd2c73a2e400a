"""The loss of sequences of labels whose times are not known."""

import itertools
from typing import Any

import numpy as np
import pytest

import pydl

LABELS = np.array([[1, 2, 0], [1, 1, 0], [3, 0, 0], [2, 3, 2], [0, 0, 0]])


def _by_all_paths(labels, logits):
    """-log of the sum over all paths that name these labels."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        named = [k for k, _ in itertools.groupby(path) if k]
        if named == [k for k in labels if k]:
            total += np.prod([p[t, k] for t, k in enumerate(path)])
    return -np.log(total)


def test_ctc_is_the_sum_over_all_paths_and_knows_its_gradient():
    logits = np.random.default_rng(0).normal(size=(5, 5, 4))
    loss = pydl.losses.CTC(reduction="none")
    wanted = [_by_all_paths(t, y) for t, y in zip(LABELS, logits, strict=True)]
    np.testing.assert_allclose(loss.call(LABELS, logits), wanted, rtol=1e-12)
    assert pydl.losses.CTC(dtype="float64")(LABELS, logits) == pytest.approx(np.mean(wanted), rel=1e-12)
    shares = np.array([1.0, -2.0, 0.5, 3.0, 1.5])
    slope = loss.pullback(LABELS, logits, shares)
    for at in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[at] = 1e-5
        ends = [(loss.call(LABELS, logits + sign * step) * shares).sum() for sign in (1, -1)]
        assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-8)
    found = pydl.ops.ctc_loss(LABELS[:2], logits[:2], [2, 2], [5, 3], mask_index=0)
    np.testing.assert_allclose(found, [wanted[0], _by_all_paths(LABELS[1], logits[1, :3])], rtol=1e-12)
    assert loss.call([[1, 1]], np.zeros((1, 2, 3)))[0] == np.inf  # there is no blank between
    with pytest.raises(ValueError, match="labels from 0 to 3"):
        loss.call([[4, 0]], logits[:1])
    with pytest.raises(ValueError, match="ctc"):
        loss.call(LABELS[0], logits)


def test_ctc_trains_a_model(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype(np.float32)
    labels = np.random.default_rng(1).integers(1, 4, (8, 2))
    model = pydl.Sequential([pydl.Input((6, 3)), pydl.layers.Conv1D(8, 3, padding="same", activation="tanh"),
                             pydl.layers.Dense(4)])  # fmt: skip
    model.compile(pydl.optimizers.Adam(0.03), pydl.losses.CTC())
    logits = model.predict(x)
    before = model.evaluate(x, labels, verbose=0)
    assert before == pytest.approx(
        np.mean([_by_all_paths(t, y) for t, y in zip(labels, logits, strict=True)]), rel=1e-5
    )
    model.fit(x, labels, epochs=20, verbose=0)
    assert model.evaluate(x, labels, verbose=0) < before / 2
    model.save(tmp_path / "m.keras")
    assert pydl.models.load_model(tmp_path / "m.keras").evaluate(x, labels, verbose=0) == pytest.approx(
        model.evaluate(x, labels, verbose=0)
    )


def test_ctc_loss_within_code_is_differentiated():
    class Endpoint(pydl.layers.Layer):
        def call(self, t, y):
            self.add_loss(pydl.ops.mean(pydl.ops.ctc_loss(t, y, np.full(len(t), 2), np.full(len(t), 6))))
            return y

    x, t = pydl.Input((6, 3), name="x"), pydl.Input((2,), name="t")
    logits = pydl.layers.Dense(4)(x)
    model = pydl.Model([x, t], Endpoint()(t, logits))
    model.compile("sgd")
    data = {"x": np.random.default_rng(0).normal(size=(8, 6, 3)).astype(np.float32), "t": np.tile([1, 2], (8, 1))}
    plain = pydl.Model(x, logits)
    plain.compile("sgd", pydl.losses.CTC())
    loss, gradients = model.loss_and_gradients(data, None)
    wanted, right = plain.loss_and_gradients(data["x"], data["t"])
    assert loss == pytest.approx(wanted, rel=1e-5)
    for a, b in zip(gradients.values(), right.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": [[1, 3]]}, "labels from 0 to 2"), ({"target_length": [3]}, "target_length"),
        ({"output_length": [0]}, "output_length"), ({"output_length": [5]}, "output_length"),
        ({"output_length": [4, 4]}, "output_length"), ({"mask_index": 3}, "mask_index"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    given = {"target": [[1, 2]], "output": np.zeros((1, 4, 3)), "target_length": [2], "output_length": [4]}
    assert np.isfinite(pydl.ops.ctc_loss(**given)).all()
    with pytest.raises(ValueError, match=message):
        pydl.ops.ctc_loss(**{**given, **change})
    beyond = {**given, "target": [[1, 99]], "target_length": [1]}
    assert np.isfinite(pydl.ops.ctc_loss(**beyond)).all()


def test_a_zero_among_labels_counts_as_one() -> None:
    logits = (np.arange(24).reshape(2, 4, 3).astype("float32") - 12) / 100
    loss = pydl.losses.CTC()([[1, 2, 1, 0], [1, 2, 0, 2]], logits)
    assert loss == pytest.approx(2.448645)  # as Keras 3.15
