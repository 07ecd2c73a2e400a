"""Builds the sdist and the wheel into dist/ and holds them to what the project promises of its packages.

The wheel is built twice from the sdist, without network, in an environment that has the build requirements and nothing
else; then the suite runs against the installed wheel, in an environment and a folder that know nothing of the checkout.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
LARGEST = 3_000_000  # bytes
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = {"numpy", "tqdm"}
CONTENTS = {
    "pydl/__init__.py", "pydl/_core.abi3.so", "pydl/_core.pyi", "pydl/py.typed", "pydl/datasets/digits.csv.gz",
    "pydl/datasets/README.txt", "pydl/include/pydl.h", "pydl/lib/libpydl.so", "pydl/lib/cmake/pydl/pydl-config.cmake",
    "pydl/lib/cmake/pydl/pydl-config-version.cmake", "pydl/lib/pkgconfig/pydl.pc",
}  # fmt: skip


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command, its environment cleared of what would lead to the checkout; its output is returned on success."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        cwd=cwd,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def environment(folder: Path, *requirements: str) -> Path:
    """The Python of a new virtual environment."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)
    return python


def check(holds: bool, promise: str) -> None:
    print(f"  {'ok' if holds else 'BROKEN'}: {promise}")
    if not holds:
        sys.exit(1)


def build_sdist() -> Path:
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", DIST)
    (sdist,) = DIST.glob("*.tar.gz")
    return sdist


def build_wheel(python: Path, sdist: Path, outdir: Path, epoch: str) -> Path:
    """The wheel of the sdist, unpacked by pip somewhere of its own; nothing may be fetched."""
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--quiet"]
    nowhere = {"PIP_FIND_LINKS": "", "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    run(python, "-m", "pip", "wheel", *options, "--wheel-dir", outdir, sdist, SOURCE_DATE_EPOCH=epoch, **nowhere)
    (wheel,) = outdir.glob("*.whl")
    return wheel


def check_wheel(wheel: Path, second: Path) -> None:
    digests = [hashlib.sha256(w.read_bytes()).hexdigest() for w in (wheel, second)]
    check(digests[0] == digests[1], "two builds are equal to the byte")
    check("-cp311-abi3-" in wheel.name, f"one wheel for CPython 3.11 and later: {wheel.name}")
    check(wheel.stat().st_size <= LARGEST, f"{wheel.stat().st_size:,} bytes, at most {LARGEST:,}")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        with tempfile.TemporaryDirectory() as folder:
            libraries = [archive.extract(name, folder) for name in ("pydl/_core.abi3.so", "pydl/lib/libpydl.so")]
            sections = run("objdump", "-h", *libraries)
    check(names >= CONTENTS, f"it holds {', '.join(sorted(CONTENTS))}")
    extra = {
        name
        for name in names - CONTENTS
        if not re.match(r"pydl/|pydl-[\d.]+\.dist-info/", name) or name.endswith((".c", ".h"))
    }
    check(not extra, f"and nothing that belongs elsewhere {sorted(extra) or ''}")
    check(".debug_info" not in sections and ".symtab" not in sections, "its libraries are stripped")
    print("  " + run(Path(sys.executable).parent / "abi3audit", "--strict", "--summary", wheel).strip())


def test_wheel(wheel: Path, folder: Path) -> None:
    """Run the suite against the installed wheel."""
    python = environment(folder / "fresh", f"{wheel}[test]")
    copy = folder / "suite"
    copy.mkdir()
    for name in ("tests", "bench"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    where = run(python, "-c", "import pydl; print(pydl.__file__)", cwd=copy).strip()
    check(where.startswith(str(folder)), f"pydl comes from {where}")
    print(run(python, "-m", "pytest", "-q", cwd=copy).strip().splitlines()[-1])


def write_sbom(wheel: Path, folder: Path) -> None:
    """A CycloneDX list of what an installed wheel brings with it, beside the wheel; what is compiled in is all ours."""
    python = environment(folder / "plain", str(wheel))
    run(python, "-m", "pip", "uninstall", "--yes", "--quiet", "pip", "setuptools")
    sbom = wheel.with_name(f"pydl-{PROJECT['project']['version']}.cdx.json")
    options = ["--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", sbom]
    run(Path(sys.executable).parent / "cyclonedx-py", "environment", *options, python)
    names = {component["name"] for component in json.loads(sbom.read_text())["components"]}
    check(names - {"pydl"} == DEPENDENCIES, f"{sbom.name} lists {', '.join(sorted(names))}")


def main() -> None:
    sdist = build_sdist()
    print(f"{sdist.relative_to(ROOT)}: {sdist.stat().st_size:,} bytes")
    with tempfile.TemporaryDirectory(prefix="pydl-wheel-") as temporary:
        folder = Path(temporary)
        python = environment(folder / "build", *PROJECT["build-system"]["requires"], "cmake", "ninja")
        epoch = run("git", "log", "-1", "--format=%ct").strip()
        wheels = [build_wheel(python, sdist, folder / name, epoch) for name in ("first", "second")]
        shutil.copy(wheels[0], DIST)
        print(f"dist/{wheels[0].name}: built offline from the sdist, without NumPy")
        check_wheel(*wheels)
        write_sbom(DIST / wheels[0].name, folder)
        test_wheel(wheels[0], folder)


if __name__ == "__main__":
    main()
