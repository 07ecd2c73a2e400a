"""Values bound by `with` blocks: nested, in threads, and where memory runs out at any place of a block."""

import contextlib
import importlib.util
import threading

import pytest

from pydl._base.scoped import Scoped
from tests.process import says


def test_the_innermost_block_holds_until_its_end() -> None:
    number = Scoped(0)
    with number.bound(1):
        with number.bound(2):
            assert number.get() == 2
        assert number.get() == 1
        with contextlib.suppress(KeyError), number.bound(3):
            raise KeyError
        assert number.get() == 1
    assert number.get() == 0


def test_a_block_without_an_owner_has_ended() -> None:
    number = Scoped(0)
    number.bound(1).__enter__()
    with number.bound(2):
        number.bound(3).__enter__()
        assert number.get() == 2
    assert number.get() == 0


def test_threads_have_blocks_of_their_own() -> None:
    number, seen = Scoped(0), []
    with number.bound(1):
        thread = threading.Thread(target=lambda: seen.append(number.get()))
        thread.start()
        thread.join()
        assert number.get() == 1
    assert seen == [0]


# Each scope of the library is entered, and left by its end or an error, while one allocation fails.
PROGRAM = """
import _testcapi
import pydl
from pydl._base import registry, sharing
from pydl._engine import operators, variable

scopes = {
    variable._budget: lambda: variable.Variable.limit(10),
    operators.recorder: lambda: operators.recording(scopes),
    registry._custom_objects: lambda: registry.custom_object_scope({"one": 1}),
    sharing._numbers: lambda: sharing.written(dict),
    sharing._made: lambda: sharing.read(),
}

def leave(scope, by_error):
    with scope():
        if by_error:
            raise KeyError(f"of {3}")
        return [object() for _ in range(3)]

def attempt(scope, by_error, n):
    _testcapi.set_nomemory(n, n + 1)
    try:
        leave(scope, by_error)
    finally:
        _testcapi.remove_mem_hooks()

failed = 0
for scoped, scope in scopes.items():
    before = scoped.get()
    for n in range(80):
        for by_error in (False, True):
            try:
                attempt(scope, by_error, n)
            except KeyError:
                pass
            except (MemoryError, SystemError):  # the latter: no memory for the frame of a call (CPython 3.11)
                failed += 1
            assert scoped.get() is before, (scope, n)
print(failed)
"""


def test_no_memory_to_end_a_block_with() -> None:
    if importlib.util.find_spec("_testcapi") is None:
        pytest.skip("this Python was installed without _testcapi, which lets its allocations fail")
    assert int(says(PROGRAM)) > 0
