"""How many threads this process may use: pure functions of a tree of files, so that tests can hand in fake machines.

OpenMP runtimes look at the affinity mask only; in a container limited by a CPU quota that starts far too many threads,
which the kernel then throttles. So the quota of every control group above the process counts, and hyperthreads do not:
two threads on one core share its vector units.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def default_threads(root: Path, environ: Mapping[str, str], cpus: frozenset[int]) -> int:
    """min(affinity, ceil(CPU quota), physical cores, OMP_NUM_THREADS, PYDL_NUM_THREADS), at least 1.

    Parameters
    ----------
    root : Path
        Folder that holds `proc` and `sys`: `/`, or a fake one.
    environ : mapping
        The environment.
    cpus : set of int
        Numbers of the CPUs the process may run on, see `affinity`.

    Raises
    ------
    ValueError
        PYDL_NUM_THREADS is set and no integer >= 1.
    """
    return max(1, min(n for n in limits(root, environ, cpus).values() if n is not None))


def limits(root: Path, environ: Mapping[str, str], cpus: frozenset[int]) -> dict[str, int | None]:
    """Each limit by name; None if it does not apply. Parameters and errors as for `default_threads`."""
    quota = cpu_quota(root)
    return {
        "affinity": len(cpus),
        "quota": None if quota is None else math.ceil(quota),
        "physical_cores": physical_cores(root, cpus),
        "OMP_NUM_THREADS": _omp_num_threads(environ),
        "PYDL_NUM_THREADS": _pydl_num_threads(environ),
    }


@functools.cache
def startable(wanted: int) -> int:
    """`wanted` if that many threads can run at once, else 1 and a warning.

    OpenMP ends the process when it cannot start a thread; so they are started here once, which asks the same of the
    system, before it is left to OpenMP.
    """
    import threading

    tried, end = list[threading.Thread](), threading.Event()
    try:
        for _ in range(wanted - 1):
            thread = threading.Thread(target=end.wait, name="pydl-trial", daemon=True)
            thread.start()
            tried.append(thread)
    except RuntimeError:  # "can't start new thread"
        import warnings

        warnings.warn(
            f"the system refuses to start {wanted} threads: going on with one; raise its limit of processes (ulimit -u)"
            " or set PYDL_NUM_THREADS=1",
            RuntimeWarning, stacklevel=3,
        )  # fmt: skip
        return 1
    finally:
        end.set()
        for thread in tried:
            thread.join()
    return wanted


def affinity() -> frozenset[int]:
    """Numbers of the CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def physical_cores(root: Path, cpus: frozenset[int]) -> int | None:
    """Number of cores that `cpus` lie on, or None if the system does not say."""
    # CPUs of one core name the same siblings; numbers of cores and packages repeat on some machines.
    siblings = {_read(root / "sys/devices/system/cpu" / f"cpu{cpu}" / "topology/thread_siblings_list") for cpu in cpus}
    return None if None in siblings else len(siblings) or None


def cpu_quota(root: Path) -> float | None:
    """CPUs' worth of time that the tightest control group above this process allows, or None if none limits it."""
    quotas = [q for folder in _cgroup_folders(root) if (q := _quota_v2(folder) or _quota_v1(folder)) is not None]
    return min(quotas, default=None)


def _quota_v2(folder: Path) -> float | None:
    quota, _, period = (_read(folder / "cpu.max") or "").strip().partition(" ")
    return _ratio(quota, period or "100000")


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us") or "", _read(folder / "cpu.cfs_period_us") or "")


def _ratio(quota: str, period: str) -> float | None:
    try:
        quota_us, period_us = int(quota), int(period)
    except ValueError:  # "max", or no such file
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def _cgroup_folders(root: Path) -> Iterator[Path]:
    """The folders of the process's CPU control groups (v1 and v2), each followed by its parents up to the mount."""
    paths = _cgroup_paths(root)
    for line in (_read(root / "proc/self/mountinfo") or "").splitlines():
        # id parent major:minor root mount-point options [tags ...] - type source super-options   (proc(5))
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) < 5 or len(right) < 3:
            continue
        version = {"cgroup2": "v2", "cgroup": "v1" if "cpu" in right[2].split(",") else None}.get(right[0])
        if version is None or version not in paths:
            continue
        mount = root / _unescape(left[4]).lstrip("/")
        # A container may see its group's host path while only the group itself is mounted.
        inside = os.path.relpath(paths[version], _unescape(left[3]))
        folder = mount if inside.startswith("..") else mount / inside
        yield folder
        for parent in folder.parents:
            if not parent.is_relative_to(mount):
                break
            yield parent


def _cgroup_paths(root: Path) -> dict[str, str]:
    """Path of this process in the v2 hierarchy and in the v1 hierarchy of the controller `cpu`."""
    paths = {}
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not path.startswith("/"):
            continue
        if number == "0" and not controllers:
            paths["v2"] = path
        elif "cpu" in controllers.split(","):
            paths["v1"] = path
    return paths


def _omp_num_threads(environ: Mapping[str, str]) -> int | None:
    """Its first number (the outermost level); OpenMP runtimes ignore a value they cannot read, and so do we."""
    first = environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if re.fullmatch(r"[0-9]+", first) and int(first) >= 1 else None


def _pydl_num_threads(environ: Mapping[str, str]) -> int | None:
    text = environ.get("PYDL_NUM_THREADS", "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise ValueError(f"PYDL_NUM_THREADS={text!r}: expected an integer >= 1; correct or unset it")
    return int(text)


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
