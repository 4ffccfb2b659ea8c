# SPDX-License-Identifier: Apache-2.0
"""The bytes on the wire: JSON, server-sent events, and the two shapes of an HTTP answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

encode = msgspec.json.encode
decode = msgspec.json.decode

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"


def event(body: object, name: str | None = None, newline: bytes = b"\n") -> bytes:
    """One server-sent event with a JSON body."""
    head = b"event: " + name.encode() + newline if name else b""
    return head + b"data: " + encode(body) + newline + newline


def typed_event(body: Mapping[str, object]) -> bytes:
    """One server-sent event named by the `type` of its body."""
    return event(body, str(body["type"]))


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer in one piece."""

    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> "Whole":
        """A JSON answer."""
        return cls(encode(body), status, headers=headers or {})


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer in chunks. `prelude` precedes even an error which comes in place of the first content."""

    content: tuple[bytes, ...]
    closing: bytes
    error: Callable[[int], bytes]
    """The provider's in-band error event after so many content chunks."""
    prelude: bytes = b""
    opening: bytes = b""
    media_type: str = EVENT_STREAM
    headers: Mapping[str, str] = field(default_factory=dict)
