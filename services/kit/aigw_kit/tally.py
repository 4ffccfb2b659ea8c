# SPDX-License-Identifier: Apache-2.0
"""Counters and histograms for the hot path, shown to Prometheus by collectors.

prometheus-client's own take a lock for each change, as threads may share them; a service counts in one thread, its
event loop, and is only read from another. What is counted less than once a request uses prometheus-client's.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        self.value += by


class Tallies(Collector):
    """A counter with labels; `labels` makes the child for some values, to be kept by who counts."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry = REGISTRY) -> None:
        self._described = name, text, labels
        self._children: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def labels(self, *values: str) -> Tally:
        return self._children.setdefault(values, Tally())

    def collect(self) -> Iterable[Metric]:
        name, text, labels = self._described
        family = CounterMetricFamily(name, text, labels=labels)
        for values, child in list(self._children.items()):
            family.add_metric(values, child.value)
        yield family


class Durations:
    """One histogram: seconds observed, by bucket (upper bounds, the last one infinite), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class DurationsByLabel(Collector):
    """A histogram of seconds with labels."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._described = name, text, labels
        self._bounds = bounds
        self._children: dict[tuple[str, ...], Durations] = {}
        registry.register(self)

    def labels(self, *values: str) -> Durations:
        return self._children.setdefault(values, Durations(self._bounds))

    def collect(self) -> Iterable[Metric]:
        name, text, labels = self._described
        family = HistogramMetricFamily(name, text, labels=labels)
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for values, child in list(self._children.items()):
            family.add_metric(values, [*zip(bounds, accumulate(child.counts), strict=True)], child.sum)
        yield family
