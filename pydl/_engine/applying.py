"""Steps of an optimizer on gradients that somebody else has computed, by the same records as in training."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from pydl import _core, config
from pydl._base.live import LiveCount
from pydl._engine.builder import Builder
from pydl._engine.phases import clipping, emit_update
from pydl._engine.team import choose_threads
from pydl._engine.variable import Variable

_DTYPES = ("float32", "float64")


class Update:
    """The plan of one update of these variables by their gradients."""

    def __init__(self, optimizer: Any, variables: Sequence[Variable]) -> None:
        self.optimizer, self.variables = optimizer, list(variables)
        b = _builder(optimizer, self.variables)
        emit_update(b, optimizer, (), penalised=False)
        self.plan = b.finish()
        self.threads = choose_threads(self.plan.work, b.threads)

    def run(self, gradients: Sequence[Any]) -> None:
        """One batch: the variables change with it, or with every `gradient_accumulation_steps`-th."""
        optimizer = self.optimizer
        for variable, gradient in zip(self.variables, gradients, strict=True):
            variable.pack(gradient, variable.gradient_buffer())
        done = optimizer.batches
        self.plan.run(1, 1, coefs=optimizer.coefficients_of(done, 1), count=done, nth=self.threads,
                      every=optimizer.gradient_accumulation_steps or 0, progress=optimizer.counter)  # fmt: skip


def _builder(optimizer: Any, variables: Sequence[Variable]) -> Builder:
    """A builder in which these variables have gradients."""
    dtypes = {v.dtype for v in variables}
    if len(dtypes) != 1 or not dtypes <= set(_DTYPES):
        raise ValueError(
            f"{type(optimizer).__name__}: expected variables of one dtype, float32 or float64, got "
            f"{', '.join(sorted(dtypes))}; use an optimizer for each dtype"
        )
    b = Builder(dtypes.pop(), 1, training=True, gradients=True, threads=config.get_num_threads())
    b.note_weight_gradient(*variables)
    return b


def clipped(optimizer: Any, gradients: Sequence[Any]) -> list[Any]:
    """Gradients as the optimizer clips them; None stays None."""
    arrays = [None if g is None else np.asarray(g) for g in gradients]
    made = [Variable(g.shape, _dtype_of(g), "gradient") for g in arrays if g is not None]
    transforms = clipping(optimizer)
    if not made or not transforms:
        return arrays
    b = _builder(optimizer, made)
    for transform in transforms:
        transform.emit(b, made)
    for variable, g in zip(made, (g for g in arrays if g is not None), strict=True):
        variable.pack(g, variable.gradient_buffer())
    b.finish().run(1, 1)
    results = iter(made)
    return [None if g is None else np.array(next(results).gradient) for g in arrays]


def _dtype_of(array: np.ndarray) -> str:
    return array.dtype.name if array.dtype.name in _DTYPES else config.floatx()


def take_step(optimizer: Any, variable: Variable, gradient: Any, rate: float) -> None:
    """The step of the optimizer's kernel alone, without clipping, weight decay, accumulation or averages."""
    grad = variable.storage()
    variable.pack(gradient, grad)
    t = np.array([optimizer.iterations + 1], dtype=np.int64)
    step = {"coef": optimizer.coefficients(t, np.array([float(rate)]))[0].tolist()}
    slots: dict[str, Any] = {f"s{i}": s.buffer for i, s in optimizer.slot_variables(variable).items()}
    _core.call(optimizer.op, dtype=variable.dtype, step=step, g=grad, w=variable.buffer, n=variable.buffer.size,
               **slots, **optimizer.fields())  # fmt: skip


