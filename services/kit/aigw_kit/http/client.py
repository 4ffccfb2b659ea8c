# SPDX-License-Identifier: Apache-2.0
"""The client of one origin: a bounded pool of keep-alive connections and two verbs, `request` and `stream`."""

import asyncio
import ssl
from collections import deque
from time import monotonic

from aigw_kit.http.connection import Connection
from aigw_kit.http.errors import ConnectFailed, ConnectionCut, TimedOut
from aigw_kit.http.origin import Origin, PeerAllowed, Proxy, connect
from aigw_kit.http.response import Headers, Response

MOST_BODY_BYTES = 64 * 1024 * 1024


class HttpClient:
    """Exchanges with the origin of `base_url`.

    `limit`: connections at a time; more callers wait, within their timeout. `max_idle`: seconds after which an unused
    connection is not trusted any more. `peer_allowed`: where the origin's name may lead, by default anywhere; behind a
    proxy it has no meaning, as the name is looked up there. A request that meets a connection which the server had just
    closed is sent once more on another; that is the only retry here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        limit: int = 1024,
        connect_timeout: float = 3.0,
        max_idle: float = 30.0,
        peer_allowed: PeerAllowed | None = None,
    ) -> None:
        self.origin = Origin.parse(base_url)
        self._tls = (tls or ssl.create_default_context()) if self.origin.scheme == "https" else None
        self._proxy = proxy
        self._limit = limit
        self._connect_timeout = connect_timeout
        self._max_idle = max_idle
        self._peer_allowed = peer_allowed
        self._idle: list[Connection] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._before, self._after = self._head_pieces()
        self._lines = self._after.count(b"\r\n")

    async def request(
        self,
        method: bytes,
        target: bytes,
        headers: Headers,
        body: bytes,
        timeout: float,
        most: int = MOST_BODY_BYTES,
    ) -> tuple[Response, bytes]:
        """Send and wait for the whole response, `timeout` seconds in all. Raises HttpError."""
        response = await self._exchange(self._encode(method, target, headers, body), True, timeout, most)
        return response, response.take()

    async def stream(self, method: bytes, target: bytes, headers: Headers, body: bytes, timeout: float) -> Response:
        """Send and wait for the head; read on with `Response.chunk`, and `close` it in any case. Raises HttpError."""
        return await self._exchange(self._encode(method, target, headers, body), False, timeout, MOST_BODY_BYTES)

    async def upgrade(self, target: bytes, headers: Headers, timeout: float, successor: asyncio.Protocol) -> Response:
        """GET with an offer to switch protocols; after a 101 the connection is the successor's. Raises HttpError."""
        connection = self._pop() or await self._acquire(monotonic() + timeout)
        connection.successor = successor
        try:
            data = self._encode(b"GET", target, headers, b"")
            return await _converse(connection, data, True, timeout, MOST_BODY_BYTES)
        finally:
            connection.successor = None

    def trust(self, tls: ssl.SSLContext) -> None:
        """Of connections from now on, where the origin has TLS."""
        if self._tls is not None:
            self._tls = tls

    def close(self) -> None:
        """Close idle connections, and busy ones as they end."""
        self._closed = True
        for connection in self._idle[:]:
            connection.abort()
        self._idle.clear()

    async def _exchange(self, data: bytes, whole: bool, timeout: float, most: int) -> Response:
        deadline = monotonic() + timeout
        connection = self._pop()
        if connection is not None:
            try:
                return await _converse(connection, data, whole, timeout, most)
            except ConnectionCut as cut:
                if not cut.unanswered:
                    raise
        connection = await self._acquire(deadline)
        return await _converse(connection, data, whole, max(0.0, deadline - monotonic()), most)

    def _pop(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            if monotonic() - connection.idle_since < self._max_idle:
                return connection
            self._drop(connection)
        return None

    async def _acquire(self, deadline: float) -> Connection:
        while self._open >= self._limit:
            await self._wait_for_place(deadline - monotonic())
            if connection := self._pop():
                return connection
        self._open += 1
        try:
            return await self._connect(min(deadline - monotonic(), self._connect_timeout))
        except BaseException:
            self._open -= 1
            self._wake_one()
            raise

    async def _connect(self, timeout: float) -> Connection:
        """A new connection counts as open here and not by what befalls it until it is ours."""
        connection = await connect(self.origin, self._tls, self._proxy, timeout, _new, self._peer_allowed)
        if connection.closed:
            raise ConnectFailed(f"{self.origin.host}:{self.origin.port} closed the connection at once")
        connection.freed = self._freed
        return connection

    async def _wait_for_place(self, timeout: float) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(timeout):
                await place
        except BaseException as ended:
            if place.done() and not place.cancelled():
                self._wake_one()  # the place was given to us all the same: hand it on
            if isinstance(ended, TimeoutError):
                raise TimedOut(f"all {self._limit} connections to {self.origin.host} are busy") from None
            raise

    def _freed(self, connection: Connection, reusable: bool) -> None:
        if reusable and not self._closed:
            self._idle.append(connection)
        elif connection in self._idle:  # closed by the server while idle
            self._idle.remove(connection)
            self._open -= 1
        elif reusable:
            self._drop(connection)
        else:
            connection.freed = _nobody
            self._open -= 1
        self._wake_one()

    def _drop(self, connection: Connection) -> None:
        self._open -= 1
        connection.freed = _nobody
        connection.abort()

    def _wake_one(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _head_pieces(self) -> tuple[bytes, bytes]:
        """What stands before and after the target in each request's head."""
        before = b" "
        host = b" HTTP/1.1\r\nhost: " + self.origin.authority + b"\r\n"
        if self._proxy is not None and self._tls is None:  # a plain proxy wants the absolute form
            before += b"http://" + self.origin.authority
            host += self._proxy.authorization
        return before + self.origin.path, host

    def _encode(self, method: bytes, target: bytes, headers: Headers, body: bytes) -> bytes:
        """Head and body in one piece. Raises ValueError on a line break inside a header."""
        parts = [method, self._before, target, self._after]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        has_length = bool(body) or method != b"GET"
        if has_length:
            parts += (b"content-length: ", b"%d" % len(body), b"\r\n")
        head = b"".join(parts)
        lines = head.count(b"\r\n")
        if head.count(b"\n") != lines or head.count(b"\r") != lines or lines != self._lines + len(headers) + has_length:
            raise ValueError("a line break in a request header")
        return head + b"\r\n" + body


async def _converse(connection: Connection, data: bytes, whole: bool, timeout: float, most: int) -> Response:
    response, arrived = connection.send(data, whole=whole, timeout=timeout, most=most)
    try:
        await arrived
    except asyncio.CancelledError:
        response.close()
        raise
    if response.error is not None:
        raise response.error
    return response


def _new() -> Connection:
    return Connection(asyncio.get_running_loop(), _nobody)


def _nobody(connection: Connection, reusable: bool) -> None:
    """In place of `freed` for a connection that the pool does not know yet, or has forgotten."""
