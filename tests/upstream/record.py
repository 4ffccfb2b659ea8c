# SPDX-License-Identifier: Apache-2.0
"""What the scripted upstream has seen: the requests it got, and how giving each answer went."""

import time
from collections import deque
from typing import Any, Literal

from starlette.requests import Request

How = Literal["started", "finished", "disconnected", "aborted"]

_REQUESTS = 1_000
_EVENTS = 10_000
# Seconds since the epoch which never run backwards, and which other processes' `time.time()` can be compared with.
_EPOCH = time.time() - time.monotonic()


def now() -> float:
    """The time of a record."""
    return _EPOCH + time.monotonic()


class Recorder:
    """The latest requests and events, oldest first. Keeps nothing when it is not `enabled`."""

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.requests: deque[dict[str, Any]] = deque(maxlen=_REQUESTS)
        self.events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)

    def request(self, provider: str, request: Request, body: object) -> None:
        """Remember a request as it came, whether or not it will be answered well."""
        if not self.enabled:
            return
        seen = {
            "provider": provider,
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": body,
            "at": now(),
        }
        self.requests.append(seen)

    def event(self, provider: str, model: str, what: How, chunks_sent: int = 0) -> None:
        """Remember a step of an answer. `aborted` is an end the model name asked for, `disconnected` the caller's."""
        if self.enabled:
            event = {"provider": provider, "model": model, "event": what, "chunks_sent": chunks_sent, "at": now()}
            self.events.append(event)

    def reset(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.events.clear()
