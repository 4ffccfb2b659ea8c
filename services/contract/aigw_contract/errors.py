# SPDX-License-Identifier: Apache-2.0
"""The tree of refusals: everything a caller may be told, each with an HTTP status and a stable reason.

    Refusal                   400 bad_request
    ├── Unauthenticated       401 (body key `error`, as GitLab's clients expect from authentication alone)
    ├── Forbidden             403
    ├── NotFound              404
    ├── MethodNotAllowed      405
    ├── BadInput              400
    │   ├── InvalidJson       400 invalid_json
    │   ├── TooSlow           408 request_timeout
    │   ├── TooLarge          413 body_too_large
    │   ├── WrongShape        422 wrong_shape
    │   └── NothingUsable     422 nothing_usable
    ├── Unavailable           503 (auth or a whole table of providers out of reach)
    └── ProviderRefusal       status and reason from the table of failures

The body shapes are those of GitLab's two dialects (`error` for 401, `detail` for the rest), plus `reason` and
`request_id`.
"""

from msgspec import DecodeError, json

UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON they should be: syntax or type, UTF-8, nesting."""


class Refusal(Exception):
    """Why a request is not served. `detail` is written for the caller and never holds a secret or a body."""

    status = 400
    reason = "bad_request"
    key = "detail"

    def __init__(self, detail: str, *, reason: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        if reason is not None:
            self.reason = reason

    def headers(self) -> dict[str, str]:
        """What goes along with the body."""
        return {} if self.retry_after is None else {"retry-after": str(max(1, round(self.retry_after)))}

    def body(self, request_id: str) -> bytes:
        """The JSON body: `{"detail" | "error", "reason", "request_id"}`."""
        return json.encode({self.key: self.detail, "reason": self.reason, "request_id": request_id})


class Unauthenticated(Refusal):
    status = 401
    reason = "unauthenticated"
    key = "error"


class Forbidden(Refusal):
    status = 403
    reason = "forbidden"


class NotFound(Refusal):
    status = 404
    reason = "not_found"


class MethodNotAllowed(Refusal):
    """`allow` is what the path takes, for the header of that name."""

    status = 405
    reason = "method_not_allowed"

    def __init__(self, detail: str, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow

    def headers(self) -> dict[str, str]:
        return {"allow": self.allow}


class BadInput(Refusal):
    """The request itself cannot be used."""


class InvalidJson(BadInput):
    reason = "invalid_json"


class TooSlow(BadInput):
    status = 408
    reason = "request_timeout"


class TooLarge(BadInput):
    status = 413
    reason = "body_too_large"


class WrongShape(BadInput):
    status = 422
    reason = "wrong_shape"


class NothingUsable(BadInput):
    status = 422
    reason = "nothing_usable"


class Unavailable(Refusal):
    status = 503
    reason = "unavailable"


class ProviderRefusal(Refusal):
    """No provider answered; carries the status and reason that the table of failures gives."""

    def __init__(self, detail: str, *, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(detail, reason=reason, retry_after=retry_after)
        self.status = status
