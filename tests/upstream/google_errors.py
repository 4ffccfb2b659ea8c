# SPDX-License-Identifier: Apache-2.0
"""Google's refusals: `{"error": {"code", "message", "status"}}`, in an array when the answer would have been one."""

import json

from upstream.calls import Call, Wording
from upstream.wire import Whole, encode

LIMIT = 1_048_576
_MEDIA_TYPE = "application/json; charset=UTF-8"

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential.",
    403: "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).",
    429: "Resource exhausted. Please try again later.",
    500: "Internal error encountered.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}


def refusal(call: Call, status: int, message: str = "") -> Whole:
    """Google's answer with an error status."""
    body = _error(status, message or _usual(call, status))
    asked = call.script.retry_after
    headers = {"retry-after": str(asked)} if status == 429 and asked else {}
    return Whole(encode([body] if _in_array(call) else body), status, _MEDIA_TYPE, headers)


def too_long(call: Call) -> Whole:
    """The refusal of a prompt beyond the context window."""
    count = f"The input token count ({LIMIT + 5_000}) exceeds the maximum number of tokens allowed ({LIMIT})."
    return refusal(call, 400, count)


def unavailable() -> bytes:
    """The in-band error of a stream: JSON over several lines, and not an event of its own."""
    return json.dumps(_error(503, _MESSAGES[503]), indent=2).encode()


def _error(status: int, message: str) -> dict[str, object]:
    return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}


def _usual(call: Call, status: int) -> str:
    if status == 404:
        model = call.request.url.path.partition("/projects/")[2].rpartition(":")[0]
        return f"Publisher Model `projects/{model}` was not found."
    return _MESSAGES.get(status, "Error")


def _in_array(call: Call) -> bool:
    action = call.request.path_params.get("action", "")
    return action.startswith("stream") and call.request.query_params.get("alt") != "sse"


WORDING = Wording(status=refusal, too_long=too_long, overloaded=503)
