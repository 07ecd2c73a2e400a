"""`pydl runs`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pydl.cli.errors import plain
from pydl.cli.output import print_table, tell
from pydl.pipeline.digits import between, number

if TYPE_CHECKING:
    from pydl.pipeline.runs import Entry

_NAME = 16  # characters of a terminal that the column of names is left with, at least


def command(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where the runs are, up to two levels deep.")],
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Where to write; else it is printed.")] = None,
    sort: Annotated[str | None, typer.Option(metavar="NAME", help="The best first, as by roc_auc or mae.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="As a page for browsers.")] = False,
) -> None:
    """Compare runs: options that differ, figures on test rows with 95 % intervals."""
    from pydl.pipeline import comparing
    from pydl.pipeline.runs import find, notes, ordered

    wanted = [name for name, on in zip(comparing.FORMATS, (as_csv, as_json, as_html), strict=True) if on]
    if file is not None and not wanted:
        wanted = [name for name in comparing.FORMATS if Path(file).suffix.lower() == f".{name}"]
        if not wanted:
            raise ValueError(f"{file}: expected a name that ends in .csv, .json or .html, or one of these options")
    if len(wanted) > 1:
        raise ValueError(f"--{' and --'.join(wanted)}: expected one of them")
    entries = find(folder)
    if sort is not None:
        entries = ordered(entries, sort)
    if not wanted:
        _table(entries, sort)
        for note in notes(entries):
            _wrapped(f"note: {note}")
        return
    text = {
        "csv": comparing.to_csv, "json": comparing.to_json,
        "html": lambda found: comparing.to_html(found, f"runs in {folder}"),
    }[wanted[0]](entries)  # fmt: skip
    if file is None:
        sys.stdout.write(text)
    else:
        from pydl._base.replacing import replaced

        with replaced(Path(file), "w") as out:
            out.write(text)


def _table(entries: Sequence[Entry], sort: str | None) -> None:
    """What all runs share in a line, the rest in a table; where it is not whole, what is wrong below."""
    whole = [entry for entry in entries if entry.figures or entry.problem is None]
    if whole:
        if sys.stdout.isatty():
            _for_a_terminal(whole, sort)
        else:
            _for_a_file(whole)
    for entry in entries:
        if entry.problem is not None:
            _wrapped(f"{entry.name}: {entry.problem}")


def _for_a_file(entries: Sequence[Entry]) -> None:
    """A line for each run, with all of it."""
    from pydl.pipeline import comparing, runs

    figures, options = runs.figures_of(entries), runs.differing(entries)
    rows = []
    for entry in entries:
        told = [between(entry.intervals.get(name)) for name in figures]
        rows.append([
            entry.name, *(comparing.shown(getattr(entry, name)) for name in comparing.FACTS),
            comparing.settings(entry, options),
            *(number(entry.figures.get(name)) + (f" ({ends})" if ends else "")
              for name, ends in zip(figures, told, strict=True)),
            comparing.shown(entry.seconds), comparing.shown(entry.started),
        ])  # fmt: skip
    print_table(["run", *comparing.FACTS, "options", *(n.replace("_", " ") for n in figures), "seconds", "date"], rows)


def _for_a_terminal(entries: Sequence[Entry], sort: str | None) -> None:
    """As many figures as fit beside names; below a name what its run has of its own."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # what stands in brackets is no markup to it

    from pydl.pipeline import comparing, runs

    options, facts = runs.differing(entries), [_facts(entry) for entry in entries]
    same = [fact for fact in facts[0] if all(fact in told for told in facts)]
    if same:
        _wrapped(", ".join(same))
    figures = sorted(runs.figures_of(entries), key=lambda name: sort is None or name != runs.column(sort))
    columns = {}
    for name in figures:
        cells = [
            f"{number(entry.figures.get(name))}\n{between(entry.intervals.get(name))}".rstrip() for entry in entries
        ]
        columns[name.replace("_", " ")] = cells
    ends = {
        "seconds": ["" if entry.seconds is None else f"{entry.seconds:,.1f}" for entry in entries],
        "date": [comparing.shown(entry.started)[:10] for entry in entries],
    }
    width = Console().width
    left = width - _NAME - 4 - sum(_width(name, cells) for name, cells in ends.items())
    table = Table(show_lines=True)
    table.add_column("run", overflow="fold")
    chosen: list[list[str]] = []
    for name, cells in columns.items():
        left -= _width(name, cells)
        if chosen and left < 0:
            break
        chosen.append(cells)
        table.add_column(Text(plain(name)), justify="right", no_wrap=True)
    for name in ends:
        table.add_column(name, justify="right", no_wrap=True)
    for i, entry in enumerate(entries):
        own = [*(fact for fact in facts[i] if fact not in same), comparing.settings(entry, options)]
        about = "\n".join(plain(line) for line in (entry.name, ", ".join(own[:-1]), own[-1]) if line)
        table.add_row(Text(about), *(Text(cells[i]) for cells in (*chosen, *ends.values())))
    Console().print(table)
    if len(chosen) < len(columns):
        _wrapped(f"also: {', '.join(list(columns)[len(chosen) :])} (--csv shows all)")


def _facts(entry: Entry) -> list[str]:
    said = {"target": "target ", "data": "", "task": ""}
    found = [f"{word}{getattr(entry, name)}" for name, word in said.items() if getattr(entry, name) is not None]
    return [*found, f"{entry.rows:,} rows"] if entry.rows is not None else found


def _width(name: str, cells: Sequence[str]) -> int:
    return max(len(line) for cell in (name, *cells) for line in cell.split("\n")) + 3


def _wrapped(text: str) -> None:
    """A line, broken where it goes to a terminal."""
    from rich.console import Console

    text = plain(text, None)
    tell("\n".join(textwrap.wrap(text, Console().width)) if sys.stdout.isatty() else text)
