# SPDX-License-Identifier: Apache-2.0
"""What the router counts. Models come from the routing table, so the label sets are closed."""

from functools import cache

from prometheus_client import Gauge

from aigw_kit.tally import Tallies, Tally

DECISIONS = Tallies("aigw_decisions_used_total", "Authentication decisions by where they came from", ("source",))
ATTEMPTS = Tallies("aigw_attempts_total", "Attempts at a model by outcome", ("model", "outcome"))
TABLE = Gauge("aigw_routing_table_info", "The routing table that is in use", ("revision",))


@cache
def attempts_total(model: str, outcome: str) -> Tally:
    """The child for a model and an outcome, bound once."""
    return ATTEMPTS.labels(model, outcome)
