# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP protocol with what a front door needs: bounds on heads, on waiting, and news of a client that left.

uvicorn (with httptools) reads a head of any size for any time, and tells of a lost client only those who ask. Here a
head is bounded, a sweep closes who sends too slowly, and the request's task is cancelled the moment its client is gone.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST_HEADERS = 100
MOST_HEAD_BYTES = 32 * 1024
EXTENSION = "aigw.connection"
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*h2c[^\r\n]*", re.IGNORECASE)


class HeadTooLarge(Exception):
    pass


class EdgeProtocol(HttpToolsProtocol):
    """`scope["extensions"]["aigw.connection"]` is the protocol itself, so that a request can set `on_lost`."""

    read_timeout: ClassVar[float] = 10.0
    live: ClassVar[set["EdgeProtocol"]] = set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.on_lost: Callable[[], object] | None = None
        self.head_bytes = 0
        self.gathered = 0  # bytes since the parser last handed something over
        self.reading_since: float | None = self.loop.time()
        self.live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.live.discard(self)
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        if self.parser is None or self.transport.is_closing():
            return
        if b"h2c" in data and (self.scope is None or self.reading_since is None):
            data = _without_upgrade(data)
        if self.reading_since is None and (self.cycle is None or self.cycle.response_complete):
            self.reading_since = self.loop.time()
        self.gathered += len(data)
        super().data_received(data)
        if self.gathered > MOST_HEAD_BYTES:  # a line without an end, which the parser keeps to itself
            self.refuse(431, "headers_too_large", "The request's headers are too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.reading_since is None:
            self.reading_since = self.loop.time()
        self.head_bytes = 0
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= MOST_HEADERS:
            raise HeadTooLarge
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self.gathered = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.gathered = 0
        self.reading_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self.head_bytes > MOST_HEAD_BYTES or len(self.headers or ()) >= MOST_HEADERS:
            self.refuse(431, "headers_too_large", "The request's headers are too large")
        else:
            self.refuse(400, "invalid_http", "The request is not HTTP/1.1")

    def refuse(self, status: int, reason: str, detail: str) -> None:
        """Answer without the application, and close; an answer that has begun is cut, and nothing written into it."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        body = b'{"detail":"%s","reason":"%s","request_id":""}' % (detail.encode(), reason.encode())
        head = b"HTTP/1.1 %d \r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head % (status, len(body)) + body)
            self.transport.close()

    def has_body(self, scope: Any) -> bool:
        """The request of `scope` has arrived whole."""
        return self.cycle.scope is scope and not self.cycle.more_body

    def respond(self, scope: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write head and body in one piece: ASGI's two messages would be two system calls, and two packets.

        False when this request must be answered through ASGI: a later one is parsed already, HEAD, or a slow reader.
        """
        cycle = self.cycle
        if cycle.scope is not scope or self.flow.write_paused or scope["method"] == "HEAD":
            return False
        if cycle.disconnected or cycle.response_started:
            return False
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        self.transport.write(b"".join((*parts, b"\r\n", body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def _count(self, size: int) -> None:
        self.gathered = 0
        self.head_bytes += size
        if self.head_bytes > MOST_HEAD_BYTES:
            raise HeadTooLarge


def _without_upgrade(data: bytes) -> bytes:
    """A head without its offer of HTTP/2 (Java's client makes one): the parser would take what follows for no body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"", head) + end + rest


def sweep(now: float) -> None:
    """Close connections whose request has been arriving for too long; a body's reader gets its own 408 first."""
    for protocol in list(EdgeProtocol.live):
        since = protocol.reading_since
        if since is None or now - since < EdgeProtocol.read_timeout:
            continue
        if protocol.cycle is None or (protocol.cycle.response_complete and not protocol.cycle.more_body):
            protocol.refuse(408, "request_timeout", "The request took too long to arrive")
        elif protocol.cycle.response_complete:
            protocol.transport.close()  # it was answered without its body, and is still sending
        # else it is being served: the endpoint reads the body, under a timeout of its own


async def sweeping() -> None:
    """Sweep once a second, for as long as the service runs."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1.0)
        sweep(loop.time())


def connection_of(scope: Any) -> EdgeProtocol | None:
    """The connection a request came on; None under another server."""
    found = (scope.get("extensions") or {}).get(EXTENSION)
    return found if isinstance(found, EdgeProtocol) else None
