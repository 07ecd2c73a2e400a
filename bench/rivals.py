"""The libraries that are compared, each in a process of its own (`bench.worker`) with the same number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.timing import REST, take_turns

Library = tuple[str, tuple[str, ...], dict[str, str]]  # module of bench.peers, packages it imports, what it offers

LIBRARIES: dict[str, Library] = {
    "pydl": ("own", (), {"train": "Training", "predict": "predictor", "multiply": "product", "plan": "compiled",
                         "pictures": "PictureTraining", "picture": "picture_predictor"}),
    "pydl predict_on_batch": ("own", (), {"predict": "batch_predictor"}),
    "torch": ("torch_eager", ("torch",), {"train": "Training", "predict": "predictor", "multiply": "product"}),
    "torch.compile": ("torch_compiled", ("torch",), {"train": "Training"}),
    "jax": ("jax_optax", ("jax", "optax"), {"train": "Training"}),
    "scikit-learn": ("sklearn_mlp", ("sklearn",), {"train": "Training"}),
    "torch, images": ("torch_pictures", ("torch",), {"pictures": "PictureTraining"}),
    "torch, channels_last": ("torch_pictures", ("torch",), {"pictures": "ChannelsLast"}),
    "torch.compile, images": ("torch_pictures", ("torch",), {"pictures": "Compiled"}),
    "keras": ("keras_jax", ("keras", "jax"), {"train": "Training", "pictures": "PictureTraining"}),
    "onnxruntime": ("onnx_runtime", ("onnxruntime", "onnx"), {"predict": "predictor"}),
    "onnxruntime, images": ("onnx_pictures", ("onnxruntime", "onnx"), {"picture": "picture_predictor"}),
    "numpy": ("numpy_hand", (), {"predict": "predictor", "multiply": "product"}),
}  # fmt: skip

_COUNTS = ("PYDL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")  # NPROC: XLA's
# A library takes the kernels that it would take on anybody's machine of this kind.
_FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Failed(Exception):
    """A rival could not do what it was told."""


def environment(threads: int) -> dict[str, str]:
    """Of a library's process."""
    return {k: v for k, v in os.environ.items() if k not in _FORCED} | dict.fromkeys(_COUNTS, str(threads))


class Rival:
    """A library's process."""

    def __init__(self, name: str, threads: int, errors: Any) -> None:
        self.name, (self._module, _, self.offers) = name, LIBRARIES[name]
        self._threads, self._errors = threads, errors
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "bench.worker", self._module], text=True,
            cwd=Path(__file__).parents[1], env=environment(self._threads), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._answer()

    def make(self, task: str, role: str, **arguments: Any) -> Any:
        """Start a task of `bench.tasks`, in a new process if the last task ended the old one; its facts."""
        if self.process.poll() is not None:
            _end(self)
            self._start()
        return self._ask({"task": task, "of": self.offers[role], "arguments": arguments})

    def turn(self) -> Any:
        """One turn of it."""
        return self._ask({})

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"failed": f"the process ended with status {self.process.wait()}"}
        if isinstance(answer, dict) and "failed" in answer:
            raise Failed(answer["failed"])
        return answer


def installed(role: str, chosen: Sequence[str] | None = None) -> list[str]:
    """Names of the libraries that can do this here, pydl first; `chosen` ones only, besides pydl's own."""
    able = [name for name, (_, _, offers) in LIBRARIES.items() if role in offers]
    wanted = [name for name in able if chosen is None or name.startswith("pydl") or name in chosen]
    return [name for name in wanted if all(find_spec(package) for package in LIBRARIES[name][1])]


@contextmanager
def at_work(names: Sequence[str], threads: int) -> Iterator[list[Rival]]:
    """Their processes; one that cannot start is left out with a note."""
    with ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        rivals = []
        for name in names:
            try:
                rivals.append(Rival(name, threads, errors))
            except Failed as failure:
                _note(name, failure)
            else:
                stack.callback(_end, rivals[-1])
        yield rivals


def _end(rival: Rival) -> None:
    rival.process.kill()
    rival.process.communicate()


def compete(
    rivals: Sequence[Rival], rounds: int, task: str, role: str, **arguments: Any
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Make a task in each process, then let them take turns: facts, and what the turns gave; whoever fails is out."""
    facts, turns = {}, {}
    for rival in rivals:
        try:
            facts[rival.name] = rival.make(task, role, **arguments)
            turns[rival.name] = rival.turn
        except Failed as failure:
            if rival.name == "pydl":
                raise
            _note(rival.name, failure)
    return facts, take_turns(turns, rounds, REST)


def _note(name: str, failure: Failed) -> None:
    print(f"- {name} is left out: {failure}", flush=True)
