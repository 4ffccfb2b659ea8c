# SPDX-License-Identifier: Apache-2.0
"""Who is calling: the decision of the auth service, remembered for a while.

A yes is remembered per token and identity headers for at most 60 s (the table says how long) and never past the token's
expiry; a no is not remembered. Requests with the same token that arrive together ask once.
"""

import asyncio
import time

from aigw_contract.decisions import Credentials, Decision
from aigw_contract.errors import Forbidden, Refusal, Unauthenticated, Unavailable
from aigw_contract.headers import AUTHENTICATION_TYPE, AUTHORIZATION, GLOBAL_USER_ID, INSTANCE_ID, REALM
from aigw_kit.request import Request
from aigw_router.clients import AuthClient
from aigw_router.metrics import DECISIONS
from aigw_router.table import Tables

MOST_REMEMBERED = 20_000

Key = tuple[bytes, bytes, bytes, bytes, bytes]

_hits = DECISIONS.labels("remembered")
_asked = DECISIONS.labels("asked")


class Callers:
    """`require` is the first thing that every endpoint does."""

    def __init__(self, auth: AuthClient, tables: Tables) -> None:
        self._auth = auth
        self._tables = tables
        self._known: dict[Key, tuple[Decision, float]] = {}
        self._asking: dict[Key, asyncio.Task[Decision]] = {}

    async def require(self, request: Request) -> Decision:
        """The caller. Raises Unauthenticated (401) or Unavailable (503)."""
        key = _key(request)
        known = self._known.get(key)
        if known is not None and time.time() < known[1]:
            _hits.inc()
            decision = known[0]
        else:
            decision = await self._ask_once(key)
        if not decision.allowed:
            raise _refusal(decision)
        request.fields["issuer"] = decision.issuer
        request.fields["realm"] = decision.realm
        request.fields["instance_id"] = decision.instance_id
        return decision

    async def _ask_once(self, key: Key) -> Decision:
        seconds = self._tables.current.decision_cache_seconds
        if seconds <= 0:
            return await self._ask(key, 0)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, seconds))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)  # one caller that leaves does not take the answer from the others

    async def _ask(self, key: Key, seconds: float) -> Decision:
        _asked.inc()
        decision = await self._auth.decide(Credentials(*(part.decode("latin-1") for part in key)))
        until = min(time.time() + seconds, decision.expires_at)
        if decision.allowed and seconds > 0:
            self._remember(key, decision, until)
        return decision

    def _remember(self, key: Key, decision: Decision, until: float) -> None:
        self._known.pop(key, None)  # so that it stands at the end again: the oldest is the first to go
        if len(self._known) >= MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = (decision, until)


def require_scope(caller: Decision, scopes: frozenset[str], what: str, *, user_tokens: bool) -> None:
    """Raises Forbidden (403) unless the token grants one of `scopes`, and is of a kind that may come here."""
    if caller.user_token and not user_tokens:
        raise Forbidden(f"Unauthorized to access {what}", reason="user_token_not_accepted")
    if caller.scopes.isdisjoint(scopes):
        raise Forbidden(f"Unauthorized to access {what}", reason="scope_missing")


def _key(request: Request) -> Key:
    header = request.headers.get
    return (
        header(AUTHORIZATION, b""),
        header(AUTHENTICATION_TYPE, b""),
        header(REALM, b""),
        header(INSTANCE_ID, b""),
        header(GLOBAL_USER_ID, b""),
    )


def _refusal(decision: Decision) -> Refusal:
    if decision.status == 401:
        return Unauthenticated(decision.message, reason=decision.reason)
    if decision.status == 403:
        return Forbidden(decision.message, reason=decision.reason)
    return Unavailable(decision.message, reason=decision.reason, retry_after=1.0)
