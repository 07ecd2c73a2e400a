"""The README's picture: training steps as bars, in SVG."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from bench.table import number

_COLOURS = {
    "pydl": "#0b7285", "torch": "#e8590c", "torch.compile": "#f0a35e", "jax": "#5f3dc4", "scikit-learn": "#868e96",
    "keras": "#c2255c",
}  # fmt: skip
_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _TOP = 860, 210, 150, 13, 16, 80


def draw(results: dict[str, Any]) -> str:
    """An SVG with a group of bars per net, on a logarithmic scale of microseconds per step."""
    rows = results["steps"]
    libraries = [name for name in _COLOURS if any(f"{name}, us" in row for row in rows)]
    times = [row[f"{name}, us"]["median"] for row in rows for name in libraries if f"{name}, us" in row]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    group = len(libraries) * _BAR + _GAP
    height = _TOP + group * len(rows) + 40

    def place(us: float) -> float:
        return _LEFT + (math.log10(us) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="#fff"/>',
        _text(_LEFT, 24, "Microseconds per training step, Adam: lower is better", size=16, weight="bold"),
        *_legend(libraries),
    ]
    for power in range(low, high + 1):
        x = place(10.0**power)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 32}" stroke="#dee2e6"/>')
        parts.append(_text(x, height - 14, f"{10**power:,}", anchor="middle", colour="#495057"))
    for i, row in enumerate(rows):
        y = _TOP + i * group
        parts.append(_text(_LEFT - 10, y + group / 2 - 3, row["net"], anchor="end"))
        for j, name in enumerate(libraries):
            if f"{name}, us" not in row:
                continue
            us, at = row[f"{name}, us"]["median"], y + j * _BAR
            size = f'width="{place(us) - _LEFT:.1f}" height="{_BAR - 2}"'
            parts.append(f'<rect x="{_LEFT}" y="{at}" {size} fill="{_COLOURS[name]}"/>')
            note = "" if name == "pydl" else f"  ({row[f'{name} / pydl']['median']:.1f}x)"
            parts.append(_text(place(us) + 6, at + _BAR - 3, number(us) + note, size=11))
    machine = results["machine"]
    parts.append(_text(_LEFT, 42, f"{machine['cpu']}, {machine['threads']} threads", colour="#868e96"))
    return "\n".join([*parts, "</svg>\n"])


def _legend(libraries: list[str]) -> list[str]:
    parts, x = [], float(_LEFT)
    for name in libraries:
        parts.append(f'<rect x="{x:.0f}" y="54" width="12" height="12" fill="{_COLOURS[name]}"/>')
        parts.append(_text(x + 18, 65, name))
        x += 42 + 8 * len(name)
    return parts


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#212529", size: int = 13,
          weight: str = "normal") -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )
