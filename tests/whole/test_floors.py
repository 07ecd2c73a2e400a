"""Who may use whom: ARCHITECTURE.md's table of floors against the includes of C and the imports of Python files."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "_core"
LIBRARY = ROOT / "src" / "_lib"
BRIDGE = ROOT / "src" / "bridge"
CONTRACTS = ["pd.h", "shares.h", "op_args.h", "ops.def", "families.def", "rng.h", "allocator.h", "tuning.h"]
INTRINSICS = ["immintrin.h", "emmintrin.h", "arm_neon.h"]  # for vec.h
SEES_ISA = ["vec.h", "kernel.h", "gemm.h", "gemm_tile.c"]  # on floor 0
DEPENDENCIES = {"numpy", "tqdm", "pydl"}


@dataclass(frozen=True)
class Floor:
    number: int
    steps: list[list[str]]  # each above those before it
    uses: list[str]

    @property
    def files(self) -> list[str]:
        return [file for step in self.steps for file in step]


def floors() -> dict[int, Floor]:
    rows = re.findall(r"^\| (\d) \|([^|]*)\|([^|]*)\|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    return {int(n): Floor(int(n), [quoted(s) for s in files.split("then")], quoted(uses)) for n, files, uses in rows}


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


FLOORS = floors()


def test_the_table_is_read() -> None:
    assert sorted(FLOORS) == list(range(7))
    assert all(floor.files for floor in FLOORS.values())


# ---- C and Cython ---------------------------------------------------------------------------------------------------
C_FILES = sorted(p.relative_to(CORE).as_posix() for p in CORE.rglob("*") if p.suffix in (".c", ".h", ".def"))


def without_comments(text: str) -> str:
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def c_floor(name: str) -> int | None:
    """The floor of a file below src/_core; None for a contract."""
    found = [n for n in (0, 1) if any(fnmatch(f"src/_core/{name}", pattern) for pattern in FLOORS[n].files)]
    if name in CONTRACTS:
        return None
    assert len(found) == 1, f"{name} stands on floors {found}: give it one in ARCHITECTURE.md"
    return found[0]


@pytest.mark.parametrize("name", C_FILES)
def test_includes(name: str) -> None:
    text, floor = (CORE / name).read_text(), c_floor(name)
    allowed = FLOORS[floor].uses if floor is not None else [*CONTRACTS, "<stddef.h>", "<stdint.h>", "<string.h>"]
    allowed = allowed + [f"<{header}>" for header in INTRINSICS if name == "kernels/vec.h"]
    for quote, header in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', text, re.MULTILINE):
        inside = (CORE / name).parent.joinpath(header).resolve()
        entry = f"<{header}>" if quote == "<" else inside.relative_to(CORE).as_posix()
        assert any(fnmatch(entry, pattern) for pattern in allowed), f"{name} includes {entry}"


@pytest.mark.parametrize("name", [name for name in C_FILES if name != "exec.c"])
def test_openmp_in_exec_only(name: str) -> None:
    assert not re.search(r"omp\.h|#\s*pragma\s+omp|\bomp_\w+", (CORE / name).read_text())


@pytest.mark.parametrize("name", [name for name in C_FILES if name.endswith((".c", ".h"))])
def test_words_of_other_floors(name: str) -> None:
    code, floor = without_comments((CORE / name).read_text()), c_floor(name)
    unwanted = r"\b(\w*printf|puts|fopen|abort|exit|assert|Py\w+|getenv|setenv)\s*\("
    assert not re.search(unwanted, code)
    if name != "arena.c":
        assert not re.search(r"\b(malloc|calloc|realloc|aligned_alloc|free|strdup)\s*\(", code)
    if floor == 0 and Path(name).name not in SEES_ISA:
        conditions = re.findall(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*", code, re.MULTILINE)
        assert not [c for c in conditions if re.search(r"PD_ISA|__(SSE|AVX|FMA|ARM|aarch|x86|amd|i386)", c)]
        assert not re.search(r"\b(_mm\d*_|__m\d|v\w+q_f)\w*", code)


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.[chd]*")), ids=lambda path: path.name)
def test_the_library(path: Path) -> None:
    (row,) = re.findall(r"^\| C \|([^|]*)\|([^|]*)\|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    text, (files, allowed) = path.read_text(), map(quoted, row)
    assert fnmatch(path.relative_to(ROOT).as_posix(), files[0])
    for quote, header in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', text, re.MULTILINE):
        entry = f"<{header}>" if quote == "<" else f"_lib/{header}" if (LIBRARY / header).exists() else header
        assert any(fnmatch(entry, pattern) for pattern in allowed), f"{path.name} includes {entry}"
    code = without_comments(text)
    unwanted = (
        r"\b(f?printf|f?puts|perror|abort|exit|assert|getenv|setenv|malloc|calloc|realloc|aligned_alloc|free)\s*\("
    )
    assert not re.search(unwanted, code)
    assert not re.search(r"#\s*pragma\s+omp|\bomp_\w+", text)


def test_the_bridge_sees_the_headers_of_its_row_only() -> None:
    assert not [p.name for p in CORE.rglob("*") if p.suffix.startswith(".p")]  # so that C programs can do without it
    files = sorted(BRIDGE.iterdir())
    assert {p.suffix for p in files} == {".pyx", ".pxi", ".pxd"}
    for path in files:
        assert fnmatch(path.relative_to(ROOT).as_posix(), FLOORS[2].files[0])
        headers = re.findall(r"cdef extern from [\"<]([^\">]+)", path.read_text())
        assert set(headers) <= set(FLOORS[2].uses), f"{path.name} declares {headers}"


# ---- Python ---------------------------------------------------------------------------------------------------------
MODULES = {p.relative_to(ROOT).with_suffix("").as_posix(): p for p in sorted((ROOT / "pydl").rglob("*.py"))}
# Inside functions, as ARCHITECTURE.md says: an import that goes up, and one that closes a circle.
UPWARD = {("pydl/layers/base", "pydl/_training/eager"), ("pydl/utils/installing", "pydl/__init__")}


def place(module: str) -> tuple[int, int]:
    """The floor of a module, and its step there."""
    name = module.removeprefix("pydl/")
    package = name.split("/")[0] + "/" if "/" in name else name
    found = [(n, k) for n in range(3, 7) for k, step in enumerate(FLOORS[n].steps) if package in step]
    assert len(found) == 1, f"{module} stands in {found}: give it one place in ARCHITECTURE.md"
    return found[0]


@dataclass(frozen=True)
class Import:
    target: str  # pydl/losses, pydl/_core, or the top-level name of another package
    lazy: bool  # inside a function
    typing: bool  # under TYPE_CHECKING


def target(name: str) -> str:
    """The file that a dotted name means, a package's __init__ and attributes of modules included."""
    if not name.startswith("pydl"):
        return name.split(".")[0]
    path = name.replace(".", "/")
    while path != "pydl" and path not in MODULES and path != "pydl/_core" and f"{path}/__init__" not in MODULES:
        path = path.rpartition("/")[0]
    return path if path in MODULES or path == "pydl/_core" else f"{path}/__init__"


