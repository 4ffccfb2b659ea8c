# SPDX-License-Identifier: Apache-2.0
"""The Lease and drift: who may act, and on what."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from aigw_operator.api.cluster import Cluster, Conflict
from aigw_operator.drift import is_there, stamped, was_changed_by_others
from aigw_operator.loop.leader import LEASE_SECONDS, RENEW_SECONDS, Leader


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
