"""From the cells of a table's row to the network's inputs, as a function of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydl._c.text import File

FIELDS = 8  # of a number: see NUMBER


@dataclass
class Table:
    """How a row is prepared.

    Attributes
    ----------
    numbers : list of str
        Names of the columns of numbers.
    steps : ndarray (numbers, 8)
        What is done to each: low, high, unit of its logarithm (0: none), what stands for a missing one, mean, scale,
        least, most.
    marked : list of int
        Numbers, after which it is marked whether they are missing.
    levels : list of (str, list)
        Names of the columns of levels, and these. The first `one_hot` of them become features, the others codes from 1
        on, an input of the model each; a level that is not known is 0 in all of them.
    one_hot : int
    features : int
        How many features the model's first input has; 0 if it has no such input.
    outputs : list of str
        What is to be said of each output.
    """

    numbers: list[str]
    steps: np.ndarray
    marked: list[int]
    levels: list[tuple[str, Sequence[Any]]]
    one_hot: int
    features: int
    outputs: list[str] = field(default_factory=list)

    def signature(self, file: File) -> str:
        xs = ", ".join(f"{file.type} *{file.upper}_RESTRICT {x}" for x in file.pointers[: len(file.unit.inputs)])
        return (
            f"void {file.name}_prepare(const double *{file.upper}_RESTRICT numbers, "
            f"const int32_t *{file.upper}_RESTRICT levels,\n    {xs})"
        )

    def declaration(self, file: File) -> str:
        """Its prototype, and what the columns are."""
        told = [f"numbers[{i}]  {_plain(name)}" for i, name in enumerate(self.numbers)]
        told += [
            f"levels[{i}]  {_plain(name)}: " + ", ".join(f"{k} {_plain(level)}" for k, level in enumerate(known))
            for i, (name, known) in enumerate(self.levels)
        ]
        told += [f"y{k if len(self.outputs) > 1 else ''}  {_plain(what)}" for k, what in enumerate(self.outputs)]
        lines = "\n".join(f" *   {line}" for line in told)
        return DECLARATION.format(lines=lines, signature=self.signature(file))

    def code(self, file: File) -> str:
        """The function and what it reads."""
        n, marks = len(self.numbers), len(self.marked)
        parts, body, at = [], [], n + marks
        x = file.pointers[0]
        if n:
            rows = ",\n".join("    " + ", ".join(map(_double, row)) for row in self.steps)
            parts.append(f"static const double {file.name}_numbers[{n * FIELDS}] = {{\n{rows}\n}};")
            parts.append(NUMBER.format(name=file.name))
            body.append(
                f"    for (i = 0; i < {n}; i++) {{\n"
                f"        const double *step = &{file.name}_numbers[i * {FIELDS}];\n"
                f"        {x}[i] = ({file.type}){file.name}_number(numbers[i], step);\n    }}"
            )
        for k, i in enumerate(self.marked):
            body.append(f"    {x}[{n + k}] = isfinite(numbers[{i}]) ? 0 : 1;")
        if at < self.features:
            body.append(f"    for (i = {at}; i < {self.features}; i++) {{\n        {x}[i] = 0;\n    }}")
        for i, (_, known) in enumerate(self.levels):
            inside = f"(levels[{i}] >= 0) && (levels[{i}] < {len(known)})"
            if i < self.one_hot:
                body.append(f"    if ({inside}) {{\n        {x}[{at} + levels[{i}]] = 1;\n    }}")
                at += len(known)
            else:
                to = file.pointers[i - self.one_hot + (self.features > 0)]
                body.append(f"    {to}[0] = ({inside}) ? ({file.type})(levels[{i}] + 1) : 0;")
        unused = [name for name, some in (("numbers", n), ("levels", len(self.levels))) if not some]
        first = ["    int32_t i;"] if n or at < self.features else []
        body = [*first, *(f"    (void){name};" for name in unused), *body]
        return "\n\n".join([*parts, f"{self.signature(file)} {{\n" + "\n".join(body) + "\n}"])


def _double(value: float) -> str:
    return repr(float(np.clip(value, -np.finfo(float).max, np.finfo(float).max)))


def _plain(text: Any) -> str:
    """What a comment may hold, on one line."""
    word = " ".join(str(text).split()).replace("*/", "* /").replace("/*", "/ *")
    return f'"{word[:60]}"' if word != str(text).strip() or not word.isascii() else word[:60]


DECLARATION = """/* A row of the table as the model's inputs. Of numbers (1 and 0 for yes and no), NaN or infinity is
 * missing; of levels, -1 stands for one that is not listed, and for a missing one where "(missing)" is not.
{lines} */
{signature};"""

NUMBER = """static double {name}_number(double value, const double *step) {{
    double x = step[3];
    if (isfinite(value)) {{
        x = fmin(fmax(value, step[0]), step[1]);
        if (step[2] > 0.0) {{
            x = copysign(log1p(fabs(x) / step[2]), x);
        }}
    }}
    return fmin(fmax((x - step[4]) / step[5], step[6]), step[7]);
}}"""
