"""The figures of README.md, between two comments in it, and the picture docs/steps.svg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import chart
from bench.table import markdown, number

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- bench: written by `make bench-readme` -->", "<!-- end of bench -->"
PARTS = ["gemm", "steps", "epochs", "predict", "import"]

Rows = list[dict[str, Any]]


def write(results: dict[str, Any], root: Path = ROOT) -> None:
    """Draw the picture and replace the text between the comments."""
    picture, page = root / "docs" / "steps.svg", root / "README.md"
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: expected the comments {BEGIN} and {END} around the figures")
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(chart.draw(results))
    page.write_text(f"{before}{BEGIN}\n\n{figures(results)}\n\n{END}{after}")


def figures(results: dict[str, Any]) -> str:
    """What stands between the comments."""
    about = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return "\n\n".join(
        [
            "![Microseconds per training step of pydl and others](docs/steps.svg)",
            f"Microseconds per training step (Adam, float32, {about['threads']} threads){_peak(about)}:",
            markdown(_steps(results["steps"])),
            "Microseconds per prediction of one row (one thread), median and 99th percentile:",
            markdown(_predictions(results["predict"])),
            "MNIST, 784-256-10, batch 128, 6 epochs:",
            markdown(_epochs(results["epochs"])),
            _sentence(results),
            f"{about['cpu']} ({about['isa']}), {about['platform']}, {about['compiler']}; {versions}; "
            f"pydl {about['commit']}.",
        ]
    )


def _peak(about: dict[str, Any]) -> str:
    """What the shares are of."""
    best = about["peak"].get(f"float32 GFLOP/s, {about['threads']} threads")
    return f", and shares of the {number(best)} GFLOP/s that multiply-adds from registers reach" if best else ""


def _steps(rows: Rows) -> Rows:
    found = []
    for row in rows:
        times = {
            name.removesuffix(", us"): number(value["median"]) for name, value in row.items() if name.endswith(", us")
        }
        fastest = row.get("fastest peer / pydl")
        found.append(
            {"net": row["net"], **times}
            | ({"fastest other / pydl": f"**{number(fastest['median'])}**"} if fastest else {})
            | _shares(row)
        )
    return found


def _shares(row: dict[str, Any]) -> dict[str, str]:
    """Of the machine's peak, pydl's and that of the fastest other; nothing if no peak was measured."""
    shares = {name: share for name, share in row.items() if name.endswith(", of the peak")}
    columns = {}
    if "pydl, of the peak" in shares:
        columns["pydl's share of the peak"] = f"{shares.pop('pydl, of the peak'):.0%}"
    if shares:
        columns["fastest other's"] = f"{max(shares.values()):.0%}"
    return columns


def _predictions(rows: Rows) -> Rows:
    nets: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["rows"] == 1:
            times = f"{number(row['p50, us']['median'])} / {number(row['p99, us'])}"
            nets.setdefault(row["net"], {"net": row["net"]})[row["library"]] = times
    return list(nets.values())


def _epochs(rows: Rows) -> Rows:
    return [
        {"library": row["library"], "s per epoch": row["s per epoch"]["median"], "accuracy": f"{row['accuracy']:.2%}"}
        for row in rows
    ]


def _sentence(results: dict[str, Any]) -> str:
    """Products and imports, and what does not need a table."""
    summary = results["summary"]
    threads = results["machine"]["threads"]
    words = (
        f"`ops.matmul` against the faster of OpenBLAS and MKL on 12 shapes, {threads} threads: geometric mean "
        f"{summary['gemm'][f'geometric mean, {threads} threads']:.2f} times as fast, worst "
        f"{summary['gemm'][f'worst, {threads} threads']:.2f}. "
        f"`import pydl` takes {summary['import']['import pydl']:.2f} times as long as `import numpy`."
    )
    wheels = [row for row in results["import"] if "MB" in row]
    return words + (f" The wheel has {wheels[0]['MB']:.1f} MB." if wheels else "")
