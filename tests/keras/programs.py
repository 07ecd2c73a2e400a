"""Runs public Keras programs, unchanged, with pydl in Keras's place: `python -m tests.keras.programs FOLDER [PART]`.

Each .py file (statement by statement) and .ipynb file (cell by cell) under FOLDER whose path contains PART runs in a
process of its own, goes on after errors, and gets a row: its cells, the errors that pydl causes, those of what is
around it (packages, data and parts of TensorFlow that are not there), and the first of pydl's. A NameError that follows
from a cell that failed counts for nothing. Training is cut short; see `tests/keras/surroundings.py`. Programs that need
what pydl lacks on purpose have rows, but are left out of the sums.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 240  # for one program; what has not run by then is not counted
# What pydl says in docs/keras.md that it does not have.
APART = re.compile(
    r"\b(LSTM|GRU|SimpleRNN|RNN|Bidirectional|ConvLSTM\w+|TimeDistributed|\w*Attention|GradientTape|train_step|Conv3D\w*|"
    r"(?:[Ss]tateless_?\w*|value_and_grad)|torch|jax\.\w+)\b|weights=[\"']imagenet"
)


def cells_of(path: Path) -> list[str]:
    """The parts of a program that run one after the other."""
    if path.suffix == ".py":
        text = path.read_text(encoding="utf-8")
        parts = [ast.get_source_segment(text, n) or "" for n in ast.parse(text).body if not _is_text(n)]
        decorated = {n.lineno: n for n in ast.parse(text).body if getattr(n, "decorator_list", None)}
        lines = text.splitlines()
        for node in decorated.values():  # a segment of a class or function leaves its decorators out
            segment = ast.get_source_segment(text, node) or ""
            first = min(d.lineno for d in node.decorator_list)  # type: ignore[attr-defined]
            parts[parts.index(segment)] = "\n".join(lines[first - 1 : node.end_lineno])
        return parts
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in found if c["cell_type"] == "code"]
    return [_without_magic(s) for s in sources if s.strip() and not s.lstrip().startswith("%%")]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _without_magic(source: str) -> str:
    return re.sub(r"^(\s*)[!%].*$", r"\1pass", source, flags=re.MULTILINE)


def _assigned(source: str) -> set[str]:
    """Names that a cell would have made."""
    names: set[str] = set()
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
    return names


def cause(error: BaseException, lost: set[str]) -> str:
    """Whose an error is: "follows", "around" or "pydl"."""
    if isinstance(error, NameError):
        return "follows" if error.name in lost else "around"
    text = str(error)
    if isinstance(error, ImportError):
        return "pydl" if re.search(r"\b(pydl|keras)\b", text) and "tensorflow." not in text else "around"
    if isinstance(error, (OSError, SyntaxError)) or "module 'tensorflow" in text or "stand-in of TensorFlow" in text:
        return "around"
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if any(f.startswith(str(ROOT / "pydl")) for f in files):
        return "pydl"
    return "pydl" if files[-1].startswith("<cell") else "around"


def run_one(path: Path) -> dict[str, Any]:
    """Runs a program in this process and counts its errors."""
    from tests.keras import surroundings

    surroundings.install()
    sources = cells_of(path)
    counts: Counter[str] = Counter()
    lost: set[str] = set()
    errors: list[str] = []
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    for number, source in enumerate(sources):
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                exec(compile(source, f"<cell {number}>", "exec"), scope)
        except (Exception, SystemExit) as error:
            whose = cause(error, lost)
            counts[whose] += 1
            lost |= _assigned(source) - scope.keys()
            line = f"cell {number}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            errors.append(f"{whose:7s} {line}\n" + "".join(traceback.format_tb(error.__traceback__)[-3:]))
    return {"cells": len(sources), **counts, "errors": errors}


def run_apart(path: Path) -> dict[str, Any]:
    """Runs a program in a process and a folder of their own."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.keras.programs", "--one", str(path.resolve())]
        try:
            done = subprocess.run(
                command, cwd=folder, env=settings, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return {"cells": 0, "around": 1, "errors": [f"around  took more than {SECONDS} s"]}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"cells": 0, "pydl": 1, "errors": [f"pydl    the process ended with {done.returncode}: {last}"]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        print(json.dumps(run_one(Path(arguments[1]))))
        return
    wordy = "-v" in arguments
    folder, part = ([a for a in arguments if a != "-v"] + [""])[:2]
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix in (".py", ".ipynb") and part in str(p))
    sums: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    print(f"{'cells':>5s} {'pydl':>4s} {'around':>6s}  program")
    for path in paths:
        apart = APART.search("\n".join(cells_of(path)))
        result = run_apart(path)
        ours = [e for e in result["errors"] if e.startswith("pydl")]
        row = f"{result['cells']:5d} {result.get('pydl', 0):4d} {result.get('around', 0):6d}"
        print(f"{row}  {path.relative_to(folder)}{f' (needs {apart.group()})' if apart else ''}", flush=True)
        for error in result["errors"] if wordy else []:
            print("      " + error.rstrip().replace("\n", "\n      "))
        if ours and not wordy:
            print(f"{'':19s}{ours[0].splitlines()[0][8:160]}")
        if not apart:
            sums["counted"] += 1
            sums["without"] += not ours
            sums["whole"] += not result["errors"]
            kinds.update(re.sub(r"cell \d+: |\d+", "", e.splitlines()[0][8:100]) for e in ours)
    print(
        f"{sums['without']} of {sums['counted']} programs have no error that pydl causes, {sums['whole']} none at all"
    )
    for kind, count in kinds.most_common(15):
        print(f"{count:4d} x {kind}")


if __name__ == "__main__":
    main(sys.argv[1:])
