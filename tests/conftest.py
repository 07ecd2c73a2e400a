"""What tests share: instruction sets, dtypes, real data."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import pydl
from pydl import _core
from pydl._base.naming import own_names

# What reads the source tree, which an installed wheel does not have beside its tests.
OF_THE_SOURCE = [
    "core/test_blocking.py", "whole/test_floors.py", "core/test_leak_scan.py", "core/test_vmath.py",
    "library/test_rules.py",
]  # fmt: skip
collect_ignore = [] if (Path(__file__).parents[1] / "src").is_dir() else OF_THE_SOURCE


def pytest_report_header() -> str | None:
    return f"no source tree beside the tests: without {', '.join(collect_ignore)}" if collect_ignore else None


@pytest.hookimpl(tryfirst=True)  # before marks are looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Instruction sets but the one that this machine uses are left to the long tests, the few that pin bits aside.

    Tests that want the machine to themselves come last, when nothing else is left to be done meanwhile.
    """
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if params.get("isa", _core.isa()) != _core.isa() and "test_pins" not in item.nodeid:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Of the workers of pytest-xdist, one that runs a test marked `alone` waits for the others, and they for it."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough if a test left a forked child


@pytest.fixture(params=_core.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of this machine in turn, in use during the test."""
    previous = _core.set_isa(request.param)
    yield request.param
    _core.set_isa(previous)


@pytest.fixture
def fresh_names() -> Iterator[None]:
    """Automatic names are numbered from the beginning, whatever other tests have made."""
    with own_names():
        yield


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty report: for tests of runs that it is not the matter of, and it takes most of a short run's time."""
    monkeypatch.setattr("pydl.pipeline.report.write_report", lambda run, *arguments: run.write("report.html", ""))


@pytest.fixture
def float64() -> Iterator[None]:
    """Models made during the test compute in float64."""
    pydl.config.set_floatx("float64")
    yield
    pydl.config.set_floatx("float32")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("PYDL_DATA_DIR")
    if not folder:
        pytest.skip("PYDL_DATA_DIR is not set: it names the folder of real data (mnist.npz, adult-train.csv, ...)")
    return Path(folder)
