# SPDX-License-Identifier: Apache-2.0
"""OpenAI's refusals: `{"error": {"message", "type", "param", "code"}}` and what its headers say."""

from itertools import count
from typing import NamedTuple

from upstream.calls import Call, Wording
from upstream.wire import Whole, event

LIMIT = 128_000
SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


class _Usual(NamedTuple):
    type: str
    code: str | None
    message: str


_USUAL = {
    400: _Usual("invalid_request_error", None, "Invalid request."),
    401: _Usual("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: _Usual("invalid_request_error", None, "You do not have access to this project."),
    404: _Usual("invalid_request_error", "model_not_found", ""),
    429: _Usual("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again later."),
    500: _Usual("server_error", None, SERVER_ERROR),
    503: _Usual("server_error", None, "The engine is currently overloaded, please try again later"),
}
_numbers = count(1)


def request_id() -> str:
    """A new request id, as in the `x-request-id` header."""
    return f"req_{next(_numbers):032x}"


def refusal(call: Call, status: int, message: str = "", param: str | None = None, code: str | None = None) -> Whole:
    """OpenAI's answer with an error status."""
    usual = _USUAL.get(status, _USUAL[500] if status >= 500 else _USUAL[400])
    if status == 404:
        param, message = "model", message or _unknown(call.model)
    error = {"message": message or usual.message, "type": usual.type, "param": param, "code": code or usual.code}
    return Whole.of({"error": error}, status, {"x-request-id": request_id(), **_advice(call, status)})


def too_long(call: Call) -> Whole:
    """The refusal of a prompt beyond the context window."""
    message = (
        f"This model's maximum context length is {LIMIT} tokens. However, your messages resulted in "
        f"{LIMIT + 5_000} tokens. Please reduce the length of the messages."
    )
    return refusal(call, 400, message, "messages", "context_length_exceeded")


def error_event(_: int) -> bytes:
    """The in-band error of a chat or completion stream, which ends without `[DONE]`."""
    return event({"error": {"message": SERVER_ERROR, "type": "server_error", "param": None, "code": None}})


def _unknown(model: str) -> str:
    return f"The model `{model}` does not exist or you do not have access to it."


def _advice(call: Call, status: int) -> dict[str, str]:
    if status != 429:
        return {}
    seconds = call.script.retry_after or 1
    return {
        "retry-after": str(seconds),
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{seconds}s",
    }


WORDING = Wording(status=refusal, too_long=too_long, overloaded=503)
