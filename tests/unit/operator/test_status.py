# SPDX-License-Identifier: Apache-2.0
"""Status from observations: Serving is never True for what does not serve, and a steady state writes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_contract.probes import Probed, ProviderState
from aigw_operator.status import Observation, Part, Reason, changes, conditions, status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNNING = [Part("router", 2, 2, 2, True), Part("auth", 1, 1, 1, True), Part("provider-echo", 1, 1, 1, True)]
ECHO = ProviderState("r1", "not_needed")
GOOD = Observation(3, 3, parts=RUNNING, probed=Probed("r1", {"echo": ECHO}), url="http://eu")


def found(seen: Observation) -> dict[str, tuple[bool, Reason]]:
    return {c.type: (c.status, c.reason) for c in conditions(seen)}


def test_all_is_well() -> None:
    assert found(GOOD) == {
        "Accepted": (True, Reason.VALID),
        "Progressing": (False, Reason.UP_TO_DATE),
        "Serving": (True, Reason.PROBE_SUCCEEDED),
        "Degraded": (False, Reason.AS_EXPECTED),
    }


NEW = Part("provider-new", 2, 1, 0, True)

CASES: list[tuple[str, dict[str, Any], str, tuple[bool, Reason]]] = [
    ("faults", {"faults": ["spec.x: no"]}, "Accepted", (False, Reason.INVALID_SPEC)),
    ("refused", {"refused": "no"}, "Accepted", (False, Reason.REFUSED_BY_CLUSTER)),
    ("rolling", {"parts": [Part("router", 2, 1, 2, False)]}, "Progressing", (True, Reason.ROLLING_OUT)),
    ("one pod short", {"parts": [Part("router", 2, 2, 1, True)]}, "Progressing", (True, Reason.ROLLING_OUT)),
    ("behind", {"behind": ["p uses a"]}, "Progressing", (True, Reason.WAITING_FOR_ACKNOWLEDGEMENT)),
    ("behind", {"behind": ["p uses a"]}, "Serving", (False, Reason.WAITING_FOR_ACKNOWLEDGEMENT)),
    ("awaited", {"parts": [*RUNNING, NEW], "awaited": [NEW.name]}, "Progressing", (True, Reason.WAITING_FOR_PROVIDER)),
    ("awaited", {"parts": [*RUNNING, NEW], "awaited": [NEW.name]}, "Serving", (True, Reason.PROBE_SUCCEEDED)),
    ("in use", {"parts": [*RUNNING, NEW]}, "Serving", (False, Reason.WAITING_FOR_PODS)),
    ("leaving", {"leaving": ["provider-old"]}, "Progressing", (False, Reason.UP_TO_DATE)),
    ("leaving", {"leaving": ["provider-old"]}, "Serving", (True, Reason.PROBE_SUCCEEDED)),
    ("never", {"applied": 0}, "Serving", (False, Reason.NOTHING_APPLIED)),
    ("no pods", {"parts": [Part("router", 2, 2, 0, True)]}, "Serving", (False, Reason.WAITING_FOR_PODS)),
    ("old pods", {"parts": [Part("router", 2, 1, 3, False)]}, "Serving", (False, Reason.WAITING_FOR_PODS)),
    ("no parts", {"parts": []}, "Serving", (False, Reason.WAITING_FOR_PODS)),
    ("no probe", {"probed": None, "probe_error": "x"}, "Serving", (False, Reason.PROBE_FAILED)),
    ("silent", {"probed": Probed("r1", models={"a": "", "b": "timeout"})}, "Serving", (False, Reason.PROBE_FAILED)),
    ("lost", {"probed": Probed("r1", {}, ["echo"])}, "Serving", (False, Reason.PROBE_FAILED)),
    ("secret", {"missing_secrets": ["spec: none"]}, "Degraded", (True, Reason.CREDENTIAL_MISSING)),
    (
        "no credential",
        {"probed": Probed("r1", {"a": ProviderState("r", "missing")})},
        "Degraded",
        (True, Reason.PROVIDER_FAILING),
    ),
    (
        "refused credential",
        {"probed": Probed("r1", {"a": ProviderState("r", "present", 1, 5, "auth", 9)})},
        "Degraded",
        (True, Reason.PROVIDER_FAILING),
    ),
    (
        "credential works again",
        {"probed": Probed("r1", {"a": ProviderState("r", "present", 1, 10, "auth", 9)})},
        "Degraded",
        (False, Reason.AS_EXPECTED),
    ),
]


@pytest.mark.parametrize(
    ("changed", "kind", "expected"), [c[1:] for c in CASES], ids=[f"{c[0]}: {c[2]}" for c in CASES]
)
def test_what_is_wrong_is_said(changed: dict[str, Any], kind: str, expected: tuple[bool, Reason]) -> None:
    assert found(replace(GOOD, **changed))[kind] == expected


def test_a_broken_generation_leaves_the_last_good_one_serving() -> None:
    before = status(GOOD, {}, NOW)
    after = status(replace(GOOD, generation=4, faults=["spec.x: no"]), before, NOW)
    by_type = {c["type"]: c for c in after["conditions"]}
    assert (by_type["Serving"]["status"], by_type["Serving"]["observedGeneration"]) == ("True", 3)
    assert (by_type["Accepted"]["status"], by_type["Accepted"]["observedGeneration"]) == ("False", 4)
    assert by_type["Degraded"]["status"] == "True"
    assert (after["observedGeneration"], after["servingGeneration"]) == (4, 3)


parts = st.builds(Part, st.sampled_from(["router", "auth"]), *[st.integers(0, 3)] * 3, st.booleans())
probes = st.none() | st.builds(Probed, st.just("r"), st.just({"echo": ECHO}), st.lists(st.just("echo"), max_size=1))
observations = st.builds(
    Observation,
    generation=st.integers(1, 9),
    applied=st.integers(0, 9),
    faults=st.lists(st.just("x"), max_size=1),
    parts=st.lists(parts, max_size=3),
    behind=st.lists(st.just("p"), max_size=1),
    awaited=st.lists(st.just("auth"), max_size=1),
    leaving=st.lists(st.just("old"), max_size=1),
    probed=probes,
)


@given(observations)
def test_serving_is_never_true_for_what_does_not_serve(seen: Observation) -> None:
    serves, _ = found(seen)["Serving"]
    if serves:
        assert seen.applied
        assert not seen.behind
        assert seen.probed is not None
        assert not seen.probed.unreachable
        assert seen.parts
        used = [p for p in seen.parts if p.desired and p.name not in seen.awaited]
        assert all(p.settled and p.updated and p.available for p in used)


@given(observations, observations)
def test_times_change_only_when_a_status_flips(first: Observation, second: Observation) -> None:
    before = status(first, {}, NOW)
    after = status(second, before, NOW + timedelta(hours=1))
    for old, new in zip(before["conditions"], after["conditions"], strict=True):
        assert (old["lastTransitionTime"] == new["lastTransitionTime"]) == (old["status"] == new["status"])


@given(observations)
def test_a_steady_state_says_nothing_new(seen: Observation) -> None:
    before = status(seen, {}, NOW)
    after = status(seen, before, NOW + timedelta(days=1))
    assert after == before
    assert changes(before, after) == []


def test_a_success_a_little_later_is_not_worth_a_write() -> None:
    def at(success: float) -> Observation:
        return replace(GOOD, probed=Probed("r1", {"a": ProviderState("r", "present", 1, success)}))

    before = status(at(1_000_000), {}, NOW)
    assert status(at(1_000_299), before, NOW) == before
    assert status(at(1_000_301), before, NOW) != before


def test_events_are_for_changes() -> None:
    before = status(GOOD, {}, NOW)
    after = status(replace(GOOD, behind=["p"]), before, NOW)
    assert {c["type"] for c in changes(before, after)} == {"Progressing", "Serving"}
