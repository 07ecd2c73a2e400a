"""Compiling, training, evaluating and predicting: the methods of every model."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from pydl import optimizers
from pydl._base import check
from pydl._base.args import one_of, optional_whole, whole
from pydl._base.errors import memory_errors
from pydl._base.registry import serialize
from pydl._engine.tracing import packed
from pydl._training import own_steps, passes
from pydl._training.compile import (
    CompiledMetric,
    Targets,
    losses_config,
    metrics_config,
    resolve_loss_weights,
    resolve_losses,
    resolve_metrics,
    resolve_targets,
)
from pydl._training.inputs import open_inputs, open_rows
from pydl._training.layer_metrics import metrics_of
from pydl._training.runner import Runner
from pydl._training.several import SeveralLosses
from pydl._training.state import FitState
from pydl.callbacks import CallbackList, History
from pydl.layers.base import Layer

Array = np.ndarray


class Trainer(Layer):
    """What turns a graph of layers into something to train; see `Model`."""

    @memory_errors
    def __init__(self, name: str | None, trainable: bool, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.optimizer: Any = None
        self.compiled_losses: list[Any] = []
        self.loss_weights: list[float] = []
        self.compiled_metrics: list[CompiledMetric] = []
        self.layer_metrics: list[CompiledMetric] = []  # that code of layers updates
        self.expected_targets: list[Targets | None] = []
        self.compiled_trainable: list[Any] = []  # the weights that were to be trained when compile was called
        self.stop_training = False
        self.fit_state = FitState()
        self._compile_arguments: dict[str, Any] | None = None
        self._runner = Runner(self)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # a model's layers are those of its graph

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along; calls in order first, so that none is met at the end of a long chain."""
        return {name: vars(self)[name] for name in ("inputs", "calls") if name in vars(self)} | vars(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.optimizer is not None:
            self.optimizer.belong(self)

    # -- compile --------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        loss_weights: Any = None,
        *,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is to be trained and judged.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss, or a list or dict of them by output
            None for an output, or no entry in the dict: it is only predicted, and needs no targets unless it has
            metrics. Without any loss, a model can be evaluated, but not trained. A list of losses for one output is
            their sum. A loss in NumPy of your own gets targets as they are, of any shape.
        metrics, weighted_metrics : list, or list of lists or dict of lists by output
            Names ("accuracy"), metrics, or functions of (y_true, y_pred). Sample and class weights count in the latter.
            One that is in both is reported as "accuracy" and "weighted_accuracy".
        loss_weights : float, or list or dict by output
            The total loss is the sum of the losses times these (and the regularizers' penalties). A list with a number
            for each of several losses of the only output works too.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Taken because Keras takes them. They change no figure and no speed: steps always run on end, and nothing is
            traced or scaled.

        Raises
        ------
        ValueError, TypeError
            Unknown names (the valid ones are listed), missing losses, wrong numbers of entries; an optimizer that has
            taken steps on another model.
        """
        for name, flag in (("run_eagerly", run_eagerly), ("auto_scale_loss", auto_scale_loss)):
            one_of("compile", name, flag, (True, False))
        one_of("compile", "jit_compile", jit_compile, (True, False, "auto"))
        if steps_per_execution != "auto":
            whole("compile", "steps_per_execution", steps_per_execution, at_least=1)
        resolved = optimizers.get(optimizer)
        if resolved is None:
            raise ValueError('compile: optimizer is None; pass "adam" or another of pydl.optimizers')
        arguments = {
            "loss": loss,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "loss_weights": loss_weights,
        }
        resolved.serve(self)
        self._compile_arguments = arguments
        self.optimizer = resolved
        self._runner.programs.clear()
        if self.built:  # a model without shapes resolves losses and metrics when it is built
            self._resolve()

    def _resolve(self) -> None:
        if self._compile_arguments is None:
            return
        given, names = self._compile_arguments, self.output_names
        self.compiled_trainable = self.trainable_variables
        self.compiled_losses = resolve_losses(given["loss"], self.outputs, names)
        self.loss_weights = resolve_loss_weights(given["loss_weights"], self.compiled_losses, names)
        self.compiled_metrics = resolve_metrics(
            given["metrics"], given["weighted_metrics"], self.outputs, self.compiled_losses, names
        )
        self.expected_targets = resolve_targets(self.compiled_losses, self.compiled_metrics, names)
        compiled = {id(c.metric) for c in self.compiled_metrics}
        self.layer_metrics = [CompiledMetric(m, -1, False, m.name) for m in metrics_of(self) if id(m) not in compiled]

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile` as JSON."""
        self._require_compiled("get_compile_config")
        judged = {name: i for i, name in enumerate(self.output_names) if self.compiled_losses[i] is not None}
        weights: Any = {name: self.loss_weights[i] for name, i in judged.items()}
        if len(self.compiled_losses) == 1 and isinstance(self.compiled_losses[0], SeveralLosses):
            weights = [self.loss_weights[0] * factor for factor in self.compiled_losses[0].factors]
        return {
            "optimizer": serialize(self.optimizer),
            **losses_config(self.compiled_losses, self.output_names),
            "loss_weights": weights or None,
            **metrics_config(self.compiled_metrics, self.output_names),
        }

    def compile_from_config(self, config: dict[str, Any], custom_objects: Any = None) -> None:
        """Compile as `get_compile_config` says."""
        from pydl._base.registry import custom_object_scope

        with custom_object_scope(custom_objects):
            self.compile(**config)

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns, in its order."""
        return list(self._runner.figures(np.zeros(0), 0)) if self.optimizer is not None else []

    def _require_compiled(self, method: str) -> None:
        if self.optimizer is None:
            raise ValueError(
                f'{method}: model "{self.name}" is not compiled; call model.compile(optimizer="adam", loss=...) first'
            )

    def _adds_loss(self) -> bool:
        """Whether layers add to the loss, so that there is something to lower."""
        return False

    def _require_loss(self, method: str) -> None:
        own_steps.refuse(self, method)
        self._require_compiled(method)
        if self._compile_arguments is None or self._compile_arguments["loss"] is None:
            if not self.built or self._adds_loss():
                return
            raise ValueError(
                f'{method}: model "{self.name}" was compiled without a loss, so that there is nothing to lower; call '
                'model.compile(optimizer="adam", loss="mse") or with another of pydl.losses'
            )

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
        validation_freq: int = 1,
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
        validation_freq : int
            Validate after every so many epochs.

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
            return run_fit(
                self, x, y, batch_size=check.batch_size("fit", batch_size), epochs=epochs, verbose=verbose,
                callbacks=callbacks, validation_split=validation_split, validation_data=validation_data,
                shuffle=shuffle, class_weight=class_weight, sample_weight=sample_weight, initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                validation_batch_size=validation_batch_size, validation_freq=validation_freq,
            )  # fmt: skip

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
        listed = CallbackList(
            callbacks, add_progbar=verbose != 0, model=cast(Any, self), verbose=verbose, steps=steps, epochs=1
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
        listed = CallbackList(callbacks, model=cast(Any, self), verbose=0, steps=steps, epochs=1)
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
    outputs: list[Any]
    output_names: list[str]
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
