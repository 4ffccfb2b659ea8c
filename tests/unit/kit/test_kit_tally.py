# SPDX-License-Identifier: Apache-2.0
"""The kit's own counters show what prometheus-client's would."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from aigw_kit.tally import DurationsByLabel, Tallies

BOUNDS = (0.005, 0.1, 1, 60)
LABELS = st.sampled_from(["a", "b", 'quote"\n'])
SECONDS = st.one_of(st.sampled_from(BOUNDS), st.floats(0, 1000))


def shown(registry: CollectorRegistry) -> list[str]:
    """Without the time of creation, which the kit's do not have."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def both(make: Any, use: Any) -> tuple[list[str], list[str]]:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    for metric in make(ours, theirs):
        use(metric)
    return shown(ours), shown(theirs)


@given(st.lists(st.tuples(LABELS, st.integers(0, 10**9))))
def test_a_counter(changes: list[tuple[str, int]]) -> None:
    def use(metric: Any) -> None:
        for label, by in changes:
            metric.labels(label).inc(by)

    ours, theirs = both(
        lambda ours, theirs: [
            Tallies("things_total", "Things", ("kind",), ours),
            Counter("things_total", "Things", ("kind",), registry=theirs),
        ],
        use,
    )
    assert ours == theirs


@given(st.lists(st.tuples(LABELS, SECONDS)))
def test_a_histogram(observed: list[tuple[str, float]]) -> None:
    def use(metric: Any) -> None:
        for label, seconds in observed:
            metric.labels(label).observe(seconds)

    ours, theirs = both(
        lambda ours, theirs: [
            DurationsByLabel("took_seconds", "Took", ("kind",), BOUNDS, ours),
            Histogram("took_seconds", "Took", ("kind",), registry=theirs, buckets=BOUNDS),
        ],
        use,
    )
    assert ours == theirs
