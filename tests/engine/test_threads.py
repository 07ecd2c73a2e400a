"""The number of threads, on fake machines: trees of cgroup and sysfs files under a temporary folder."""

import os

import pytest

from pydl._base import threads

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"
MEMORY_V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
HYBRID_V2 = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"

# name -> (mountinfo lines, /proc/self/cgroup lines, other files, expected quota)
TREES = {
    "nothing at all": ([], [], {}, None),
    "v2 without a limit": ([V2], ["0::/"], {"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
    "v2, the root group has no cpu.max": ([V2], ["0::/"], {}, None),
    "v2 in a container's namespace": ([V2], ["0::/"], {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
    "v2 without a period": ([V2], ["0::/"], {"sys/fs/cgroup/cpu.max": "200000\n"}, 2.0),
    "v2 another period": ([V2], ["0::/a"], {"sys/fs/cgroup/a/cpu.max": "20000 10000\n"}, 2.0),
    "v2 nested, the parent is tightest": (
        [V2],
        ["0::/pod/box"],
        {"sys/fs/cgroup/pod/cpu.max": "100000 100000", "sys/fs/cgroup/pod/box/cpu.max": "400000 100000"},
        1.0,
    ),
    "v2 nested, the child is tightest": (
        [V2],
        ["0::/pod/box"],
        {"sys/fs/cgroup/pod/cpu.max": "800000 100000", "sys/fs/cgroup/pod/box/cpu.max": "50000 100000"},
        0.5,
    ),
    "v2 nested, only the grandparent limits": (
        [V2],
        ["0::/pod/box/task"],
        {"sys/fs/cgroup/pod/cpu.max": "300000 100000", "sys/fs/cgroup/pod/box/task/cpu.max": "max 100000"},
        3.0,
    ),
    "v2, a sibling's limit is not ours": ([V2], ["0::/a"], {"sys/fs/cgroup/b/cpu.max": "100000 100000"}, None),
    "v2, the host's path of a container that sees only its group": (
        ["30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro"],
        ["0::/docker/abc"],
        {"sys/fs/cgroup/cpu.max": "250000 100000"},
        2.5,
    ),
    "v2, a path outside of the mount": (
        ["30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro"],
        ["0::/elsewhere"],
        {"sys/fs/cgroup/cpu.max": "250000 100000"},
        2.5,
    ),
    "v2, a path above the namespace's root": ([V2], ["0::/../other"], {"sys/fs/cgroup/cpu.max": "100000 100000"}, 1.0),
    "v2 mounted elsewhere, with a space": (
        [r"30 23 0:26 / /my\040cgroups rw - cgroup2 cgroup2 rw"],
        ["0::/a"],
        {"my cgroups/a/cpu.max": "100000 100000"},
        1.0,
    ),
    "v1": (
        [MEMORY_V1, V1],
        ["9:memory:/m", "4:cpu,cpuacct:/box"],
        {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "350000\n",
         "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"},
        3.5,
    ),
    "v1 without a limit": (
        [V1],
        ["4:cpu,cpuacct:/"],
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
         "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"},
        None,
    ),
    "v1 nested, the parent is tightest": (
        [V1],
        ["4:cpu,cpuacct:/pod/box"],
        {"sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us": "100000",
         "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us": "50000",
         "sys/fs/cgroup/cpu,cpuacct/pod/box/cpu.cfs_quota_us": "-1",
         "sys/fs/cgroup/cpu,cpuacct/pod/box/cpu.cfs_period_us": "100000"},
        2.0,
    ),
    "v1, the group of a container as its mount": (
        ["32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup ro,cpu,cpuacct"],
        ["4:cpu,cpuacct:/docker/abc"],
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000",
         "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"},
        1.0,
    ),
    "v1 and v2 together, the tighter counts": (
        [V1, HYBRID_V2],
        ["4:cpu,cpuacct:/a", "0::/a"],
        {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "400000",
         "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
         "sys/fs/cgroup/unified/a/cpu.max": "300000 100000"},
        3.0,
    ),
    "nonsense in the files": (
        [V2, "garbage", "1 2 3 - x", ""],
        ["0::/", "nonsense", "::"],
        {"sys/fs/cgroup/cpu.max": "lots of it\n"},
        None,
    ),
    "a quota of zero is none": ([V2], ["0::/"], {"sys/fs/cgroup/cpu.max": "0 100000"}, None),
}  # fmt: skip


def build(root, mounts, groups, files):
    files = {"proc/self/mountinfo": "\n".join(mounts), "proc/self/cgroup": "\n".join(groups), **files}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def add_topology(root, cores):
    """cores: CPU number -> (package, core)."""
    for cpu, core in cores.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(",".join(str(c) for c in cores if cores[c] == core) + "\n")


@pytest.mark.parametrize("name", TREES)
def test_cpu_quota(name, tmp_path):
    mounts, groups, files, expected = TREES[name]
    build(tmp_path, mounts, groups, files)
    assert threads.cpu_quota(tmp_path) == expected


def test_no_tree_at_all(tmp_path):
    assert threads.cpu_quota(tmp_path / "missing") is None
    assert threads.default_threads(tmp_path / "missing", {}, frozenset(range(6))) == 6


@pytest.mark.parametrize(
    ("cores", "cpus", "expected"),
    [
        ({0: (0, 0), 1: (0, 1)}, {0, 1}, 2),
        ({0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1)}, {0, 1, 2, 3}, 2),
        ({0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1)}, {0, 2}, 1),
        ({0: (0, 0), 1: (1, 0)}, {0, 1}, 2),  # two sockets count their cores from 0 each
        ({0: (0, 0)}, {0, 1}, None),  # cpu1 unknown
    ],
)
def test_physical_cores(cores, cpus, expected, tmp_path):
    add_topology(tmp_path, cores)
    assert threads.physical_cores(tmp_path, frozenset(cpus)) == expected


@pytest.mark.parametrize(
    ("environ", "quota", "expected"),
    [
        ({}, "max 100000", 4),
        ({}, "250000 100000", 3),  # rounded up
        ({}, "10000 100000", 1),
        ({"OMP_NUM_THREADS": "2"}, "max 100000", 2),
        ({"OMP_NUM_THREADS": " 3, 2"}, "max 100000", 3),
        ({"OMP_NUM_THREADS": "many"}, "max 100000", 4),
        ({"OMP_NUM_THREADS": "0"}, "max 100000", 4),
        ({"PYDL_NUM_THREADS": "2", "OMP_NUM_THREADS": "3"}, "max 100000", 2),
        ({"PYDL_NUM_THREADS": "64"}, "max 100000", 4),
        ({"PYDL_NUM_THREADS": ""}, "100000 100000", 1),
    ],
)
def test_default_threads_is_the_smallest_limit(environ, quota, expected, tmp_path):
    build(tmp_path, [V2], ["0::/"], {"sys/fs/cgroup/cpu.max": quota})
    add_topology(tmp_path, {i: (0, i % 4) for i in range(8)})
    assert threads.default_threads(tmp_path, environ, frozenset(range(8))) == expected


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "two", "1,2"])
def test_bad_pydl_num_threads(value, tmp_path):
    with pytest.raises(ValueError, match=f"PYDL_NUM_THREADS='{value}': expected an integer >= 1"):
        threads.default_threads(tmp_path, {"PYDL_NUM_THREADS": value}, frozenset({0}))


def test_affinity_of_this_process():
    assert threads.affinity() == frozenset(os.sched_getaffinity(0))
