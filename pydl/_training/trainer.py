"""Training, evaluating and predicting: the methods of every model."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from pydl._base import check
from pydl._base.args import optional_whole, whole
from pydl._base.errors import memory_errors
from pydl._engine.tracing import packed
from pydl._training import own_steps, passes
from pydl._training.compiled import Compiled
from pydl._training.inputs import open_inputs, open_rows
from pydl._training.runner import Runner
from pydl._training.state import FitState
from pydl.callbacks import CallbackList, History

Array = np.ndarray


class Trainer(Compiled):
    """What turns a graph of layers into something to train; see `Model`."""

    @memory_errors
    def __init__(self, name: str | None, trainable: bool, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.stop_training = False
        self.fit_state = FitState()
        self._runner = Runner(self)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # a model's layers are those of its graph

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along; calls in order first, so that none is met at the end of a long chain."""
        first = {name: vars(self)[name] for name in ("inputs", "calls") if name in vars(self)}
        return first | {name: value for name, value in vars(self).items() if name != "history"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.optimizer is not None:
            self.optimizer.belong(self)

    # -- fit ------------------------------------------------------------------------------------------------------

    @memory_errors
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x, y : array, or list or dict of arrays by input and output
            Or, as `x` alone, a source of `pydl.data`, a `pydl.utils.PyDataset`, another sequence of batches, or an
            iterator over batches, each `(x, y)` or `(x, y, sample_weight)`. Rows of arrays are gathered in C.
        batch_size : int, optional
            Default 32. The last batch of an epoch may be smaller.
        epochs, initial_epoch : int
            Train from `initial_epoch` up to `epochs`.
        verbose : 0, 1, 2 or "auto"
            Nothing, a bar, a line per epoch; "auto": 1 in a terminal or notebook, else 2.
        callbacks : list of Callback, optional
        validation_split : float
            The share of the *last* rows, before shuffling, to keep for validation.
        validation_data : tuple, source or sequence of batches, optional
            `(x, y)` or `(x, y, sample_weight)`. The batches of an iterator are kept in the first validation, and used
            in those that follow.
        shuffle : bool
            Draw a new order of the rows for each epoch, from the model's seed. Those of earlier calls do not recur.
        class_weight : dict, optional
            From class number to weight in the loss; not used in validation. Where several outputs have losses, a dict
            of such dicts by output.
        sample_weight : array, or list or dict of arrays by output, optional
            One array counts for all outputs.
        steps_per_epoch, validation_steps : int, optional
            Batches per epoch, for iterators without end.
        validation_batch_size : int, optional
            Default `batch_size`.
        validation_freq : int or list of int
            Validate after every so many epochs, or after those of these numbers, from 1.

        Returns
        -------
        History
            `.history` has a list with a value per epoch for the loss and each metric.

        Raises
        ------
        ValueError, TypeError
            Data that do not fit the model; a model that is not compiled.
        RuntimeError
            When the model is being trained by another thread.
        KeyboardInterrupt
            On Ctrl-C, between two steps, within about 50 ms; the model stays usable.
        """
        from pydl._training.fit import run_fit  # the loop is a page of its own

        self._require_loss("fit")
        with self._runner.training("fit"):
            self.history = run_fit(
                self, x, y, batch_size=check.batch_size("fit", batch_size), epochs=epochs, verbose=verbose,
                callbacks=callbacks, validation_split=validation_split, validation_data=validation_data,
                shuffle=shuffle, class_weight=class_weight, sample_weight=sample_weight, initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                validation_batch_size=validation_batch_size, validation_freq=validation_freq,
            )  # fmt: skip
        return self.history

    @memory_errors
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step on one batch; returns its loss, or a list with the metrics (`return_dict`: a dict)."""
        self._require_loss("train_on_batch")
        data = open_rows(self, "train_on_batch", x, y, sample_weight, class_weight)
        self._require_loss("train_on_batch")  # by which, if it was not, it is built now
        runner = self._runner
        with runner.training("train_on_batch"), runner.program("train", data) as program:
            runner.reset_metrics()
            sums = np.zeros_like(program.sums)
            runner.run(program, data, paced=False, sums=sums)
            return _report(runner.figures(sums, data.n, program), return_dict)

    @memory_errors
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch; returns as `train_on_batch` does."""
        own_steps.refuse(self, "test_on_batch")
        self._require_compiled("test_on_batch")
        data = open_rows(self, "test_on_batch", x, y, sample_weight)
        return _report(passes.evaluate(self, data, data.n, None, CallbackList()), return_dict)

    @property
    def seed(self) -> int:
        """What the order of the rows, dropout masks and the like are drawn from; drawn itself unless it was set."""
        return self._runner.drawn_seed()

    @seed.setter
    def seed(self, value: int) -> None:
        self._runner.seed = whole("Model", "seed", value, below=2**64)

    def gradients(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, Array]:
        """Gradients of the total loss of one batch, by the path of the weight; for training loops of your own.

        Layers behave as in training (dropout draws the mask of the next step). Penalties of regularizers are included.
        """
        return self.loss_and_gradients(x, y, sample_weight)[1]

    @memory_errors
    def loss_and_gradients(self, x: Any, y: Any, sample_weight: Any = None) -> tuple[float, dict[str, Array]]:
        """The total loss of one batch and its gradients, as `gradients` gives them."""
        self._require_loss("gradients")
        data = open_rows(self, "gradients", x, y, sample_weight)
        runner = self._runner
        with runner.training("gradients"), runner.program("gradients", data) as program:
            sums = np.zeros_like(program.sums)
            runner.run(program, data, paced=False, sums=sums)
            runner.reset_metrics()
            loss = runner.figures(sums, data.n, program)["loss"]
            runner.model.name_variables()
            return loss, {v.path: np.array(v.gradient) for v in program.trained}

    # -- evaluate -------------------------------------------------------------------------------------------------

    @memory_errors
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on some data.

        Parameters
        ----------
        x, y, batch_size, sample_weight, callbacks
            As in `fit`.
        verbose : 0, 1, 2 or "auto"
        steps : int, optional
            Batches to use, for iterators without end.
        return_dict : bool
            Return a dict instead of a number (no metrics) or a list.
        """
        own_steps.refuse(self, "evaluate")
        self._require_compiled("evaluate")
        data = open_inputs(self, "evaluate", x, y, sample_weight)
        size = check.batch_size("evaluate", batch_size)
        steps = optional_whole("evaluate", "steps", steps, at_least=1)
        count = data.count(size) if steps is None else steps
        listed = CallbackList(
            callbacks, add_progbar=verbose != 0, model=cast(Any, self), verbose=verbose, steps=count, epochs=1
        )
        return _report(passes.evaluate(self, data, size, steps, listed), return_dict)

    # -- predict --------------------------------------------------------------------------------------------------

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = 0, steps: int | None = None, callbacks: Any = None
    ) -> Any:
        """Outputs for some inputs; safe to call from several threads.

        Parameters
        ----------
        x, batch_size, callbacks
            As in `fit`. A row's result does not depend on the batch it is in.
        verbose : 0, 1, 2 or "auto"
            Accepted for compatibility; nothing is shown.
        steps : int, optional
            Batches to use, for iterators without end.

        Returns
        -------
        ndarray `(n, ...)`; a list of them, one per output; or a dict, where the model was made with a dict of outputs.
        """
        size = check.batch_size("predict", batch_size)
        if callbacks is None and steps is None and isinstance(x, np.ndarray) and x.ndim and len(x) <= size:
            y = self._runner.programs.predictor.run(x, None)
            return self._predict_at_once("predict", x) if y is None else y
        return self._predict(x, size, optional_whole("predict", "steps", steps, at_least=1), callbacks)

    @memory_errors
    def _predict(self, x: Any, batch_size: int, steps: int | None, callbacks: Any) -> Any:
        own_steps.refuse(self, "predict", own_steps.PREDICTING)
        data = open_inputs(self, "predict", x, targets=False)
        count = data.count(batch_size) if steps is None else steps
        listed = CallbackList(callbacks, model=cast(Any, self), verbose=0, steps=count, epochs=1)
        return self.packed(passes.predict(self, data, batch_size, steps, listed))

    def predict_on_batch(self, x: Any, out: Any = None) -> Any:
        """Outputs for one batch, computed in one step; for a few rows and a small model, in a microsecond or so.

        Parameters
        ----------
        x : array, or list or dict of arrays by input
        out : ndarray, or list or dict of them by output, optional
            Written and returned instead of new arrays; of the outputs' shapes, in the model's dtype.
        """
        y = self._runner.programs.predictor.run(x, out)
        return self._predict_at_once("predict_on_batch", x, out) if y is None else y

    @memory_errors
    def _predict_at_once(self, method: str, x: Any, out: Any = None) -> Any:
        own_steps.refuse(self, method, own_steps.PREDICTING)
        return passes.predict_at_once(self, method, x, out)

    # -- what a model adds ----------------------------------------------------------------------------------------

    inputs: list[Any]
    calls: list[Any]
    input_codes: list[int | None]
    input_keys: list[str] | None = None  # of the dict that the model was made with, if it was
    output_keys: list[str] | None = None

    def packed(self, outputs: list[Any]) -> Any:
        """One thing per output, in the form that the model was made with: a dict, a list, or the only one."""
        return packed(self.output_keys, outputs)

    def _build_from(self, method: str, x: Any) -> None:
        raise NotImplementedError


def _report(logs: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
