# SPDX-License-Identifier: Apache-2.0
"""How long keys are believed and when they are asked for, with a source that is scripted and a clock that is set."""

import asyncio
from itertools import count

import pytest

from aigw_auth import keys as module
from aigw_auth.keys import LONGEST_PAUSE, IssuerKeys, Timing
from aigw_auth.sources import FetchFailed
from aigw_auth.trust import KeySet
from aigw_contract.table import IssuerTrust
from unit.auth.making import ISSUER, key

_names = (f"issuer-{n}" for n in count())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A source that yields keys of these names, or fails with a word, once `go` is set."""

    every: float | None = None

    def __init__(self, *names: str) -> None:
        self.names = names
        self.fails = ""
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def fetch(self) -> KeySet:
        self.asked += 1
        await self.go.wait()
        if self.fails:
            raise FetchFailed(self.fails, "as the script says")
        return KeySet(tuple(key(name) for name in self.names))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


def kept(source: Scripted, stale: float = 100.0, **timing: float) -> IssuerKeys:
    return IssuerKeys(IssuerTrust(next(_names), ISSUER), source, Timing(**timing), stale)


async def test_many_waiters_share_one_flight(clock: Clock):
    source = Scripted("a")
    known = kept(source)
    source.go.clear()
    waiters = [asyncio.ensure_future(known.refetch()) for _ in range(50)]
    await asyncio.sleep(0)
    assert not known.trusted().current, "while keys are being fetched nobody knows whether a key is missing"
    source.go.set()
    assert await asyncio.gather(*waiters) == [True] * 50
    assert source.asked == 1
    assert known.trusted().current
    assert known.ever


async def test_the_cooldown_counts_from_the_question_not_from_the_regular_fetch(clock: Clock):
    source = Scripted("a")
    known = kept(source, cooldown=30.0)
    for seconds, expected in ((0, True), (1, False), (28.9, False), (0.2, True), (29, False)):
        clock.now += seconds
        assert await known.refetch() is expected
    assert source.asked == 2


async def test_the_cooldown_holds_after_a_failure_too(clock: Clock):
    source = Scripted("a")
    source.fails = "timeout"
    known = kept(source, cooldown=30.0)
    assert await known.refetch()
    assert not await known.refetch()
    assert source.asked == 1
    assert not known.trusted().current


async def test_last_good_keys_are_kept_so_long_and_no_longer(clock: Clock):
    source = Scripted("a")
    known = kept(source, stale=100.0, cooldown=0.0)
    await known.refetch()
    source.fails = "unreachable"
    for _ in range(5):
        clock.now += 20
        await known.refetch()
        assert [one.kid for one in known.trusted().keys] == ["a"]
    clock.now += 0.1
    assert known.trusted().keys == ()
    assert known.ever, "it has had keys: that it has none now does not make the service unready"
    await known.refetch()
    source.fails = ""
    await known.refetch()
    assert [one.kid for one in known.trusted().keys] == ["a"]


async def test_keys_that_are_withdrawn_are_gone_at_once(clock: Clock):
    source = Scripted("a", "b")
    known = kept(source, cooldown=0.0)
    await known.refetch()
    source.names = ("b",)
    await known.refetch()
    assert [one.kid for one in known.trusted().keys] == ["b"]


async def test_pauses_grow_while_fetches_fail_and_are_jittered(clock: Clock):
    source = Scripted("a")
    source.fails = "status"
    known = kept(source, retry=1.0, cooldown=0.0)
    pauses = []
    for _ in range(12):
        await known.refetch()
        pauses.append(known._due - clock.now)
    for expected, pause in zip((1, 2, 4, 8, 16, 32, 60, 60), pauses, strict=False):
        assert expected * 0.75 <= pause <= expected
    assert max(pauses) <= LONGEST_PAUSE
    assert len(set(pauses)) == len(pauses)


async def test_regular_fetches_come_well_before_keys_are_too_old(clock: Clock):
    for stale, refresh, most in ((86400.0, 3600.0, 3600.0), (60.0, 3600.0, 30.0), (0.0, 3600.0, 0.5)):
        known = kept(Scripted("a"), stale=stale, refresh=refresh)
        await known.refetch()
        assert 0 < known._due - clock.now <= most


async def test_one_decision_waits_only_so_long(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.01)
    source = Scripted("a")
    source.go.clear()
    known = kept(source)
    async with asyncio.timeout(5):
        assert await known.refetch()
    assert not known.trusted().current
    source.go.set()
    await asyncio.sleep(0.01)
    assert known.trusted().keys, "the flight itself went on"


async def test_a_source_that_breaks_its_promise_does_not_end_the_watch(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    source = Scripted("a")

    async def breaks() -> KeySet:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patched:
        patched.setattr(source, "fetch", breaks)
        known = kept(source, cooldown=0.0)
        assert await known.refetch()
        await asyncio.sleep(0)
    assert "the fetch itself broke" in caplog.text
    assert await known.refetch()
    assert known.trusted().keys
