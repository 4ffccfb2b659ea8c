# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics that every service has. Label sets are closed; children are bound once."""

from functools import cache

from prometheus_client import Counter, Gauge

from aigw_kit.tally import Durations, DurationsByLabel, Tally

BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS = DurationsByLabel(
    "aigw_request_duration_seconds",
    "Time from the request's head to the last byte of the answer",
    ("handler", "method", "status"),
    BUCKETS,
)
REFUSALS = Counter("aigw_refusals_total", "Requests that were refused", ("reason",))
FILE_RELOADS = Counter("aigw_file_reloads_total", "Watched files that changed", ("file", "result"))

begun, ended = Tally(), Tally()
_in_flight = Gauge("aigw_requests_in_flight", "Requests that are being served")
_in_flight.set_function(lambda: begun.value - ended.value)


@cache
def request_duration(handler: str, method: str, status: int) -> Durations:
    """The child for one handler (a route template, never a path), method and status class (`2xx`)."""
    return REQUESTS.labels(handler, method, f"{status // 100}xx")
