# SPDX-License-Identifier: Apache-2.0
"""Errors in Google's format: `{"error": {"code", "message", "status", "details"}}`, read and written.

Source: https://cloud.google.com/apis/design/errors and https://cloud.google.com/vertex-ai/generative-ai/docs/
model-reference/api-errors. Some endpoints put the one error into a list, and Claude's own errors come through in
Anthropic's format, with a `type` in place of the `status`.
"""

import re

import msgspec
from msgspec import Struct

from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure, Kind
from aigw_providers.anthropic import ERROR_TYPES

STATUSES: dict[str, Kind] = {
    "RESOURCE_EXHAUSTED": "rate_limited",
    "UNAVAILABLE": "overloaded",
    "INTERNAL": "overloaded",
    "UNKNOWN": "overloaded",
    "ABORTED": "overloaded",
    "CANCELLED": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
    "PERMISSION_DENIED": "auth",
    "UNAUTHENTICATED": "auth",
    "NOT_FOUND": "not_found",
    "INVALID_ARGUMENT": "bad_request",
    "FAILED_PRECONDITION": "bad_request",
    "OUT_OF_RANGE": "bad_request",
}

WRITTEN: dict[Kind, str] = {
    "rate_limited": "RESOURCE_EXHAUSTED",
    "timeout": "DEADLINE_EXCEEDED",
    "bad_request": "INVALID_ARGUMENT",
    "too_long": "INVALID_ARGUMENT",
}
"""The rest is UNAVAILABLE: what is wrong between the gateway and Google is none of the caller's doing."""

TOO_LONG = re.compile(r"token count .*(exceeds|supports up to)|prompt is too long")


class _Detail(Struct, rename="camel"):
    retry_delay: str = ""  # of google.rpc.RetryInfo: "12s", "0.5s"


class _Error(Struct):
    status: str = ""
    type: str = ""
    message: str = ""
    details: list[_Detail] | None = None  # null in Anthropic's

    @property
    def name(self) -> str:
        return self.status or self.type


class _ErrorBody(Struct):
    error: _Error = msgspec.field(default_factory=_Error)


def failure_of(body: bytes, otherwise: Kind, where: str) -> Failure:
    """Classify the error; `otherwise` if the body is none, or has a name that is in no table."""
    error = _read(body)
    kind = STATUSES.get(error.status) or ERROR_TYPES.get(error.type) or otherwise
    if kind == "bad_request" and TOO_LONG.search(error.message):
        kind = "too_long"
    return Failure(kind, f"{where} {error.name[:40]}".rstrip(), _retry_after(error))


def error_body(status: int, kind: Kind, detail: str) -> bytes:
    error = {"code": status, "message": detail, "status": WRITTEN.get(kind, "UNAVAILABLE")}
    return msgspec.json.encode({"error": error})


def _read(body: bytes) -> _Error:
    try:
        told = msgspec.json.decode(body, type=_ErrorBody | list[_ErrorBody])
    except UNREADABLE:
        return _Error()
    bodies = told if isinstance(told, list) else [told]
    return bodies[0].error if bodies else _Error()


def _retry_after(error: _Error) -> float | None:
    delays = [d.retry_delay.removesuffix("s") for d in error.details or [] if d.retry_delay.endswith("s")]
    try:
        return float(delays[0]) if delays else None
    except ValueError:
        return None
