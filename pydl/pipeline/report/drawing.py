"""What all pictures of the report have in common, drawn by matplotlib without its global state."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, ScalarFormatter

from pydl.pipeline.report import wording

_STYLE: Any = {
    "font.size": 11, "svg.fonttype": "path", "svg.hashsalt": "pydl", "axes.grid": True, "grid.alpha": 0.25,
    "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.8, "legend.frameon": False,
}  # fmt: skip
_NAME = 24  # characters of a name in a picture
_TICKS = 6  # intervals of an axis whose numbers stand side by side


@dataclass(frozen=True)
class Picture:
    """A picture with its heading, what it says in words, and what to look for in it."""

    title: str
    source: str
    alt: str
    hint: str


def drawn(title: str, alt: str, hint: str, draw: Callable[[Any, Figure], None], height: float = 3.4) -> Picture:
    """What `draw` puts on the axes of a new figure."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # of a name in another script; the words have it
        figure = Figure(figsize=(4.8, height), layout="constrained")
        draw(figure.add_subplot(), figure)
        for axes in figure.axes:
            _label(axes)
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    code = base64.b64encode(svg.getvalue()).decode("ascii")
    return Picture(title, f"data:image/svg+xml;base64,{code}", alt, hint)


def short(name: object) -> str:
    """A name that fits into a picture; a dollar sign begins no formula."""
    text = wording.visible(str(name)).replace("\n", " ")
    return (text if len(text) <= _NAME else text[: _NAME - 1] + "…").replace("$", r"\$")


def legend_above(axes: Any) -> None:
    """A legend that hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9, borderaxespad=0)


class _Ticks(Formatter):
    _most = 0.0

    def set_locs(self, locs: Any) -> None:
        self._most = max((abs(float(place)) for place in locs), default=0.0)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return wording.tick(float(x), self._most)


def _label(axes: Any) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(_Ticks())
            if axis is axes.xaxis:
                axis.get_major_locator().set_params(nbins=_TICKS)
        elif isinstance(axis.get_major_locator(), AutoDateLocator):
            locator = AutoDateLocator(minticks=2, maxticks=_TICKS)  # with more at least, matplotlib finds none for some
            axis.set_major_locator(locator)
            axis.set_major_formatter(ConciseDateFormatter(locator))
