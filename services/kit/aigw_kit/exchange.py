# SPDX-License-Identifier: Apache-2.0
"""One request and its answer on a connection: ASGI's `receive` and `send`, and shorter ways to do the same.

ASGI's messages are dicts, awaited one by one: a body that is here already would be waited for, and a head and a body be
two writes. The hot path takes the body as it is (`take_body`) and answers in one write (`respond`); chunks of a stream
are written where they arrive, outside of any task (`write_chunk`).
"""

import asyncio
import logging
from typing import Any, Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

Headers = list[tuple[bytes, bytes]]

log = logging.getLogger("uvicorn.error")


class Carrier(Protocol):
    """The connection, as far as an exchange and its request need it.

    `serving`: the exchange whose task is cancelled when the connection is lost.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    server_state: ServerState
    serving: "Exchange | None"
    lost: bool

    def on_response_complete(self) -> None: ...
    def leave(self) -> None: ...


class Exchange(RequestResponseCycle):
    """Like uvicorn's class, of which it keeps `receive`, `send` and `run_asgi`; made in a third of the time."""

    logger = log
    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    unframed = False

    def __init__(self, carrier: Carrier, scope: Any, *, keep_alive: bool, expect_continue: bool) -> None:
        # Not super().__init__: what is the same for all requests stands above.
        self.carrier = carrier
        self.scope = scope
        self.transport = carrier.transport
        self.flow = carrier.flow
        self.default_headers = carrier.server_state.default_headers
        self.message_event = cast(asyncio.Event, Signal(carrier.loop))
        self.on_response = carrier.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_continue
        self.body = bytearray()
        self.task: asyncio.Task[None] | None = None

    def feed(self, body: bytes) -> None:
        """A piece of the body. One that comes whole is not copied."""
        if self.body:
            if not isinstance(self.body, bytearray):
                self.body = bytearray(self.body)
            self.body += body
        else:
            self.body = body  # type: ignore[assignment]

    def take_body(self) -> bytes | None:
        """The whole body if it has arrived, else None: then ASGI's `receive` waits for it."""
        if self.more_body or self.disconnected or self.waiting_for_100_continue:
            return None
        body, self.body = self.body, bytearray()
        return bytes(body)

    def respond(self, status: int, headers: Headers, body: bytes) -> bool:
        """Write head and body in one piece: one system call, one packet.

        False when the answer must go through ASGI: HEAD, or a client that is slow to read.
        """
        if self.flow.write_paused or self.disconnected or self.response_started or self.scope["method"] == "HEAD":
            return False
        parts = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", body)
        self.transport.write(b"".join(parts))
        self.response_started = self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    def upgrade(self, name: bytes, successor: asyncio.Protocol) -> None:
        """Switch to the protocol of that name: from here on the connection is the successor's."""
        head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: %b\r\n\r\n"
        self.transport.write(head % name)
        self.response_started = self.response_complete = True
        self.carrier.leave()
        self.transport.set_protocol(successor)
        successor.connection_made(self.transport)

    async def send(self, message: Any) -> None:
        """To HTTP/1.0, which has no chunks, what has no length is sent as it is and ended by closing."""
        if self.scope["http_version"] == "1.0":
            self._frame_by_close(message)
        await super().send(message)

    def _frame_by_close(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
            self.unframed = not has_length
            self.chunked_encoding = None if has_length else False
        elif self.unframed:
            self.expected_content_length = len(message["body"])

    def write_chunk(self, chunk: bytes) -> bool | None:
        """Write a piece of a begun stream now: whether the client keeps up, or None when it has to go through ASGI."""
        flow = self.flow
        if not self.chunked_encoding or self.disconnected or flow.write_paused:
            return None
        self.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return not flow.write_paused

    @property
    def writable(self) -> bool:
        """The client keeps up with what is written."""
        return not self.flow.write_paused


class Signal:
    """An asyncio.Event for one who waits; it costs next to nothing when nobody does."""

    __slots__ = ("_is_set", "_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        while not self._is_set:
            self._waiter = self._loop.create_future()
            await self._waiter


def exchange_of(receive: Any) -> Exchange | None:
    """The exchange whose `receive` an application was given; None under another server.

    Not by way of the scope: that would be a cycle for each request, and work for the garbage collector.
    """
    found = getattr(receive, "__self__", None)
    return found if isinstance(found, Exchange) else None
