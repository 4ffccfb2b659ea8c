# SPDX-License-Identifier: Apache-2.0
"""Circuit breakers, one per model of a provider: leave alone what fails, try it again with one request.

Models at an address that a request names have one for each address and key, too: what one caller's server or key does
speaks against no other's. As callers can make up any number of them, only the latest are kept.

Closed until five failures in a row, or one rate limit that says how long. Then open, for a pause that doubles from 1 s
to 30 s; after it a single request is let through, and its outcome decides.
"""

from dataclasses import dataclass

from aigw_contract.calls import ModelServer
from aigw_contract.failures import CONSEQUENCES, Failure, Kind
from aigw_contract.table import ModelRoute

FAILURES_TO_OPEN = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 60.0  # seconds that an upstream's own Retry-After is believed for
MOST_REQUESTED = 1024


@dataclass(slots=True)
class Breaker:
    """`now` is in seconds of any steady clock."""

    failures: int = 0
    open_until: float = 0.0
    pause: float = FIRST_PAUSE
    probing: bool = False
    because: Kind = "overloaded"

    def allows(self, now: float) -> bool:
        """May a request go? If it was open, this one is the probe, and no other until its outcome is known."""
        if not self.open_until:
            return True
        if now < self.open_until or self.probing:
            return False
        self.probing = True
        return True

    def refusal(self, now: float) -> Failure:
        """What a request that may not go is told: that of the provider, and the seconds until the next probe."""
        return Failure(self.because, "left alone after failures", max(0.0, self.open_until - now))

    def succeeded(self) -> None:
        if self.failures or self.open_until:
            self.failures, self.open_until, self.pause, self.probing = 0, 0.0, FIRST_PAUSE, False

    def failed(self, failure: Failure, now: float) -> None:
        """Only what speaks against the provider counts; a request that it rightly refused shows that it is well."""
        if not CONSEQUENCES[failure.kind].counts_against:
            self.succeeded()
            return
        self.failures += 1
        self.because = "rate_limited" if failure.kind == "rate_limited" else "overloaded"
        if failure.kind == "rate_limited" and failure.retry_after:
            self.open_until = now + min(failure.retry_after, LONGEST_RETRY_AFTER)
        elif self.failures >= FAILURES_TO_OPEN or self.probing:
            self.open_until = now + self.pause
            self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.probing = False

    def abandoned(self) -> None:
        """The request ended without an outcome (its client left): let another one probe."""
        self.probing = False


class Breakers:
    """All of one router."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Breaker] = {}
        self._requested: dict[tuple[str, str, str, int], Breaker] = {}

    def of(self, route: ModelRoute, at: ModelServer | None) -> Breaker:
        if at is None:
            return self._known.setdefault((route.provider, route.id), Breaker())
        key = (route.provider, route.id, at.endpoint, hash(at.api_key))  # a secret is not kept
        breaker = self._requested.pop(key, None) or Breaker()
        self._requested[key] = breaker  # at the end again: the oldest is the first to go
        if len(self._requested) > MOST_REQUESTED:
            del self._requested[next(iter(self._requested))]
        return breaker
