"""Variables that an optimizer's subclass makes and assigns by itself, as it does in Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl._engine.variable import Variable
from pydl.config import standardize_dtype


class OwnVariables:
    """The part of an optimizer that subclasses in Keras's manner call.

    Attributes
    ----------
    find_initializer : callable
        Gives an initializer for a name, config or instance.
    """

    find_initializer: Callable[[Any], Any]
    _trained: list[Variable]
    _own: list[tuple[Variable | None, Variable]]  # with the variable that each belongs to

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **_: Any
    ) -> Variable:
        """Make a variable that the optimizer keeps and saves; call it from `build`.

        Made anew under the same name, it is the one that there was, as long as the shape is.
        """
        return self._keep(None, shape, initializer, dtype, name or "variable")

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another, which it belongs to; call it from `build`."""
        v = reference_variable
        return self._keep(v, v.shape, initializer, v.dtype, name or "var")

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """`add_variable_from_reference` for each: a list of variables, or of several names a tuple of lists."""
        names = [name] if isinstance(name, str) else list(name)
        makers = list(initializer) if isinstance(initializer, list | tuple) else [initializer] * len(names)
        if len(makers) != len(names):
            raise ValueError(f"add_optimizer_variables: {len(names)} names, but {len(makers)} initializers")
        made = tuple(
            [self.add_variable_from_reference(v, n, make) for v in trainable_variables]
            for n, make in zip(names, makers, strict=True)
        )
        return made[0] if isinstance(name, str) else made

    def _keep(
        self, reference: Variable | None, shape: Sequence[int], initializer: Any, dtype: Any, name: str
    ) -> Variable:
        for belongs, own in self._own:
            if belongs is reference and own.name == name and own.shape == tuple(shape):
                return own
        make = self.find_initializer(initializer)
        if make is None:
            raise ValueError(f"{type(self).__name__}: variable {name!r}: expected an initializer, got None")
        own = Variable(shape, standardize_dtype(dtype), name, trainable=False)
        own.assign(make(own.shape, dtype=own.dtype))
        self._own.append((reference, own))
        return own

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable among those that it was built with."""
        return next(i for i, v in enumerate(self._trained) if v is variable)

    @staticmethod
    def assign(variable: Variable, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    @staticmethod
    def assign_add(variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    @staticmethod
    def assign_sub(variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)
