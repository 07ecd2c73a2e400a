"""The command line: `python -m bench PART ... [--quick] [--threads N] [--peers a,b] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

try:
    import pydl  # noqa: F401
except ImportError as error:
    if error.name != "pydl":
        raise
    print("bench: no pydl here that is built: run `make bench`, or `pip install --editable .` first", file=sys.stderr)
    sys.exit(2)

from bench import (
    cfile,
    epochs,
    estimators,
    gemm,
    grid,
    imports,
    kernels,
    machine,
    memory,
    neighbours,
    plans,
    predict,
    readme,
    rivals,
    rows,
    steps,
    threads,
    vision,
)
from bench.table import markdown, number
from bench.timing import Setting
from pydl import config

PARTS: dict[str, Any] = {
    "kernels": kernels, "gemm": gemm, "steps": steps, "epochs": epochs, "predict": predict, "rows": rows, "plan": plans,
    "memory": memory, "import": imports, "threads": threads, "grid": grid, "estimators": estimators,
    "neighbours": neighbours, "vision": vision, "cfile": cfile,
}  # fmt: skip


def main() -> None:
    """Run the parts asked for; print Markdown, write JSON."""
    first = {name: (part.__doc__ or "").strip().partition("\n")[0] for name, part in PARTS.items()}
    parser = argparse.ArgumentParser(
        "python -m bench",
        description="Measure pydl beside the libraries that are installed; see also python -m bench.compare.",
        epilog="\n".join(["parts:", *(f"  {name:8} {line}" for name, line in first.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="+", choices=[*PARTS, "all", "readme"], metavar="PART",
                        help="one or more of those below, or all; readme: rewrite README.md's figures")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, and what they were measured on")
    parser.add_argument("--results", type=Path, metavar="FILE", help="readme: take these instead of measuring")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--threads", type=int, default=config.get_num_threads(), metavar="N",
                        help="of every library; default %(default)s")  # fmt: skip
    parser.add_argument("--peers", metavar="NAMES", help=f"of {', '.join(rivals.LIBRARIES)}; default: all installed")
    given = parser.parse_args()
    peers = None if given.peers is None else tuple(given.peers.split(","))
    setting = Setting(given.threads, given.quick, peers)
    wanted = set(given.part) | (set(PARTS) if "all" in given.part else set())
    if "readme" in wanted:
        wanted |= set(readme.PARTS)
    if given.results:
        results = json.loads(given.results.read_text())
    else:
        results = measure([name for name in PARTS if name in wanted], setting, given.json)
    if "readme" in wanted:
        readme.write(results)


def measure(parts: list[str], setting: Setting, file: Path | None) -> dict[str, Any]:
    """Results by part, printed and written as they come."""
    about = machine.describe(setting)
    print("\n".join(machine.lines(about)), flush=True)
    if about["load"] > 0.5:
        print("\nThe machine is busy with something else: figures on several threads may be far off.", flush=True)
    results: dict[str, Any] = {"machine": about, "summary": {}}
    for name in parts:
        part = PARTS[name]
        print(f"\n## {name}\n\n{(part.__doc__ or '').strip()}\n", flush=True)
        results[name] = rows = part.run(setting)
        print(markdown(rows))
        if hasattr(part, "summary"):
            results["summary"][name] = figures = part.summary(rows)
            print("\n" + "\n".join(f"- {what}: {number(value)}" for what, value in figures.items()), flush=True)
        about["load at the end"] = os.getloadavg()[0]
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(results, indent=1) + "\n")
    return results


if __name__ == "__main__":
    main()
