"""A model without a core, whose fit follows the trainer's protocol with callbacks: fast, and exact to predict."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pydl import saving
from pydl._training.state import FitState
from pydl.callbacks import Callback, CallbackList, History


class FakeVariable:
    def __init__(self, path: str, value: Any) -> None:
        self.path = path
        self.trainable = True
        self._value = np.array(value, np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> str:
        return self._value.dtype.name

    def numpy(self) -> np.ndarray:
        return self._value.copy()

    def assign(self, value: Any) -> None:
        self._value[...] = value


class FakeOptimizer:
    optimizers = ()

    @property
    def schedule(self) -> Any:
        return self.learning_rate if callable(self.learning_rate) else None

    def __init__(self, learning_rate: Any = 0.5) -> None:
        self.batches = 0
        self.learning_rate = learning_rate
        self.state_variables: list[FakeVariable] = []

    @property
    def iterations(self) -> int:
        return self.batches

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.batches = value

    def prepare(self, variables: list[FakeVariable]) -> None:
        self.build(variables)

    def build(self, variables: list[FakeVariable]) -> None:
        if not self.state_variables:
            self.state_variables = [FakeVariable(f"optimizer/m/{v.path}", np.zeros(v.shape)) for v in variables]


class FakeModel:
    """Its weight after each batch is a function of the weight before, the slot, the rate and the draws.

    Parameters
    ----------
    script : dict of str to list of float
        What each epoch logs at its end, besides the loss.
    chunk : int
        Batches run at a stretch, where no callback asks for fewer.
    """

    def __init__(self, script: dict[str, list[float]] | None = None, chunk: int = 4, learning_rate: Any = 0.5) -> None:
        self.script = script or {}
        self.chunk = chunk
        self.weights = [FakeVariable("dense/kernel", [[1.0, 2.0]]), FakeVariable("dense/bias", [0.0, 0.5])]
        self.optimizer = FakeOptimizer(learning_rate)
        self.stop_training = False
        self.fit_state: Any = None
        self._runner = SimpleNamespace(seed=7)
        self.poison_at: tuple[int, int] | None = None
        self.crash_at: tuple[int, int] | None = None
        self.chunks: list[int] = []

    @property
    def trainable_variables(self) -> list[FakeVariable]:
        return self.weights

    def as_made(self, trainable: bool = False) -> list[FakeVariable]:
        return self.weights

    def name_variables(self) -> None:
        """Their paths are fixed."""

    def get_weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        for variable, value in zip(self.weights, weights, strict=True):
            variable.assign(value)

    def first_nonfinite(self) -> str | None:
        return next((v.path for v in self.weights if not np.isfinite(v.numpy()).all()), None)

    def save(self, path: str) -> None:
        self.save_weights(path)

    def save_weights(self, path: str | Path) -> None:
        saving.save_weights(self, path)  # type: ignore[arg-type]

    def _step(self, epoch: int, step: int) -> None:
        if (epoch, step) == self.crash_at:
            raise KeyboardInterrupt
        state, optimizer = self.fit_state, self.optimizer
        noise = np.random.default_rng((state.seed, state.draws)).normal()
        for variable, slot in zip(self.weights, optimizer.state_variables, strict=True):
            slot.assign(0.9 * slot.numpy() + noise)
            variable.assign(variable.numpy() - 0.01 * optimizer.learning_rate * slot.numpy())
        if (epoch, step) == self.poison_at:
            self.weights[0].assign(np.nan)
        state.draws += 1
        optimizer.batches += 1
        total, count = state.totals.get("loss", (0.0, 0.0))
        state.totals["loss"] = (total + float(self.weights[0].numpy().sum()), count + 1.0)

    def fit(
        self,
        callbacks: list[Callback] | Callback | None = None,
        epochs: int = 3,
        steps: int = 10,
        verbose: Any = 0,
    ) -> History:
        listed = CallbackList(
            callbacks, add_history=True, add_progbar=True, model=self, epochs=epochs, steps=steps, verbose=verbose
        )
        self.optimizer.build(self.trainable_variables)
        self.stop_training = False
        self.fit_state = FitState(seed=self._runner.seed)
        listed.on_train_begin()
        logs: dict[str, float] = {}
        while self.fit_state.epoch < epochs and not self.stop_training:
            epoch, step = self.fit_state.epoch, self.fit_state.step
            listed.on_epoch_begin(epoch)
            while step < steps and not self.stop_training:
                stop = 1 + step if listed.per_batch else min(step + self.chunk, steps, listed.next_stop(step) or steps)
                if listed.per_batch:
                    listed.on_train_batch_begin(step)
                for i in range(step, stop):
                    self._step(epoch, i)
                self.chunks.append(stop - step)
                step = self.fit_state.step = stop
                logs = self._logs()
                if listed.per_batch:
                    listed.on_train_batch_end(step - 1, logs)
                listed.on_chunk_end(step, logs)
            logs = self._logs() | {name: values[epoch] for name, values in self.script.items()}
            listed.on_epoch_end(epoch, logs)
            self.fit_state.epoch, self.fit_state.step, self.fit_state.totals = epoch + 1, 0, {}
        listed.on_train_end(logs)
        history = listed.history
        assert history is not None
        return history

    def _logs(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self.fit_state.totals.items()}