class Applies:
    """An optimizer's methods for programs that compute gradients by themselves."""

    op: str | None
    built: bool
    batches: int
    iterations: Any
    learning_rate: Any
    use_ema: bool
    variables: Any
    loss_scale_factor: float | None
    build: Callable[[Sequence[Variable]], None]
    decay_of: Callable[[Variable], float]
    companion: Callable[[Variable, str], Variable]
    slot_variables: Callable[[Variable], dict[int, Variable]]
    update: Callable[..., None]
    _trained: list[Variable]
    _update: Update | None

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Update variables by gradients, given in pairs; see `apply`. Returns the number of calls so far."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update variables by their gradients, as a batch of `fit` does, with the same numbers.

        Parameters
        ----------
        grads : sequence of array_like
            One of its shape for each variable; where it is None, the variable stays as it is, with a warning. Penalties
            of regularizers are not added: the gradients are those of all that is to be lowered.
        trainable_variables : sequence of Variable, optional
            Those that the optimizer was built with if not given; the first call builds it.

        Raises
        ------
        ValueError
            Variables that it was not built with, other numbers of gradients and variables, shapes that differ, no
            gradient at all.
        """
        owner = type(self).__name__
        grads = list(grads)
        if not grads:
            return
        variables = self._trained if trainable_variables is None else list(trainable_variables)
        if trainable_variables is None and not self.built:
            raise ValueError(f"{owner}.apply: give the variables, or build(variables) first")
        if not self.built:
            self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(f"{owner}.apply: {len(grads)} gradients for {len(variables)} variables; give one for each")
        known = {id(v) for v in self._trained}
        if strangers := [v.path for v in variables if id(v) not in known]:
            raise ValueError(
                f"{owner}.apply: Unknown variable: {', '.join(strangers)}: it was built with others; make another "
                "optimizer for these, or build this one with all of them"
            )
        if missing := [v.path for v, g in zip(variables, grads, strict=True) if g is None]:
            if len(missing) == len(variables):
                raise ValueError(f"{owner}.apply: No gradients provided for any variable.")
            warnings.warn(
                f"Gradients do not exist for variables {missing}, which stay as they are: the loss does not depend on "
                "them",
                stacklevel=3,
            )
        pairs = [(np.asarray(g), v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        update = self._update
        given = [v for _, v in pairs]
        if update is None or [id(v) for v in update.variables] != [id(v) for v in given]:
            update = self._update = Update(self, given)
        update.run([g for g, _ in pairs])

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What a step makes of values of `variables` and of the weights; optimizer and weights stay as they are.

        Parameters
        ----------
        optimizer_variables : sequence of array_like
            One value for each of `variables`.
        grads, trainable_variables : sequence of array_like
            Gradients and values of the weights that it was built with.

        Returns
        -------
        The new values of the weights, and those of `variables`.

        Raises
        ------
        ValueError
            It is not built; other numbers of values.
        """
        owner, variables = f"{type(self).__name__}.stateless_apply", self.variables
        if not self.built:
            raise ValueError(f"{owner}: build(variables) first, which makes what a step changes")
        for what, given, wanted in (("optimizer_variables", optimizer_variables, variables),
                                    ("trainable_variables", trainable_variables, self._trained)):  # fmt: skip
            if len(given) != len(wanted):
                raise ValueError(f"{owner}: {what}: expected {len(wanted)} values, got {len(given)}")
        both = [*self._trained, *variables]
        before = [v.numpy() for v in both]
        try:
            for v, value in zip(both, [*trainable_variables, *optimizer_variables], strict=True):
                v.assign(np.asarray(value))
            self.apply(grads, self._trained)
            found = [v.numpy() for v in both]
        finally:
            for v, value in zip(both, before, strict=True):
                v.assign(value)
        return found[: len(self._trained)], found[len(self._trained) :]

    #: Whether steps of all variables are taken at once, by `step_together`, and in Python.
    together: bool = False

    def step_together(self, variables: Sequence[Variable]) -> None:
        """One step on these variables by their gradients, with clipping, weight decay and what else belongs to it."""
        raise NotImplementedError

    @property
    def in_python(self) -> bool:
        """Whether steps are taken in Python: by a subclass's `update_step`, or by `update` where there is no `op`."""
        return self.op is None or type(self).update_step is not Applies.update_step

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """One step on one variable by its gradient, behind clipping and weight decay; subclasses may override it."""
        if self.op is not None:
            take_step(self, variable, gradient, float(learning_rate))
            return
        slots = {s.name: s for s in self.slot_variables(variable).values()}
        w, arrays = variable.numpy(), {name: s.numpy() for name, s in slots.items()}
        self.update(w, np.asarray(gradient), arrays, float(learning_rate), int(self.iterations) + 1)
        variable.assign(w)
        for name, s in slots.items():
            s.assign(arrays[name])

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set `variables`, in their order.

        Raises
        ------
        ValueError
            When it is not built, or numbers or shapes differ.
        """
        owner, variables = type(self).__name__, self.variables
        if not self.built:
            raise ValueError(f"{owner}: You are calling `set_weights()` before build(variables), which makes them")
        if len(weights) != len(variables):
            raise ValueError(f"{owner}.set_weights: expected {len(variables)} arrays, got {len(weights)}")
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    @property
    def lr(self) -> Any:
        """`learning_rate`, by its old name."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    # -- names by which programs for Keras reach further in --

    @property
    def _iterations(self) -> LiveCount:
        return LiveCount(lambda: self.batches, partial(setattr, self, "batches"), name="iteration")

    @property
    def _model_variables_moving_average(self) -> list[Variable]:
        return [self.companion(v, "average") for v in self._trained] if self.use_ema else []

    @property
    def _accumulated_gradients(self) -> list[Variable]:
        return [self.companion(v, "gradient_accumulator") for v in self._trained]

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`, by which `apply` divides the gradients."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        for v in variables:
            if decay := self.decay_of(v):
                v.assign(v.numpy() - float(self.learning_rate) * decay * v.numpy())

    def _clip_gradients(self, grads: Sequence[Any]) -> list[Any]:
        return clipped(self, grads)
