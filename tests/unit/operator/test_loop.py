# SPDX-License-Identifier: Apache-2.0
"""The queue and the Lease: what wakes whom, and who may act."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from aigw_operator import workqueue
from aigw_operator.cluster import Cluster, Conflict
from aigw_operator.drift import is_there, stamped, was_changed_by_others
from aigw_operator.leader import LEASE_SECONDS, RENEW_SECONDS, Leader
from aigw_operator.reconcile import Key
from aigw_operator.workqueue import WorkQueue

EU, US = Key("n", "eu"), Key("n", "us")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "FIRST_RETRY", 0.01)


async def test_a_burst_is_one_look() -> None:
    seen: list[Key] = []

    def work(key: Key) -> None:
        seen.append(key)

    queue = WorkQueue(work, 2)
    for _ in range(100):
        queue.add(EU, 0.02)
        queue.add(US, 0.02)
    await asyncio.sleep(0.15)
    assert sorted(seen) == [EU, US]


async def test_a_change_during_a_look_is_looked_at_afterwards_and_never_beside_it() -> None:
    inside, most, looks = 0, 0, 0
    go = threading.Event()

    def work(key: Key) -> None:
        nonlocal inside, most, looks
        inside += 1
        looks += 1
        most = max(most, inside)
        go.wait(1)
        inside -= 1

    queue = WorkQueue(work, 4)
    queue.add(EU, 0)
    await asyncio.sleep(0.05)
    queue.add(EU, 0)
    queue.add(EU, 0)
    go.set()
    await asyncio.sleep(0.4)
    assert (looks, most) == (2, 1)


async def test_a_failed_look_is_repeated() -> None:
    looks = 0

    def work(key: Key) -> None:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise OSError("the API is away")

    WorkQueue(work, 1).add(EU, 0)
    await asyncio.sleep(0.3)
    assert looks == 3


class OneLease:
    """The API server's part: one object, optimistic locking."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.version = 0

    def get(self, *_: Any) -> dict[str, Any] | None:
        return self.body

    def create(self, _: Any, body: dict[str, Any]) -> None:
        if self.body is not None:
            raise Conflict
        self._keep(body)

    def replace(self, _: Any, body: dict[str, Any]) -> None:
        if self.body is None or body["metadata"].get("resourceVersion") != str(self.version):
            raise Conflict
        self._keep(body)

    def _keep(self, body: dict[str, Any]) -> None:
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}


@pytest.fixture
def leaders() -> tuple[Leader, Leader]:
    lease = cast(Cluster, OneLease())
    return Leader(lease, "n", "one"), Leader(lease, "n", "two")


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_one_leads_and_the_other_waits(leaders: tuple[Leader, Leader]) -> None:
    one, two = leaders
    assert one.try_to_lead(NOW)
    assert not two.try_to_lead(NOW)
    for second in range(0, 100, int(RENEW_SECONDS)):
        assert one.try_to_lead(after(second))
        assert not two.try_to_lead(after(second))


def test_the_other_takes_over_only_after_the_first_has_stopped_acting(leaders: tuple[Leader, Leader]) -> None:
    one, two = leaders
    one.try_to_lead(NOW)
    times = [step / 2 for step in range(2 * LEASE_SECONDS + 2)]
    for second in times:
        if two.try_to_lead(after(second)):
            assert not one.leads(after(second))
            assert second >= LEASE_SECONDS
            return
    pytest.fail("nobody took over")


def test_a_lease_that_is_given_back_is_free_at_once(leaders: tuple[Leader, Leader]) -> None:
    one, two = leaders
    one.try_to_lead(NOW)
    one.give_back(after(1))
    assert not one.leads(after(1))
    assert two.try_to_lead(after(1))


BODY: dict[str, Any] = {"kind": "X", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}], "labels": {}}}


def test_what_the_api_server_adds_is_no_drift() -> None:
    live = {**stamped(BODY), "status": {}, "spec": {"ports": [{"port": 1, "protocol": "TCP"}], "more": 1}}
    assert is_there(stamped(BODY), live)


@pytest.mark.parametrize(
    "live",
    [
        None,
        {**stamped(BODY), "spec": {"ports": [{"port": 2}]}},
        {**stamped(BODY), "spec": {"ports": []}},
        {**stamped(BODY), "spec": {"ports": [{"port": 1}, {"port": 3}]}},
        stamped({**BODY, "spec": {**BODY["spec"], "gone": "from what we state now"}}),
        BODY,
    ],
)
def test_drift_is_seen(live: Any) -> None:
    assert not is_there(stamped(BODY), live)


def test_what_others_changed_is_told_from_what_we_state_anew() -> None:
    changed = {**stamped(BODY), "spec": {"ports": [{"port": 2}]}}
    assert was_changed_by_others(stamped(BODY), changed)
    assert not was_changed_by_others(stamped({**BODY, "spec": {}}), changed)
    assert not was_changed_by_others(stamped(BODY), None)
