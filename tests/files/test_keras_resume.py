"""A run that writes `.keras` files on its way goes on from its backup as it would have without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl

RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(64, 3)).astype("float32") for _ in range(2))


def branched() -> Any:
    """A model whose weights come in another order than its files have them."""
    a = pydl.Input((3,))
    branch = pydl.layers.Dense(3)(pydl.layers.Dense(3)(a))
    model = pydl.Model(a, pydl.layers.Add()([pydl.layers.Dense(3)(a), branch]))
    model.compile(pydl.optimizers.Adam(0.05), "mse")
    return model


class Stop(pydl.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 3:
            raise KeyboardInterrupt


def test_slots_of_a_model_with_branches(tmp_path: Path) -> None:
    pytest.importorskip("h5py")

    def run(*callbacks: Any) -> list[np.ndarray]:
        pydl.utils.set_random_seed(1)
        model = branched()  # whose layers are numbered on from those of the last one
        model.fit(X, Y, epochs=6, batch_size=16, verbose=0, callbacks=list(callbacks))
        return model.get_weights()

    whole = run()
    kept = pydl.callbacks.ModelCheckpoint(str(tmp_path / "c.keras")), pydl.callbacks.BackupAndRestore(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        run(*kept, Stop())
    kept = pydl.callbacks.ModelCheckpoint(str(tmp_path / "c.keras")), pydl.callbacks.BackupAndRestore(tmp_path / "b")
    for mine, theirs in zip(run(*kept), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)


RATES = {
    "a number": 0.01,
    "ExponentialDecay": pydl.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9),
    "CosineDecay": pydl.optimizers.schedules.CosineDecay(0.01, 100),
}
OPTIMIZERS = {
    "SGD": pydl.optimizers.SGD,
    "momentum": lambda rate: pydl.optimizers.SGD(rate, momentum=0.9),
    "Adam": pydl.optimizers.Adam,
    "RMSprop": pydl.optimizers.RMSprop,
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_with_schedules(tmp_path: Path, optimizer: str, rate: str) -> None:
    """A file has a learning rate only where that is a number: a schedule is said by the optimizer's config."""
    h5py = pytest.importorskip("h5py")
    import zipfile

    model = branched()
    model.compile(OPTIMIZERS[optimizer](RATES[rate]), "mse")
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as packed:
        packed.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        stored = [tuple(file[f"optimizer/vars/{i}"].shape) for i in range(len(file["optimizer/vars"]))]
    assert stored[:2].count(()) == (2 if rate == "a number" else 1)
    again = pydl.models.load_model(tmp_path / "m.keras")
    assert again.optimizer.iterations == 4
    assert type(again.optimizer.schedule).__name__ == ("NoneType" if rate == "a number" else rate)
    for m in (model, again):
        m.fit(X, Y, epochs=1, verbose=0, shuffle=False)
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
