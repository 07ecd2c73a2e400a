"""The command line: `python -m bench kernels | steps | epochs | all [--json FILE]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench import epochs, kernels, machine, steps
from bench.table import markdown

PARTS = {"kernels": kernels, "steps": steps, "epochs": epochs}


def main() -> None:
    """Run the parts asked for; print Markdown, write JSON."""
    parser = argparse.ArgumentParser("python -m bench", description="Measure pydl, beside torch where it is installed.")
    parser.add_argument("part", choices=[*PARTS, "all"], help="each op; training steps; epochs of MNIST; all of them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, and what they were measured on")
    given = parser.parse_args()
    results: dict[str, object] = {"machine": machine.describe()}
    print("\n".join(f"- {name}: {value}" for name, value in machine.describe().items()))
    for name, part in PARTS.items():
        if given.part in (name, "all"):
            results[name] = rows = part.run()
            print(f"\n## {name}\n\n{(part.__doc__ or '').strip()}\n\n{markdown(rows)}", flush=True)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
