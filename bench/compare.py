"""Two results of `python -m bench ... --json FILE`, and what moved beyond the noise: python bench/compare.py OLD NEW.

A figure has moved where the quartiles of the rounds do not overlap and the medians differ by more than `--least`. Of
a run at a bad moment all the times are bad: ratios to peers, which were measured in turns, can be trusted first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Key = tuple[str, ...]


def figures(results: dict[str, Any]) -> Iterator[tuple[Key, dict[str, float]]]:
    """Every figure that has a spread, by its part, the row's first columns (those of names and sizes) and its own."""
    for part, rows in results.items():
        if part in ("machine", "summary"):
            continue
        for row in rows:
            values = list(row.items())
            first = next((i for i, (_, v) in enumerate(values) if not isinstance(v, str | int)), len(values))
            for column, value in values[first:]:
                if isinstance(value, dict):
                    yield (part, *(str(v) for _, v in values[:first]), column), value


def improves(column: str) -> int:
    """1 where more is better, -1 where less is."""
    return 1 if column.endswith(("GFLOP/s", "GB/s", "/ pydl", "/ this")) else -1


def compare(old: dict[str, Any], new: dict[str, Any], least: float = 0.05) -> list[str]:
    """Lines on what moved, then how many figures did not, and what only one of the two has."""
    before, after = dict(figures(old)), dict(figures(new))
    lines, same = [], 0
    for key in before.keys() & after.keys():
        a, b = before[key], after[key]
        apart = a["high"] < b["low"] or b["high"] < a["low"]
        change = b["median"] / a["median"] - 1 if a["median"] else 0.0
        if not apart or abs(change) <= least:
            same += 1
            continue
        verdict = "better" if change * improves(key[-1]) > 0 else "WORSE "
        lines.append((verdict, key, f"{a['median']:.4g} -> {b['median']:.4g} ({change:+.0%})"))
    told = [f"{verdict}  {': '.join(key)}: {numbers}" for verdict, key, numbers in sorted(lines)]
    told += [f"{same} figures did not move beyond the noise"]
    for name, some in (("old", before.keys() - after.keys()), ("new", after.keys() - before.keys())):
        told += [f"{len(some)} figures are in the {name} file only"] if some else []
    return told


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What else differs between the runs."""
    keys = ("cpu", "isa", "threads", "quick", "platform", "compiler", "python", "versions")
    pairs = {key: (old["machine"].get(key), new["machine"].get(key)) for key in keys}
    return [f"note: {key} differs: {a} and {b}" for key, (a, b) in pairs.items() if a != b]


def main() -> None:
    """Read both, print."""
    parser = argparse.ArgumentParser("python bench/compare.py", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--least", type=float, default=0.05, metavar="SHARE", help="smallest change, default 0.05")
    given = parser.parse_args()
    old, new = (json.loads(file.read_text()) for file in (given.old, given.new))
    print("\n".join([*differences(old, new), *compare(old, new, given.least)]))


if __name__ == "__main__":
    main()