def imports(tree: ast.AST, lazy: bool = False, typing: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(target(alias.name), lazy, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (Import(target(f"{node.module}.{alias.name}"), lazy, typing) for alias in node.names)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        yield from imports(node, lazy or function, typing or checking)


@pytest.mark.parametrize("module", MODULES)
def test_imports(module: str) -> None:
    floor, step = place(module)
    for used in imports(ast.parse(MODULES[module].read_text())):
        if used.target == "pydl/_core":
            assert floor == 3, f"{module} imports _core: floor 3 does that for it"
        elif used.target.startswith("pydl/"):
            up = place(used.target) > (floor, step) and not (used.lazy and (module, used.target) in UPWARD)
            assert not up, f"{module} imports {used.target}, which stands above it"
        else:
            known = floor == 6 or used.lazy or used.typing or used.target in sys.stdlib_module_names | DEPENDENCIES
            assert known, f"{module} imports {used.target}: only where it is used"


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if m.startswith(("pydl/layers/", "pydl/losses/", "pydl/metrics/", "pydl/optimizers/"))],
)
def test_siblings_share_their_base_only(module: str) -> None:
    package, _, name = module.rpartition("/")
    used = {i.target for i in imports(ast.parse(MODULES[module].read_text())) if i.target.startswith(f"{package}/")}
    names = ("annotated", "channelwise", "convolving", "core", "given_shapes", "host", "images", "input_spec",
             "interpolating", "lookup", "low_rank", "merging", "own_code", "pooled", "positions", "renormalizing",
             "spatial", "weighted")  # fmt: skip
    of_layers = names if package == "pydl/layers" else ()
    shared = ("base", "schedules", *of_layers)
    made_of_others = module in {f"pydl/layers/{each}" for each in ("images", "jittering", "rand_augment")}
    assert name == "__init__" or made_of_others or used <= {f"{package}/{each}" for each in shared}


def circle(uses: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last is the first again; none if there are no such."""
    done: set[str] = set()

    def look(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            for used in sorted(uses[module]):
                if found := look(used, [*path, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in uses if (found := look(module, []))), [])


def test_no_circles() -> None:
    uses = {
        module: {
            i.target
            for i in imports(ast.parse(path.read_text()))
            if i.target in MODULES and not i.typing and not (i.lazy and (module, i.target) in UPWARD)
        }
        for module, path in MODULES.items()
    }
    assert " -> ".join(circle(uses)) == ""


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}) == ["b", "c", "d", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
