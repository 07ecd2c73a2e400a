"""Names of public packages whose modules are imported when a program first asks for one of them.

Nothing but the modules of such a table can be imported, whatever name a program asks for or a file holds.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any


class Later:
    """The `__getattr__` of a package that imports its modules when they are needed.

    Parameters
    ----------
    package : str
        Its name.
    modules : mapping of str to str
        Modules of the package, with the names that each brings, separated by spaces; none if the module itself is
        what is asked for. ".other" is a sibling of the package.
    aliases : mapping of str to str
        Further names, each with the name it stands for.
    """

    def __init__(self, package: str, modules: Mapping[str, str], aliases: Mapping[str, str] | None = None) -> None:
        self.package = package
        self.modules = {module: names.split() for module, names in modules.items()}
        self.aliases = dict(aliases or {})
        self._module_of = {name: module for module, names in self.modules.items() for name in names or [module]}

    @property
    def classes(self) -> list[str]:
        """The names of classes, which begin with a capital letter."""
        return [name for name in self._module_of if name[0].isupper()]

    def __call__(self, name: str) -> Any:
        target = self.aliases.get(name, name)
        if target not in self._module_of:
            raise AttributeError(f"module {self.package!r} has no attribute {name!r}")
        package = vars(sys.modules[self.package])
        module = self._module_of[target]
        found = importlib.import_module(f".{module}", self.package)
        # All of them, as a module called like one of its names would else stand in the package in its place.
        package.update({n: getattr(found, n) for n in self.modules[module]})
        return package.setdefault(name, package[target])

    def function(self, name: str) -> Any:
        """The function of this name, or for which it stands; None where it names a class or nothing."""
        target = self.aliases.get(name, name)
        return self(name) if target in self._module_of and target not in self.classes else None

    def name_of(self, value: Any) -> str | None:
        """The name by which the package has given out this function; None for any other value."""
        name = getattr(value, "__name__", "")
        own = name in self._module_of and not isinstance(value, type)
        return name if own and _bare(getattr(sys.modules[self.package], name)) is _bare(value) else None


def _bare(function: Any) -> Any:
    """A function as it was before its results were given `numpy`, see `utils/results.py`."""
    return getattr(function, "gives_numpy", function)
