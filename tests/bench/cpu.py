# SPDX-License-Identifier: Apache-2.0
"""CPU time of process trees, and which cores they run on."""

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
CPU_CLOCK = 2  # CPUCLOCK_SCHED of clock_getcpuclockid(3): user and system time of all threads, in nanoseconds

Times = dict[int, float]
"""Process id -> seconds of CPU since it started."""


class Cores(NamedTuple):
    """Where the system under test runs, and where upstream and load do: apart if there are two cores."""

    tested: set[int]
    load: set[int]


def cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores({usable[-1]}, {usable[0]})


@contextlib.contextmanager
def pinned(to: set[int]) -> Iterator[None]:
    """Processes that are started within run on these cores, as their children do."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in PROC.glob("[0-9]*/stat"):
        if fields := _stat(path):
            children[int(fields[1])].append(int(path.parent.name))
    found = [root]
    for pid in found:  # grows while it is read
        found += children[pid]
    return found


def times(pids: list[int]) -> Times:
    return {pid: _seconds(pid) for pid in pids}


def spent(before: Times, after: Times) -> Times:
    """By process; one that was not there before counts from its start."""
    return {pid: seconds - before.get(pid, 0.0) for pid, seconds in after.items()}


def label(pid: int) -> str:
    """A short name: the service that a process of ours is, else its program."""
    words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    modules = [word.removeprefix("aigw_") for word in words if word.startswith("aigw_")]
    return modules[0] if modules else Path(words[0].split(" ")[0].rstrip(":")).name


def _seconds(pid: int) -> float:
    """utime + stime of /proc/PID/stat, read from the process's CPU clock because that does not count in ticks of 10 ms.

    Children that have ended are only in the ticks.
    """
    fields = _stat(PROC / str(pid) / "stat")
    if not fields:
        return 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    try:
        own = time.clock_gettime((~pid << 3) | CPU_CLOCK)
    except OSError:
        own = (int(fields[11]) + int(fields[12])) / ticks
    return own + (int(fields[13]) + int(fields[14])) / ticks


def _stat(path: Path) -> list[str]:
    """The fields after the program's name, or none if the process is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []
