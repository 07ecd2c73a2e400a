"""What a model is compiled with: its optimizer, losses and metrics."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from pydl import optimizers
from pydl._base.args import one_of, whole
from pydl._base.registry import serialize
from pydl._training import own_steps
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
from pydl._training.layer_metrics import metrics_of
from pydl._training.runner import Runner
from pydl._training.several import SeveralLosses
from pydl.layers.base import Layer

_BY_OUTPUT = ("loss", "loss_weights", "metrics", "weighted_metrics")  # what a config says of each output


class Compiled(Layer):
    """What knows how it is to be trained and judged; see `Model`.

    Attributes
    ----------
    loss, run_eagerly, jit_compile
        As `compile` was given them.
    """

    _runner: Runner
    outputs: list[Any]
    output_names: list[str]

    def __init__(self, name: str | None, trainable: bool, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.optimizer: Any = None
        self.compiled_losses: list[Any] = []
        self.loss_weights: list[float] = []
        self.compiled_metrics: list[CompiledMetric] = []
        self.layer_metrics: list[CompiledMetric] = []  # that code of layers updates
        self.expected_targets: list[Targets | None] = []
        self.compiled_trainable: list[Any] = []  # the weights that were to be trained when compile was called
        self._compile_arguments: dict[str, Any] | None = None
        self.loss: Any = None
        self.run_eagerly = False
        self.jit_compile: bool | str = "auto"

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
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

        Notes
        -----
        By position the order is that of Keras 3; metrics in the third place, as in Keras 2, are taken for such.
        """
        if _are_metrics(loss_weights):  # in Keras 2, they came third
            if metrics is not None and (_are_metrics(metrics) or isinstance(metrics, str)):
                raise TypeError(
                    f"compile: loss_weights: expected numbers, got {loss_weights!r}, as there are metrics={metrics!r}"
                )
            loss_weights, metrics = metrics, loss_weights
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
        self.optimizer, self.loss, self.run_eagerly, self.jit_compile = resolved, loss, run_eagerly, jit_compile
        self._runner.programs.clear()
        if self.built:  # a model without shapes resolves losses and metrics when it is built
            self._resolve()

    def _resolve(self) -> None:
        if self._compile_arguments is None:
            return
        given, names = self._compile_arguments, self.output_names
        self.compiled_trainable = self.as_made(trainable=True)
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

        if len(self.output_names) == 1:  # that of another model may have another name
            config = {key: self._of_own_output(value) if key in _BY_OUTPUT else value for key, value in config.items()}
        with custom_object_scope(custom_objects):
            self.compile(**config)

    def _of_own_output(self, given: Any) -> Any:
        """What is said of the only output, by whatever name."""
        one = isinstance(given, dict) and len(given) == 1
        return {self.output_names[0]: next(iter(given.values()))} if one else given

    @property
    def metrics(self) -> list[Any]:
        """The metrics of all outputs, and those that code of layers updates."""
        return [c.metric for c in (*self.compiled_metrics, *self.layer_metrics)]

    def reset_metrics(self) -> None:
        """Let all metrics begin anew, as each epoch does by itself."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, float]:
        """The figures of all metrics so far, by their names in logs."""
        found: dict[str, float] = {}
        for c in (*self.compiled_metrics, *self.layer_metrics):
            found |= c.figures()
        return found

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns, in its order."""
        return list(self._runner.figures(np.zeros(0), 0)) if self.optimizer is not None else []

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.optimizer is not None

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


def _are_metrics(given: Any) -> bool:
    """Whether what stands where weights of losses do are metrics: no numbers, and no text alone."""
    values = list(given.values()) if isinstance(given, dict) else given
    if isinstance(values, list | tuple):
        return not any(isinstance(v, Real) for v in values)
    return callable(given)
