# SPDX-License-Identifier: Apache-2.0
"""Measuring rows of one table in turn, round after round."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec import convert, to_builtins
from msgspec.structs import replace

from bench import cpu, wrk
from bench.cpu import Cores, pinned
from bench.load import Job, Outcome
from bench.systems import TESTS


class Row(NamedTuple):
    """A line of the table: what is asked of which system. `units` is how many chunks an answer counts as."""

    name: str
    pid: int
    job: Job
    units: int = 1
    may_fail: bool = False  # another's: what it cannot do is said, and the others are measured all the same


class Sample(NamedTuple):
    """One round. `micros`: CPU microseconds per unit, by what the process is."""

    micros: dict[str, float]
    rate: float  # units a second
    outcome: Outcome

    @property
    def total(self) -> float:
        return sum(self.micros.values())


class Spread(NamedTuple):
    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


class Measured:
    """All rounds of one row."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.size = 0  # bytes of an answer
        self.samples: list[Sample] = []

    def micros(self) -> Spread:
        return Spread.of([sample.total for sample in self.samples])

    def rate(self) -> Spread:
        return Spread.of([sample.rate for sample in self.samples])

    def times(self, other: "Measured") -> Spread:
        """The ratio to another row, round by round: what disturbs the machine disturbs both."""
        return Spread.of([a.total / b.total for a, b in zip(self.samples, other.samples, strict=True)])

    def parts(self) -> dict[str, float]:
        names = {name: None for sample in self.samples for name in sample.micros}
        return {name: median(sample.micros.get(name, 0.0) for sample in self.samples) for name in names}

    def good(self) -> int:
        return sum(sample.outcome.good for sample in self.samples)

    def bad(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for sample in self.samples:
            for what, count in sample.outcome.bad.items():
                found[what] += count
        return dict(found)

    def reads_per_unit(self) -> float:
        units = self.good() * self.row.units
        return sum(sample.outcome.reads for sample in self.samples) / units if units else 0.0


class Bench:
    """`wrk`: its path, or None. `home`: a directory for scratch files."""

    def __init__(self, cores: Cores, wrk_path: str | None, home: Path) -> None:
        self._cores = cores
        self._wrk = wrk_path
        self._home = home

    def rounds(self, rows: Sequence[Row], count: int) -> list[Measured]:
        """A B C, A B C, …: the rows in turn, after each has been warmed up and seen to answer as it should."""
        measured = [found for row in rows if (found := self._ready(row)) is not None]
        for _ in range(count):
            for each in measured:
                each.samples.append(self._sample(each.row))
        return measured

    def _ready(self, row: Row) -> Measured | None:
        """None for a row that may fail and does."""
        found = Measured(row)
        try:
            found.size = self._warm_up(row)
        except RuntimeError as error:
            if not row.may_fail:
                raise
            print(f"left out  {error}")
            return None
        return found

    def _warm_up(self, row: Row) -> int:
        """The size of an answer. Raises RuntimeError when one is not right."""
        outcome = self._ask(replace(row.job, each=1 if row.job.stream else 50, seconds=0.0))
        if outcome.bad or not outcome.good:
            raise RuntimeError(f"{row.name}: {outcome.bad}")
        return outcome.size

    def _sample(self, row: Row) -> Sample:
        pids = cpu.tree(row.pid)
        before = cpu.times(pids)
        outcome = self._load(row.job)
        spent = cpu.spent(before, cpu.times(pids))
        units = max(1, outcome.good * row.units)
        micros: dict[str, float] = defaultdict(float)
        for pid, seconds in spent.items():
            micros[cpu.label(pid)] += seconds / units * 1e6
        return Sample(dict(micros), units / outcome.seconds, outcome)

    def _load(self, job: Job) -> Outcome:
        if self._wrk is None or job.stream:
            return self._ask(job)
        with pinned(self._cores.load):
            return wrk.run(self._wrk, job, self._home)

    def _ask(self, job: Job) -> Outcome:
        """By our own load, in a process of its own."""
        command, told = [sys.executable, "-m", "bench.load"], json.dumps(to_builtins(job))
        with pinned(self._cores.load):
            done = subprocess.run(command, input=told, cwd=TESTS, stdout=subprocess.PIPE, text=True, check=True)
        return convert(json.loads(done.stdout), Outcome)
