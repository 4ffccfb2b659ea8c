# SPDX-License-Identifier: Apache-2.0
"""How long an issuer's keys are believed, and when they are asked for again. Effect.

One `IssuerKeys` for each issuer, each with its own task, so that no issuer waits for another:

- fetched at once, then regularly; while that fails, again and again with growing, jittered pauses;
- never two fetches of one issuer at a time: whoever wants its keys waits for the flight that is in the air;
- a token whose key is not known causes one fetch, then none for a while, however many such tokens come;
- the last good keys serve on while fetches fail, but not longer than `stale_seconds` after the last success.

Times are seconds of the monotonic clock. Changes of state are logged, repetitions are not.
"""

import asyncio
import logging
import random
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn

from aigw_auth import metrics
from aigw_auth.sources import FetchFailed, Source
from aigw_auth.trust import Key, KeySet, Trusted
from aigw_contract.table import IssuerTrust

LONGEST_PAUSE = 60.0
LONGEST_WAIT = 3.0
"""How long one decision waits for a fetch; the fetch itself goes on."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """Seconds: between regular fetches, between fetches for unknown keys, and after a first failure."""

    refresh: float = 3600.0
    cooldown: float = 30.0
    retry: float = 1.0


class IssuerKeys:
    """The keys of one issuer."""

    def __init__(self, trust: IssuerTrust, source: Source, timing: Timing, stale: float, *, own: bool = False) -> None:
        self.trust = trust
        self.source = source
        self.stale = stale
        self.ever = False  # whether it has ever yielded a key
        self._timing = timing
        self._own = own
        self._found = KeySet(())
        self._failing = ""  # the result of the last fetch if it failed
        self._failures = 0
        self._succeeded = monotonic()
        self._due = 0.0
        self._asked = float("-inf")  # when a token last caused a fetch
        self._flight: asyncio.Task[None] | None = None
        metrics.show_issuer(trust.name, self._age, lambda: len(self._good()))

    def trusted(self) -> Trusted:
        """What may be believed of the issuer at this moment."""
        return Trusted(
            issuer=self.trust.issuer,
            keys=self._good(),
            algorithms=tuple(self.trust.algorithms),
            realms=frozenset(self.trust.realms),
            current=self._flight is None and not self._failing,
            own=self._own,
        )

    async def keep_fresh(self) -> NoReturn:
        """Fetch whenever it is due, for as long as the issuer is trusted."""
        while True:
            if monotonic() >= self._due:
                await asyncio.wait({self._fly()})
            # not slept through in one go: a fetch for a token may have moved the time
            await asyncio.sleep(max(0.0, min(self._due - monotonic(), 1.0)))

    async def refetch(self) -> bool:
        """For a token whose key is not known: wait for a fetch. False if one was made lately, so nothing is new."""
        if self._flight is None:
            if monotonic() - self._asked < self._timing.cooldown:
                return False
            self._asked = monotonic()
        await asyncio.wait({self._fly()}, timeout=LONGEST_WAIT)
        return True

    def hurry(self) -> None:
        """Fetch soon; what is known stays good, as after any fetch that fails."""
        self._due = 0.0

    def forget(self) -> None:
        """The issuer is trusted no longer."""
        metrics.hide_issuer(self.trust.name)
        if self._flight is not None:
            self._flight.cancel()

    def _fly(self) -> "asyncio.Task[None]":
        if self._flight is None:
            self._flight = asyncio.ensure_future(self._fetch())
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: "asyncio.Task[None]") -> None:
        self._flight = None
        if not flight.cancelled() and (error := flight.exception()) is not None:
            log.error("the fetch itself broke", exc_info=error)

    async def _fetch(self) -> None:
        self._due = monotonic() + LONGEST_PAUSE  # in case something unforeseen breaks what follows
        try:
            found = await self.source.fetch()
        except FetchFailed as failed:
            self._failed(failed)
        else:
            self._fetched(found)
        self._due = monotonic() + self._pause()

    def _fetched(self, found: KeySet) -> None:
        metrics.FETCHES.labels(self.trust.name, "ok").inc()
        if self._failing or _names(found) != _names(self._found):
            log.info("issuer %s: %d keys: %s", self.trust.name, len(found.keys), ", ".join(_names(found)))
        if found.refused and found.refused != self._found.refused:
            log.warning("issuer %s: keys that are not taken: %s", self.trust.name, "; ".join(found.refused)[:1000])
        self._found = found
        self._failing = ""
        self._failures = 0
        self._succeeded = monotonic()
        self.ever = True

    def _failed(self, failed: FetchFailed) -> None:
        metrics.FETCHES.labels(self.trust.name, failed.result).inc()
        if failed.result != self._failing:
            log.warning("issuer %s: its keys cannot be fetched: %s", self.trust.name, failed)
        self._failing = failed.result
        self._failures += 1
        if self._found.keys and not self._good():
            log.error("issuer %s: its last good keys are too old and no longer used", self.trust.name)
            self._found = KeySet(())

    def _pause(self) -> float:
        """Until the next fetch. Keys that may be kept only for a short time are fetched in half that time."""
        if self.source.every is not None:
            return self.source.every
        if self._failing:
            longest = min(LONGEST_PAUSE, self._timing.retry * 2.0 ** min(self._failures - 1, 16))
        else:
            longest = min(self._timing.refresh, self._kept() / 2)
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - so that replicas do not ask all at once

    def _good(self) -> tuple[Key, ...]:
        return self._found.keys if self._age() <= self._kept() else ()

    def _kept(self) -> float:
        """Below a second keys would be too old before they could be fetched again."""
        return max(self.stale, 1.0)

    def _age(self) -> float:
        return monotonic() - self._succeeded


def _names(found: KeySet) -> list[str]:
    return [key.kid[:80] for key in found.keys]
