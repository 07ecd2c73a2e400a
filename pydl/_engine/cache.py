"""Programs that are kept: by all that they depend on, in memory that those which never run together share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable

import numpy as np

from pydl import _core, config
from pydl._engine.program import Program
from pydl._engine.tuning import ALONE, BRIEF, KEPT

# what gather records read: from dtypes of arrays to numbers of pd_src_dtype
_SOURCES = {np.dtype(name): number for name, number in _core.source_dtypes().items()}
_SOURCES[np.dtype(bool)] = _SOURCES[np.dtype(np.uint8)]

_PAGE = 4096  # bytes: memory grows by whole pages


def _memory(nbytes: int) -> _core.Buffer:
    """At least so many bytes."""
    return _core.Buffer((-(-max(nbytes, 1) // _PAGE) * _PAGE,), "uint8")


class Workspace:
    """Programs that share memory, so that only one of them runs at a time.

    Attributes
    ----------
    programs : dict
        By key; the most recently used last.
    memory : Buffer or None
        What the largest of them needs.
    home : list of Workspace
        Where it waits while none of them runs.
    """

    LIMIT = 16  # programs kept: batch sizes come and go

    def __init__(self, home: list[Workspace]) -> None:
        self.programs: dict[Hashable, Program] = {}
        self.memory: _core.Buffer | None = None
        self.home = home

    def program(self, key: Hashable, make: Callable[[], Program]) -> Program:
        """The program of this key, made if there is none, ready to run in this memory."""
        found = self.programs.pop(key, None) or make()
        self.programs[key] = found
        if len(self.programs) > self.LIMIT:
            del self.programs[next(iter(self.programs))]
            needed = max(p.nbytes for p in self.programs.values())
            if self.memory is not None and self.memory.nbytes > 2 * needed + _PAGE:
                self.memory = None
        if _core.debug():  # others would write over the canaries
            return found
        if self.memory is None or self.memory.nbytes < found.nbytes:
            self.memory = None  # given up before more is asked for
            self.memory = _memory(found.nbytes)
        if found.plan.memory is not self.memory:
            found.plan.bind(self.memory)
        return found


_caches: weakref.WeakSet[ProgramCache] = weakref.WeakSet()


def forget_programs() -> None:
    """Forget those of all models: a layer, which does not know the models that it is in, computes something else."""
    for cache in list(_caches):
        cache.clear()


class ProgramCache:
    """The workspaces of a model: one for each run at a time.

    Attributes
    ----------
    predictor : _core.Predictor
        Has programs for prediction of its own: those that `adopt` gave it.
    """

    LIMIT = Workspace.LIMIT

    def __init__(self) -> None:
        self._free: list[Workspace] = []
        self._generation = 0
        self.predictor = _core.Predictor(np.ndarray, _SOURCES, self.LIMIT, config.get_num_threads)
        _caches.add(self)

    def clear(self) -> None:
        """Forget all, those in use too: the graph, the optimizer or a loss has changed."""
        self._generation += 1
        self._free = []
        self.predictor.clear()

    def acquire(self, key: Hashable, make: Callable[[], Program]) -> tuple[Workspace, Program]:
        """A program that nobody else runs, and the workspace to release.

        key: all that the program depends on, but for the number of threads and the instruction set.
        """
        key, free = (key, config.get_num_threads(), _core.isa()), self._free
        workspace = next((w for w in tuple(free) if key in w.programs), None)
        try:
            free.remove(workspace)  # type: ignore[arg-type]
        except ValueError:  # there was none, or another thread was faster
            try:
                workspace = free.pop()
            except IndexError:
                workspace = Workspace(free)
        assert workspace is not None
        try:
            return workspace, workspace.program(key, make)
        except BaseException:
            self.release(workspace)
            raise

    def release(self, workspace: Workspace) -> None:
        """Give a workspace back."""
        workspace.home.append(workspace)

    def adopt(self, x: np.ndarray, key: Hashable, make: Callable[[], Program]) -> None:
        """Give the predictor a program for inputs of the shape of x, of one input and one output, if it keeps little
        memory and draws no random numbers."""
        if x in self.predictor or _core.debug():
            return
        generation = self._generation
        workspace, program = self.acquire(key, make)
        self.release(workspace)
        if program.nbytes > KEPT or program.random:
            return
        program = make()  # with memory of its own
        program.plan.bind(_memory(program.nbytes))
        x, y = (np.empty(t.shape, program.plan.dtype) for t in (*program.inputs, *program.outputs))
        pace = program.pace if program.work >= ALONE else None
        if generation == self._generation:  # else another thread has changed what is to be computed
            self.predictor.add(program.plan, x, y, program.work <= BRIEF, pace)
