# SPDX-License-Identifier: Apache-2.0
"""What can be seen of the auth service from outside. Labels: names of configured issuers, and words of closed lists."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge

FETCHES = Counter("aigw_jwks_fetches_total", "Times that an issuer's keys were fetched", ("issuer", "result"))
AGE = Gauge("aigw_jwks_age_seconds", "Time since an issuer's keys were last fetched, or since it is known", ("issuer",))
KEYS = Gauge("aigw_jwks_keys", "Keys of an issuer that tokens are verified with", ("issuer",))
DECISIONS = Counter("aigw_decisions_total", "Decisions; the reason is `allowed` or that of the refusal", ("reason",))


def show_issuer(name: str, age: Callable[[], float], keys: Callable[[], float]) -> None:
    """Both are called at each scrape, so that an age grows though nothing happens."""
    AGE.labels(name).set_function(age)
    KEYS.labels(name).set_function(keys)


def hide_issuer(name: str) -> None:
    AGE.remove(name)
    KEYS.remove(name)
