# SPDX-License-Identifier: Apache-2.0
"""What the operator counts, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

LOOKS = Counter("aigw_operator_reconciles_total", "Looks at a gateway, by what they found.", ["outcome"])
SECONDS = Histogram(
    "aigw_operator_reconcile_seconds", "How long a look took.", buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
)
WAITING = Gauge("aigw_operator_queue_depth", "Gateways that wait for a worker.", ["lane"])
CALLS = Counter(
    "aigw_operator_api_requests_total", "Requests to the API server but watches.", ["verb", "resource", "status"]
)
KNOWN = Gauge("aigw_operator_cached_objects", "Objects of gateways that are kept in memory.")
LEADS = Gauge("aigw_operator_leader", "1 for the operator that holds the Lease.")


def done(outcome: str, seconds: float) -> None:
    LOOKS.labels(outcome).inc()
    SECONDS.observe(seconds)
