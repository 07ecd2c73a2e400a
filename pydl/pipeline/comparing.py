"""Runs side by side, as CSV, JSON or a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from pydl.pipeline.digits import between, number
from pydl.pipeline.runs import Entry, differing, figures_of, notes

FORMATS = ("csv", "json", "html")
FACTS = ("data", "target", "task", "rows")


def to_json(entries: Sequence[Entry]) -> str:
    """A list with an object for each run, in ASCII."""
    options = differing(entries)
    found = [
        {
            "run": entry.name, "path": entry.path, **{name: getattr(entry, name) for name in FACTS},
            "options": {name: entry.options.get(name) for name in options if entry.options},
            "figures": entry.figures, "intervals": entry.intervals, "seconds": entry.seconds,
            "started": entry.started, "sha256": entry.sha256, "problem": entry.problem,
        }
        for entry in entries
    ]  # fmt: skip
    return json.dumps(found, indent=2) + "\n"


def to_csv(entries: Sequence[Entry]) -> str:
    """A row for each run: a column for each option that differs, each figure and each end of its interval."""
    options, figures = differing(entries), figures_of(entries)
    with_ends = [name for name in figures if any(name in entry.intervals for entry in entries)]
    ends = [f"{name}_{end}" for name in with_ends for end in ("low", "high")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(shown, ["run", *FACTS, *options, *figures, *ends, "seconds", "started", "problem"]))
    for entry in entries:
        between = [end for name in with_ends for end in entry.intervals.get(name, (None, None))]
        cells = [
            entry.name, *(getattr(entry, name) for name in FACTS), *(entry.options.get(name) for name in options),
            *(entry.figures.get(name) for name in figures), *between, entry.seconds, entry.started, entry.problem,
        ]  # fmt: skip
        writer.writerow(["" if cell is None else shown(cell) for cell in cells])
    return text.getvalue()


def to_html(entries: Sequence[Entry], title: str) -> str:
    """A page, complete in itself, in which nothing runs."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pydl.pipeline", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(shown=shown, number=number, between=between)
    page = environment.get_template("runs.html.jinja")
    return page.render(
        title=title, entries=entries, options=differing(entries), figures=figures_of(entries), notes=notes(entries)
    )


def shown(value: Any) -> str:
    """A cell: a value of JSON as a short text without anything that steers a terminal."""
    text = (
        value if isinstance(value, str)
        else "" if value is None
        else ("no", "yes")[value] if isinstance(value, bool)
        else ",".join(map(shown, value)) if isinstance(value, list)
        else json.dumps(value) if isinstance(value, dict)
        else str(value)
    )  # fmt: skip
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def settings(entry: Entry, options: Sequence[str]) -> str:
    """The options of a run that differ from those of others."""
    return " ".join(f"{name}={shown(entry.options.get(name))}" for name in options) if entry.options else ""
