# SPDX-License-Identifier: Apache-2.0
"""Anthropic's refusals: `{"type": "error", "error": {...}, "request_id": ...}` and what its headers say."""

from itertools import count

from upstream.calls import Call, Wording
from upstream.wire import Whole, typed_event

LIMIT = 200_000

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    413: "Request exceeds the maximum size",
    429: "Number of request tokens has exceeded your per-minute rate limit.",
    500: "Internal server error",
    504: "The request timed out.",
    529: "Overloaded",
}
_numbers = count(1)


def request_id() -> str:
    """A new request id, as in the `request-id` header."""
    return f"req_scripted{next(_numbers):014d}"


def refusal(call: Call, status: int, message: str = "") -> Whole:
    """Anthropic's answer with an error status."""
    usual = f"model: {call.model}" if status == 404 else _MESSAGES.get(status, "Error")
    error = {"details": None, "type": _TYPES.get(status, "api_error"), "message": message or usual}
    number = request_id()
    body = {"type": "error", "error": error, "request_id": number}
    return Whole.of(body, status, {"request-id": number, **_advice(call, status)})


def too_long(call: Call) -> Whole:
    """The refusal of a prompt beyond the context window."""
    return refusal(call, 400, f"prompt is too long: {LIMIT + 5_000} tokens > {LIMIT} maximum")


def overloaded_event(_: int) -> bytes:
    """The in-band error of a stream."""
    return typed_event(
        {"type": "error", "error": {"details": None, "type": "overloaded_error", "message": "Overloaded"}}
    )


def _advice(call: Call, status: int) -> dict[str, str]:
    if status < 429:
        return {"x-should-retry": "false"}
    if status != 429:
        return {"x-should-retry": "true"}
    return {
        "x-should-retry": "true",
        "retry-after": str(call.script.retry_after or 1),
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
    }


WORDING = Wording(status=refusal, too_long=too_long, overloaded=529)
