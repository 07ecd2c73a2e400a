"""The library as pieces, of which a file gets those that it uses, in its dtype and under its names.

A piece is a comment and one definition, with blank lines around it. In the library a name of its own begins with `pd_`;
`real` is the dtype, `word` the unsigned integer of its size, `R(0.5)` a number of it, `FMA` and `SQRT` its functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from pydl._c import constants

FILES = ("math.c", "activations.c", "elements.c", "products.c", "images.c")
LOOP = """static void pd_each_{name}(real *restrict y, int32_t n{parameter}) {{
    int32_t i;
    for (i = 0; i < n; i++) {{
        y[i] = pd_act_{name}(y[i]{argument});
    }}
}}"""


@cache
def library(dtype: str) -> dict[str, str]:
    """Every piece by the name that it defines, each behind those that it uses."""
    found = constants.pieces(dtype)
    for file in FILES:
        text = files("pydl._c").joinpath("library", file).read_text(encoding="utf-8")
        found += [piece.strip() for piece in text.split("\n\n")[1:]]
    for piece in found[:]:
        if point := re.match(r"static inline real pd_act_(\w+)\(real x(, real alpha)?\)", piece):
            name, alpha = point.groups()
            found.append(LOOP.format(name=name, parameter=alpha or "", argument=", alpha" if alpha else ""))
    return {_defined(piece): piece for piece in found}


def has_alpha(activation: str) -> bool:
    """Whether an activation has a parameter."""
    return ", real alpha" in library("float32")[f"pd_each_{activation}"]


def _defined(piece: str) -> str:
    code = re.sub(r"/\*.*?\*/", "", piece, flags=re.DOTALL)
    if alias := re.search(r"}\s*(pd_\w+);$", code):
        return alias[1]
    name = re.search(r"pd_\w+", code)
    assert name is not None, piece
    return name[0]


def needed(names: Iterable[str], dtype: str) -> list[str]:
    """The pieces that define these names and all that they use."""
    known, wanted, todo = library(dtype), set[str](), list(names)
    while todo:
        name = todo.pop()
        if name in known and name not in wanted:
            wanted.add(name)
            todo += re.findall(r"pd_\w+", known[name])
    return [piece for name, piece in known.items() if name in wanted]


def spelled(text: str, name: str, dtype: str) -> str:
    """A text of the library in C."""
    single = dtype == "float32"
    text = re.sub(r"\bpd_(\w+)", rf"{name}_\1", text)
    text = re.sub(r"\bR\(([^()]*)\)", r"\1f" if single else r"\1", text)
    text = re.sub(r"\breal\b", "float" if single else "double", text)
    text = re.sub(r"\bword\b", "uint32_t" if single else "uint64_t", text)
    text = re.sub(r"\bFMA\(", f"{name.upper()}_FMA(", text)
    text = re.sub(r"\bfma_of_dtype\(", "fmaf(" if single else "fma(", text)
    return re.sub(r"\bSQRT\(", "sqrtf(" if single else "sqrt(", text)
