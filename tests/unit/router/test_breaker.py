# SPDX-License-Identifier: Apache-2.0
"""The breaker: opens on failures in a row, waits, lets one probe through. Time is a number here."""

import pytest

from aigw_contract.calls import ModelServer
from aigw_contract.failures import CONSEQUENCES, Failure
from aigw_contract.table import ModelRoute
from aigw_router.breaker import (
    FAILURES_TO_OPEN,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    MOST_REQUESTED,
    Breaker,
    Breakers,
)

OVERLOADED = Failure("overloaded")


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.allows(0)
        breaker.failed(OVERLOADED, 0)
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed(OVERLOADED, 0)
    assert breaker.allows(0)
    breaker.succeeded()
    breaker.failed(OVERLOADED, 0)
    assert breaker.allows(0)


def test_after_its_pause_exactly_one_request_probes() -> None:
    breaker = opened()
    assert not breaker.allows(0.99)
    assert breaker.allows(1.0)
    assert not breaker.allows(1.0)
    breaker.succeeded()
    assert breaker.allows(1.0)
    assert breaker.allows(1.0)


def test_a_failed_probe_doubles_the_pause_up_to_a_bound() -> None:
    breaker, now = opened(), 0.0
    pauses = []
    for _ in range(8):
        now = breaker.open_until
        assert breaker.allows(now)
        breaker.failed(OVERLOADED, now)
        pauses.append(breaker.refusal(now).retry_after or 0.0)
    assert pauses == [2, 4, 8, 16, 30, 30, 30, 30]
    assert max(pauses) == LONGEST_PAUSE


def test_a_probe_whose_client_left_lets_another_probe() -> None:
    breaker = opened()
    assert breaker.allows(1.0)
    breaker.abandoned()
    assert breaker.allows(1.0)


def test_one_rate_limit_that_says_how_long_is_believed_within_bounds() -> None:
    breaker = Breaker()
    breaker.failed(Failure("rate_limited", retry_after=7), 100)
    assert not breaker.allows(106.9)
    assert breaker.allows(107)
    breaker.failed(Failure("rate_limited", retry_after=86400), 200)
    assert breaker.refusal(200) == Failure("rate_limited", "left alone after failures", LONGEST_RETRY_AFTER)


@pytest.mark.parametrize("kind", [kind for kind, row in CONSEQUENCES.items() if not row.counts_against])
def test_what_is_not_the_providers_fault_does_not_count(kind: str) -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker.failed(Failure(kind), 0)  # type: ignore[arg-type]
    assert breaker.allows(0)


ROUTE = ModelRoute("custom", "m")


def test_a_model_at_an_address_has_a_breaker_of_its_own_for_each_address_and_key() -> None:
    breakers = Breakers()
    servers = [None, ModelServer("http://a"), ModelServer("http://b"), ModelServer("http://a", "key")]
    found = [breakers.of(ROUTE, server) for server in servers]
    assert len({id(breaker) for breaker in found}) == len(servers)
    assert [breakers.of(ROUTE, server) for server in servers] == found
    assert breakers.of(ModelRoute("custom", "other"), servers[1]) is not found[1]


def test_however_many_are_made_up_only_the_latest_are_kept() -> None:
    breakers = Breakers()
    known, used = breakers.of(ROUTE, None), breakers.of(ROUTE, ModelServer("http://used"))
    for number in range(3 * MOST_REQUESTED):
        breakers.of(ModelRoute("custom", f"m{number}"), ModelServer("http://a", str(number)))
        breakers.of(ROUTE, ModelServer("http://used"))
    assert len(breakers._requested) == MOST_REQUESTED
    assert breakers.of(ROUTE, None) is known
    assert breakers.of(ROUTE, ModelServer("http://used")) is used


def test_who_is_refused_is_told_what_the_provider_told_last() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(OVERLOADED, 0)
    assert breaker.refusal(0).kind == "overloaded"
    breaker.failed(Failure("rate_limited", retry_after=7), 0)
    assert (breaker.refusal(3).kind, breaker.refusal(3).retry_after) == ("rate_limited", 4)
