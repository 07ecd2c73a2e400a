"""What all optimizers share: the learning rate, the step counter, clipping, weight decay."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import is_
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from pydl import initializers
from pydl._base.args import optional_real, optional_whole, rate_by_old_names, real, text, whole
from pydl._base.live import LiveCount, LiveNumber
from pydl._base.naming import unique_name
from pydl._base.registry import Configurable, serialize, snake_case
from pydl._engine.applying import Applies
from pydl._engine.layout import Layout
from pydl._engine.own_variables import OwnVariables
from pydl._engine.variable import Variable
from pydl.optimizers import schedules
from pydl.optimizers.schedules import LearningRateSchedule

N_COEFFICIENTS = 8


class Optimizer(Applies, OwnVariables, Configurable):
    """Base class of optimizers.

    In each step, gradients are clipped, then decayed weights become `w -= lr * weight_decay * w`, then the optimizer
    takes its own step. `fit` uses it, and so may programs that have gradients: `apply`, `apply_gradients`.

    A user's own optimizer leaves `op` at None and is written in NumPy, slow next to the built-in ones, but complete.
    Either it names the arrays it keeps per weight in `slots` and implements `update`, which changes arrays in place; or
    it does as in Keras: `build(variables)` makes variables with `add_variable_from_reference`, and
    `update_step(gradient, variable, learning_rate)` assigns.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        A schedule gets the number of steps taken before this one; a function of no argument is asked in every step.
    weight_decay : float, optional
    clipnorm : float, optional
        Each gradient longer than this is scaled to this length (Euclidean norm).
    clipvalue : float, optional
        Elements of gradients are clamped to [-clipvalue, clipvalue].
    global_clipnorm : float, optional
        All gradients together, where longer than this, are scaled by one factor to this length.
    name : str, optional
    use_ema : bool
        Keep a moving average of each weight, ``average = ema_momentum * average + (1 - ema_momentum) * w``, which
        begins with the weight behind the first step. `fit` puts the averages in the weights' place when it ends.
    ema_momentum : float
        In [0, 1].
    ema_overwrite_frequency : int, optional
        Also put the averages in the weights' place in every so many steps.
    gradient_accumulation_steps : int, optional
        Update the weights once in so many batches, by the mean of their gradients; the optimizer's `iterations` count
        updates then, schedules see batches. What is clipped is the mean. None and 0: with every batch.

    Raises
    ------
    TypeError, ValueError
        Arguments out of range; more than one of the three kinds of clipping.
    """

    #: Name of the kernel, None for optimizers written in NumPy.
    op: str | None = None
    #: Those that take its steps, where it is made of others.
    optimizers: Sequence[Optimizer] = ()
    #: What slots begin with, by name, where not with zeros.
    first_values: Mapping[str, float] = MappingProxyType({})
    find_initializer = staticmethod(initializers.get)
    __signature__: inspect.Signature

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        *,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        loss_scale_factor: float | None = None,
        **old: Any,
    ) -> None:
        owner = type(self).__name__
        learning_rate = rate_by_old_names(owner, old, learning_rate)
        self.name = unique_name(snake_case(owner)) if name is None else text(owner, "name", name)
        self.counter = np.zeros(1, np.int64)
        self.learning_rate = learning_rate
        self.weight_decay = optional_real(owner, "weight_decay", weight_decay, at_least=0)
        self.clipnorm = optional_real(owner, "clipnorm", clipnorm, above=0)
        self.clipvalue = optional_real(owner, "clipvalue", clipvalue, above=0)
        self.global_clipnorm = optional_real(owner, "global_clipnorm", global_clipnorm, above=0)
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{owner}: Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set, got "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.use_ema = bool(use_ema)
        self.ema_momentum = real(owner, "ema_momentum", ema_momentum, at_least=0, at_most=1)
        self.ema_overwrite_frequency = optional_whole(
            owner, "ema_overwrite_frequency", ema_overwrite_frequency, at_least=1
        )
        self.gradient_accumulation_steps = optional_whole(
            owner, "gradient_accumulation_steps", gradient_accumulation_steps or None, at_least=2
        )
        self.loss_scale_factor = optional_real(owner, "loss_scale_factor", loss_scale_factor, above=0)
        self.built = False
        self._trained = []  # what it is built with
        self._own = []
        self._update = None
        self._kept: dict[str, dict[int, tuple[Variable, Variable]]] = {"average": {}, "gradient_accumulator": {}}
        self._slots: dict[int, tuple[Variable, dict[int, Variable]]] = {}  # by id, which the variable kept keeps valid
        self._served: tuple[Callable[[], Any], str] | None = None  # the model whose steps were counted, and its name
        self._undecayed: list[Variable] = []
        self._undecayed_names: list[str] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let `help` and `inspect.signature` show what a constructor's **kwargs may hold as well."""
        super().__init_subclass__(**kwargs)
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if own and own[-1].kind is own[-1].VAR_KEYWORD:
            named = {"self", "old", *(p.name for p in own)}
            options = [p for p in inspect.signature(Optimizer.__init__).parameters.values() if p.name not in named]
            own[-1:] = [p.replace(kind=p.KEYWORD_ONLY) for p in options]
        cls.__signature__ = inspect.Signature(own)

    @property
    def slots(self) -> tuple[str | None, ...]:
        """Names of the arrays kept for each weight, zero at first; a kernel gets them as s0, s1, s2 (None: none)."""
        return ()

    def serve(self, model: Any) -> None:
        """Train this model from now on.

        Raises
        ------
        ValueError
            When another model took steps with it, of which the counter and the slots are: no start for this one.
        """
        if self._served is not None and self.batches and self._served[0]() is not model:
            raise ValueError(
                f'{type(self).__name__}: it has taken {self.batches} steps on model "{self._served[1]}", from which '
                f'model "{model.name}" cannot start; make another: type(optimizer).from_config(optimizer.get_config())'
            )
        self.belong(model)

    def belong(self, model: Any) -> None:
        """Count as this model's, whose steps were taken: they were, or it is a copy of the one that took them."""
        self._served = weakref.ref(model), model.name

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along; it serves no model that could train on, unless a model comes with it."""
        kept = {name: list(made.values()) for name, made in self._kept.items()}
        served = None if self._served is None else (_nobody, self._served[1])
        state = vars(self) | {"_slots": list(self._slots.values()), "_kept": kept, "_served": served}
        return state | {"_update": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._slots = {id(pair[0]): pair for pair in state["_slots"]}
        self._kept = {name: {id(pair[0]): pair for pair in pairs} for name, pairs in state["_kept"].items()}

    def prepare(self, variables: Sequence[Variable]) -> None:
        """Be built with these variables: `build` unless it is."""
        if self.built and len(variables) == len(self._trained) and all(map(is_, variables, self._trained)):
            return
        self.built = False
        self.build(variables)

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of these variables, and forget those of others."""
        self.built, self._trained = True, list(variables)
        known = {id(v) for v in variables}
        self._own = [pair for pair in self._own if pair[0] is None or id(pair[0]) in known]
        self._slots = {id(v): self._slots.get(id(v)) or (v, self._new_slots(v)) for v in variables}
        for name, wanted in (("average", self.use_ema), ("gradient_accumulator", self.gradient_accumulation_steps)):
            made = {id(v): (v, self.companion(v, name)) for v in variables} if wanted else {}
            self._kept[name] = made

    def slot_variables(self, variable: Variable) -> dict[int, Variable]:
        """The slots of one variable by their place in `slots`, made when first asked for."""
        if id(variable) not in self._slots:
            self._slots[id(variable)] = variable, self._new_slots(variable)
        return self._slots[id(variable)][1]

    @property
    def variables(self) -> list[Any]:
        """The number of batches, the learning rate unless a schedule gives it, then `state_variables`, as Keras has it.

        All that a copy needs to go on in the same way: `set_weights` takes their values.
        """
        first = [self._iterations, *([] if self.schedule is not None else [self.learning_rate])]
        return [*first, *self._own_state(), *(v for inner in self.optimizers for v in inner.variables)]

    @property
    def state_variables(self) -> list[Variable]:
        """All slots, averages and accumulators, under the path `optimizer/<slot>/<path of the weight>`."""
        return [*self._own_state(), *(v for inner in self.optimizers for v in inner.state_variables)]

    def _own_state(self) -> list[Variable]:
        pairs: list[tuple[Variable | None, Variable]] = []
        pairs += [(weight, slot) for weight, slots in self._slots.values() for slot in slots.values()]
        pairs += [pair for made in self._kept.values() for pair in made.values()]
        pairs += self._own
        for weight, slot in pairs:
            slot.path = f"optimizer/{slot.name}" + ("" if weight is None else f"/{weight.path}")
        return [slot for _, slot in pairs]

    def kept_for(self, variable: Variable) -> list[Variable]:
        """What a step on this variable may change beside it: its slots, and all variables made by `add_variable`."""
        return [*self.slot_variables(variable).values(), *(own for _, own in self._own)]

    def average_anew(self) -> None:
        """Begin moving averages with the weights as they are: those of what was there before would come back."""
        for v in self._trained if self.built and self.use_ema else ():
            self.companion(v, "average").assign(v.numpy())

    def companion(self, variable: Variable, name: str) -> Variable:
        """The "average" or "gradient_accumulator" of a variable, made when first asked for."""
        made = self._kept[name]
        if id(variable) not in made:
            made[id(variable)] = variable, self._new_slot(variable, name)
        return made[id(variable)][1]

    def average_of(self, variable: Variable) -> Variable | None:
        """The moving average of a variable; None where none is kept."""
        return self.companion(variable, "average") if self.use_ema else None

    def finalize_variable_values(self, variables: Sequence[Variable]) -> None:
        """Put the averages, if they are kept, in the weights' place."""
        for variable in variables if self.use_ema else ():
            if id(variable) in self._kept["average"]:
                variable.assign(self._kept["average"][id(variable)][1].numpy())

    def slot_shape(self, slot: str, variable: Variable) -> tuple[int, ...] | None:
        """The shape of a slot of a variable: its own, unless a subclass says otherwise; None where it needs none."""
        return variable.shape

    def _new_slots(self, variable: Variable) -> dict[int, Variable]:
        slots = {}
        for i, name in enumerate(self.slots):
            if name is not None and (shape := self.slot_shape(name, variable)) is not None:
                slots[i] = self._new_slot(variable, name, shape)
        return slots

    def _new_slot(self, variable: Variable, name: str, shape: tuple[int, ...] | None = None) -> Variable:
        shape = variable.shape if shape is None else shape
        layout = (lambda *_: variable.layout) if shape == variable.shape else Layout
        slot = Variable(shape, variable.dtype, name, trainable=False, layout=layout)
        if first := self.first_values.get(name):
            slot.assign(np.full(slot.shape, first, slot.dtype))
        return slot

    @property
    def iterations(self) -> Any:
        """Updates of the weights so far, for each of which `gradient_accumulation_steps` batches are needed.

        It computes and prints as an int does, is read anew whenever it is used, and `assign` sets it.
        """
        return LiveCount(self._updates, partial(setattr, self, "iterations"))

    @iterations.setter
    def iterations(self, value: int) -> None:
        updates = whole(type(self).__name__, "iterations", value, below=2**63)
        self.batches = updates * (self.gradient_accumulation_steps or 1)

    def _updates(self) -> int:
        return self.batches // (self.gradient_accumulation_steps or 1)

    @property
    def batches(self) -> int:
        """Batches trained on so far. Kept in `counter`, which the running C code moves on together with the weights."""
        return int(self.counter[0])

    @batches.setter
    def batches(self, value: int) -> None:
        self.counter[0] = value

    def coefficients_of(self, batches: int, steps: int) -> np.ndarray:
        """The coefficients of so many steps behind the first `batches`."""
        updates = np.arange(batches, batches + steps, dtype=np.int64)
        if self.gradient_accumulation_steps:
            updates //= self.gradient_accumulation_steps
        return self.coefficients(updates + 1, self.rates(batches, steps))

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step, of a schedule too; a number, a schedule or a function may be set at any time.

        It computes and prints as a float does. It is read anew whenever it is used; `assign` sets it, `numpy` and
        `float` read it. What was set is `schedule` if it is no number.
        """
        rate = self._learning_rate
        config = None if isinstance(rate, float) else partial(serialize, rate)
        return LiveNumber(self._rate, partial(setattr, self, "learning_rate"), config, name="learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if not callable(value) or isinstance(value, type):
            value = real(type(self).__name__, "learning_rate", value, at_least=0)
        self._learning_rate = value

    @property
    def schedule(self) -> Any:
        """The schedule or function that gives the learning rate; None where that is a number."""
        return self._learning_rate if callable(self._learning_rate) else None

    def _rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.rates(self.batches)[0])

    def rates(self, iterations: int, steps: int = 1) -> np.ndarray:
        """Learning rates of `steps` batches, the first of them after `iterations` others: float64, shape (steps,)."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate.rates(np.arange(iterations, iterations + steps, dtype=np.int64))
        return np.array([float(rate()) for _ in range(steps)]) if callable(rate) else np.full(steps, rate)

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        """What the kernel needs of each step: column 0 the rate, column 1 lr * weight_decay, then its own.

        Parameters
        ----------
        iterations : int64 array, shape (n,)
            Numbers of the steps, counted from 1.
        learning_rates : float64 array, shape (n,)

        Returns
        -------
        float64 array of shape (n, 8).
        """
        table = np.zeros((len(learning_rates), N_COEFFICIENTS))
        table[:, 0] = learning_rates
        table[:, 1] = learning_rates * (self.weight_decay or 0.0)
        return table

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        """One step on one weight, in place; for optimizers written in NumPy.

        Parameters
        ----------
        w : ndarray
            The weight; change it in place.
        g : ndarray
            Its gradient, clipped.
        slots : dict of str to ndarray
            The arrays named in `slots`, of w's shape, kept from step to step.
        rate : float
            Learning rate of this step.
        t : int
            Number of this step, counted from 1.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement update(w, g, slots, rate, t), or "
            "update_step(gradient, variable, learning_rate)"
        )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Weights that weight decay leaves alone; each call replaces what the last one said.

        Parameters
        ----------
        var_list : sequence of Variable, optional
        var_names : sequence of str, optional
            Any weight in whose name one of these regular expressions is found, such as "bias".
        """
        if isinstance(var_names, str):
            raise TypeError(f"exclude_from_weight_decay: var_names must be a list of strings, got {var_names!r}")
        self._undecayed = list(var_list or ())
        self._undecayed_names = list(var_names or ())
        self._update = None

    def decays(self, variable: Variable) -> bool:
        """Whether weight decay applies to `variable`."""
        return bool(self.decay_of(variable))

    def decay_of(self, variable: Variable) -> float:
        """The weight decay of `variable`, 0 for none."""
        return 0.0 if self.spares(variable) else self.weight_decay or 0.0

    def spares(self, variable: Variable) -> bool:
        """Whether `exclude_from_weight_decay` names `variable`."""
        named = any(re.search(part, variable.name) for part in self._undecayed_names)
        return named or any(v is variable for v in self._undecayed)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer that `get_config` described, with no steps taken."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), Mapping):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"])
        return cls(**config)


def _nobody() -> None:
    """Stands for a model that is gone."""
