# SPDX-License-Identifier: Apache-2.0
"""The queue: bursts, two lanes, and when a gateway is looked at again."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from aigw_operator.kinds import Key
from aigw_operator.loop import pace, workqueue
from aigw_operator.loop.pace import Outcome, pause, retry
from aigw_operator.loop.workqueue import WorkQueue

EU, US = Key("n", "eu"), Key("n", "us")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_RETRY", 0.01)
    monkeypatch.setattr(workqueue, "GATHER_SECONDS", 0.01)


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)


class Held:
    """Work that waits for `go`; what was begun is in `seen`."""

    def __init__(self, outcome: Outcome = Outcome.SETTLED) -> None:
        self.seen: list[Key] = []
        self.inside = self.most = 0
        self.go = threading.Event()
        self._outcome = outcome
        self._lock = threading.Lock()

    def __call__(self, key: Key) -> Outcome:
        with self._lock:
            self.seen.append(key)
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.go.wait(5)
        with self._lock:
            self.inside -= 1
        return self._outcome


async def test_a_burst_is_one_look() -> None:
    work = Held()
    work.go.set()
    queue = WorkQueue(work, 2, 60)
    for _ in range(100):
        queue.hear(EU, 0.02)
        queue.hear(US, 0.02)
    await until(lambda: len(work.seen) == 2)
    await asyncio.sleep(0.05)
    assert sorted(work.seen) == [EU, US]


async def test_a_burst_without_an_end_is_looked_at_all_the_same() -> None:
    work = Held()
    work.go.set()
    queue = WorkQueue(work, 2, 60)
    for _ in range(40):
        queue.hear(EU, 0.02)
        await asyncio.sleep(0.002)
    assert work.seen


async def test_a_change_during_a_look_is_looked_at_afterwards_and_never_beside_it() -> None:
    work = Held()
    queue = WorkQueue(work, 4, 60)
    queue.hear(EU, 0)
    await until(lambda: work.inside == 1)
    for _ in range(5):
        queue.hear(EU, 0)
    work.go.set()
    await until(lambda: len(work.seen) == 2)
    await asyncio.sleep(0.05)
    assert (len(work.seen), work.most) == (2, 1)


async def test_an_edit_waits_for_no_regular_look() -> None:
    work = Held()
    queue = WorkQueue(work, 3, 60)
    for at in range(100):
        queue.add(Key("n", str(at)))
    await until(lambda: work.inside == 2)
    await asyncio.sleep(0.02)
    assert work.inside == 2, "one worker is kept free"
    queue.hear(EU, 0.01)
    await until(lambda: EU in work.seen)
    work.go.set()
    await until(lambda: len(work.seen) == 101)


async def test_who_waits_for_a_regular_look_comes_first_when_something_happens_to_it() -> None:
    work = Held()
    queue = WorkQueue(work, 1, 60)
    for at in range(10):
        queue.add(Key("n", str(at)))
    await until(lambda: work.inside == 1)
    queue.hear(Key("n", "9"), 0.01)
    await asyncio.sleep(0.03)
    work.go.set()
    await until(lambda: len(work.seen) == 10)
    assert [key.name for key in work.seen[:3]] == ["0", "9", "1"]


async def test_a_failed_look_is_repeated() -> None:
    looks = 0

    def work(key: Key) -> Outcome:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise OSError("the API is away")
        return Outcome.SETTLED

    WorkQueue(work, 1, 60).hear(EU, 0)
    await until(lambda: looks == 3)


async def test_a_queue_that_is_closed_begins_nothing_and_waits_for_what_runs() -> None:
    work = Held()
    queue = WorkQueue(work, 1, 60)
    queue.hear(EU, 0)
    queue.hear(US, 0)
    await until(lambda: work.inside == 1)
    closing = asyncio.create_task(queue.close(5))
    await asyncio.sleep(0.01)
    assert not closing.done()
    work.go.set()
    await closing
    await asyncio.sleep(0.03)
    assert len(work.seen) == 1


async def test_who_is_gone_is_looked_at_no_more() -> None:
    work = Held(Outcome.GONE)
    work.go.set()
    queue = WorkQueue(work, 1, 0.01)
    queue.hear(EU, 0)
    await until(lambda: len(work.seen) == 1)
    await asyncio.sleep(0.05)
    assert len(work.seen) == 1


def test_who_waits_is_asked_less_and_less_often() -> None:
    assert pause(Outcome.WAITING, 0, 60, 0.5) == 2
    assert pause(Outcome.WAITING, 80, 60, 0.5) == 10
    assert pause(Outcome.WAITING, 10_000, 60, 0.5) == 60
    looks, at = 0, 0.0
    while at < 3600:
        at += pause(Outcome.WAITING, at, 60, 0.5) or 0
        looks += 1
    assert looks < 100


def test_settled_gateways_are_looked_at_at_times_of_their_own() -> None:
    assert pause(Outcome.SETTLED, 5, 60, 0.0) == pytest.approx(54)
    assert pause(Outcome.SETTLED, 5, 60, 1.0) == pytest.approx(66)
    assert pause(Outcome.GONE, 5, 60, 1.0) is None


def test_retries_are_ever_slower_up_to_a_minute() -> None:
    waits = [retry(n) for n in (1, 2, 3, 10, 5000)]
    assert waits == sorted(waits)
    assert waits[-1] == pace.LONGEST_RETRY
