# SPDX-License-Identifier: Apache-2.0
"""Try candidates in order under one deadline: the only place that retries.

A candidate that fails in a way another may not share (see the table of failures) gives way to the next. While
there is a next one, an attempt gets two thirds of the time that is left: a silent provider cannot use it all up.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple, TypeVar

from aigw_contract.calls import Answer
from aigw_contract.errors import ProviderRefusal
from aigw_contract.failures import CONSEQUENCES, Failure, UpstreamFailed
from aigw_contract.table import RoutingTable
from aigw_kit.request import Request
from aigw_router.breaker import Breakers
from aigw_router.candidates import Attempt
from aigw_router.clients import Passed, ProviderClient
from aigw_router.metrics import attempts_total
from aigw_router.streams import TextStream
from aigw_router.table import Tables

SHARE = 2 / 3
LEAST_SECONDS = 0.02  # with less than this left no attempt is begun

T = TypeVar("T")
Try = Callable[[ProviderClient, Attempt, float], Awaitable[T]]


class Done(NamedTuple):
    attempt: Attempt
    answer: Answer


class Begun(NamedTuple):
    attempt: Attempt
    text: TextStream


class Dispatch:
    """Owns the breakers; one for the whole router."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._breakers = Breakers()

    async def first_success(
        self, request: Request, table: RoutingTable, attempts: Sequence[Attempt], timeout: float, passed: Passed
    ) -> Done:
        """The first whole answer. Raises ProviderRefusal when no candidate gave one."""

        async def ask(client: ProviderClient, attempt: Attempt, left: float) -> Answer:
            return await client.generate(attempt.call, passed, left)

        return Done(*await self._first(request, table, attempts, timeout, ask))

    async def first_stream(
        self, request: Request, table: RoutingTable, attempts: Sequence[Attempt], timeout: float, passed: Passed
    ) -> Begun:
        """The first stream that has content. `timeout` is until then. Raises ProviderRefusal."""

        async def ask(client: ProviderClient, attempt: Attempt, left: float) -> TextStream:
            return await client.stream(attempt.call, passed, left)

        return Begun(*await self._first(request, table, attempts, timeout, ask))

    async def _first(
        self, request: Request, table: RoutingTable, attempts: Sequence[Attempt], timeout: float, ask: Try[T]
    ) -> tuple[Attempt, T]:
        deadline = monotonic() + timeout
        failures: list[Failure] = []
        for number, attempt in enumerate(attempts, 1):
            left = deadline - monotonic()
            if left < LEAST_SECONDS:
                failures.append(Failure("timeout", "the deadline has passed"))
                break
            share = left if number == len(attempts) else left * SHARE
            try:
                result = await self._one(table, attempt, share, ask)
            except UpstreamFailed as failed:
                failures.append(failed.failure)
                if not CONSEQUENCES[failed.failure.kind].next_candidate:
                    break
                continue
            _note(request, attempt, failures)
            return attempt, result
        _note(request, None, failures)
        raise exhausted(failures)

    async def _one(self, table: RoutingTable, attempt: Attempt, seconds: float, ask: Try[T]) -> T:
        """Raises UpstreamFailed; tells the breaker how it went."""
        route = attempt.route
        breaker = self._breakers.of(route, attempt.call.at)
        if not breaker.allows(monotonic()):
            attempts_total(attempt.model, "breaker_open").inc()
            raise UpstreamFailed(breaker.refusal(monotonic()))
        try:
            result = await ask(self._tables.client(table, route.provider), attempt, seconds)
        except UpstreamFailed as failed:
            breaker.failed(failed.failure, monotonic())
            attempts_total(attempt.model, failed.failure.kind).inc()
            raise
        except BaseException:
            breaker.abandoned()
            raise
        breaker.succeeded()
        attempts_total(attempt.model, "ok").inc()
        return result


def exhausted(failures: Sequence[Failure]) -> ProviderRefusal:
    """What the caller is told when no candidate answered.

    A rate limit only if all were rate limited; else the last failure that was not one. Retry-After is the smallest of
    those known, and a second where an answer may be had later but nobody said when.
    """
    told = next((f for f in reversed(failures) if f.kind != "rate_limited"), failures[-1])
    consequence = CONSEQUENCES[told.kind]
    waits = [f.retry_after for f in failures if f.retry_after is not None]
    retry_after = min(waits, default=1.0) if consequence.status in (429, 503) else None
    return ProviderRefusal(
        consequence.detail, status=consequence.status, reason=consequence.reason, retry_after=retry_after
    )


def _note(request: Request, attempt: Attempt | None, failures: list[Failure]) -> None:
    """What the access log says of how the request was served."""
    if attempt is not None:
        request.fields["model"] = attempt.model
        request.fields["provider"] = attempt.route.provider
    if failures:
        request.fields["failures"] = [f"{failure.kind}: {failure.detail}" for failure in failures]
