# SPDX-License-Identifier: Apache-2.0
"""How an upstream can fail, in one table.

A provider names a `Kind`; what follows from it (try the next candidate? which status does the client see?) is read
here and nowhere else. Statuses and texts the client sees are those GitLab's callers know: 429 with Retry-After for a
rate limit, 503 `Inference failed` for what is not the caller's fault.
"""

from typing import Literal, NamedTuple

from msgspec import Struct

Kind = Literal[
    "rate_limited",
    "overloaded",
    "bad_request",
    "too_long",
    "auth",
    "not_found",
    "timeout",
    "cut",
    "unreachable",
]


class Consequence(NamedTuple):
    """What a kind of failure means. `next_candidate`: another provider may still answer this request."""

    next_candidate: bool
    counts_against: bool  # does it speak against the provider's health (for the breaker)?
    status: int
    reason: str
    detail: str


_INFERENCE = "Inference failed"

CONSEQUENCES: dict[Kind, Consequence] = {
    "rate_limited": Consequence(True, True, 429, "provider_rate_limited", "Too many requests. Please try again later."),
    "overloaded": Consequence(True, True, 503, "provider_overloaded", _INFERENCE),
    "bad_request": Consequence(False, False, 422, "provider_rejected_request", "The model rejected the request"),
    "too_long": Consequence(True, False, 422, "prompt_too_long", "The prompt is too long for the model"),
    "auth": Consequence(True, True, 503, "provider_credentials_refused", _INFERENCE),
    "not_found": Consequence(True, False, 503, "provider_model_not_found", _INFERENCE),
    "timeout": Consequence(True, True, 503, "provider_timeout", _INFERENCE),
    "cut": Consequence(True, True, 503, "provider_connection_cut", _INFERENCE),
    "unreachable": Consequence(True, True, 503, "provider_unreachable", _INFERENCE),
}

_BY_STATUS: dict[int, Kind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "too_long",
    429: "rate_limited",
    504: "timeout",
}


class Failure(Struct, frozen=True, omit_defaults=True):
    """One attempt that failed. `detail` comes from the gateway, not from the upstream's body."""

    kind: Kind
    detail: str = ""
    retry_after: float | None = None  # seconds
    by_request: bool = False  # of a server that the request named: it says nothing of the provider


class UpstreamFailed(Exception):
    """Raised where an attempt fails; carries the classified failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.detail}")
        self.failure = failure


def kind_of_status(status: int) -> Kind:
    """The kind that an HTTP status alone tells; adapters refine it by the error type in the body."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return "overloaded" if status >= 500 else "bad_request"
