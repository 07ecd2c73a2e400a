"""What `import pydl` does to a process: nothing but define names, and soon."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

import pydl
from tests.process import python, says

LIMIT = 1.5  # times NumPy's own import


CHANGES = """
import json, os, signal, sys, threading
import numpy

def state():
    return {
        "environment": dict(os.environ),
        "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
        "signals": [str(signal.getsignal(s)) for s in sorted(signal.valid_signals())],
        "smallest number": float(numpy.float32(1e-45) * numpy.float32(1)),
        "print options": repr(numpy.get_printoptions()),
        "error mode": repr(numpy.geterr()),
    }

before, loaded = state(), set(sys.modules)
import pydl
after, packages = state(), {name.split(".")[0] for name in set(sys.modules) - loaded}
names = {name for name in packages - set(sys.stdlib_module_names) if "cython" not in name}
print(json.dumps([before, after, sorted(names)]))
"""


@pytest.fixture(scope="module")
def changes() -> Any:
    return json.loads(says(CHANGES))


def test_it_changes_nothing(changes: Any) -> None:
    before, after, _ = changes
    assert before["smallest number"] > 0
    assert before == after


def test_it_imports_its_dependencies_only(changes: Any) -> None:
    assert set(changes[2]) <= {"pydl", "numpy", "tqdm"}


def test_it_prints_nothing() -> None:
    done = python("import pydl", PYTHONWARNINGS="error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("package", ["layers", "losses", "metrics", "optimizers", "callbacks", "models", "utils"])
def test_no_function_has_the_name_of_a_module_beside_it(package: str) -> None:
    """Whoever imports the module first would make it stand for the function."""
    public = importlib.import_module(f"pydl.{package}")
    modules = {module.name for module in pkgutil.iter_modules(public.__path__)}
    assert modules & set(public.__all__) <= {"schedules", "np_utils", "bounding_boxes"}  # modules, and meant as such


RARE = """
import sys
import pydl
vocabulary = "layers.dense losses.regression metrics.accuracy optimizers.adam callbacks.csv_logger".split()
assert not {"pydl.datasets", "pydl.saving", *(f"pydl.{module}" for module in vocabulary)} & set(sys.modules)
assert {"Dense", "dot"} <= set(dir(pydl.layers)) and "Adam" in dir(pydl.optimizers) and "mse" in dir(pydl.losses)
assert "pydl.layers.dense" not in sys.modules
assert pydl.layers.Dot and callable(pydl.layers.dot)  # the function, not the module that both are in
assert pydl.losses.mse is pydl.losses.mean_squared_error
print(pydl.datasets.digits.__name__, pydl.callbacks.CSVLogger.__name__)
from pydl import *
from pydl.callbacks import *
print(datasets.mnist.__name__, BackupAndRestore.__name__)
for module in (pydl, callbacks):
    try:
        module.nothing
    except AttributeError as error:
        print(error)
"""


def test_what_few_programs_need_comes_when_asked_for() -> None:
    assert says(RARE).splitlines() == [
        "pydl.datasets.digits CSVLogger",
        "pydl.datasets.mnist BackupAndRestore",
        "module 'pydl' has no attribute 'nothing'",
        "module 'pydl.callbacks' has no attribute 'nothing'",
    ]


SOURCE = """
import sys
sys.meta_path = [f for f in sys.meta_path if not type(f).__module__.startswith("_editable")]  # an editable install's
sys.path.insert(0, sys.argv[1])
try:
    import pydl
except ImportError as error:
    print(type(error).__name__, error.name, error)
"""


def test_source_that_is_not_built_says_what_to_do(tmp_path: Path) -> None:
    here = Path(pydl.__file__).parent
    shutil.copytree(here, tmp_path / "pydl", ignore=shutil.ignore_patterns("_core.*so", "__pycache__"))
    told = says(SOURCE, tmp_path)
    assert told.startswith(f"ImportError pydl {tmp_path / 'pydl'} is pydl's source and not built: ")
    assert "pip install --editable ." in told
    assert len(told.splitlines()) == 1
    (tmp_path / "pydl" / "_core.py").write_text("import a_library_that_is_not_there")
    assert says(SOURCE, tmp_path).startswith("ModuleNotFoundError a_library_that_is_not_there ")


TIMES = """
import time
a = time.process_time(); import numpy; b = time.process_time(); import pydl; c = time.process_time()
print((c - a) / (b - a))
"""


@pytest.mark.alone
def test_it_takes_little_longer_than_numpy(tmp_path: Path) -> None:
    cached = {
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "",
    }  # both compiled to bytecode, as an installed package is
    says("import pydl", **cached)
    rounds: list[float] = []
    while len(rounds) < 4 and (not rounds or rounds[-1] > LIMIT):  # another load of the machine comes and goes
        rounds.append(statistics.median(float(says(TIMES, **cached)) for _ in range(5)))
    assert min(rounds) <= LIMIT, rounds
