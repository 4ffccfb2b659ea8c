# SPDX-License-Identifier: Apache-2.0
"""One response as it arrives: head first, then the body whole or in chunks."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aigw_kit.http.errors import ConnectionCut, HttpError, ProtocolViolation

Headers = list[tuple[bytes, bytes]]
"""Names lower-case."""

Sink = Callable[[bytes], bool]
"""Takes a piece of a body; False when it wants no more for now. The piece is taken all the same."""

HIGH_WATER = 256 * 1024
"""Bytes that may wait unread before the socket is paused."""


class Wire(Protocol):
    """What a response needs of the connection it arrives on."""

    def allow_silence(self, seconds: float) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...


class Leading(Wire, Protocol):
    """A wire that the body takes in place of the connection on which the head came."""

    def over(self, error: HttpError | None) -> None:
        """The exchange on that connection is."""


class Response:
    """Filled by a `Connection`, read by one task."""

    __slots__ = (
        "_arrived",
        "_chunks",
        "_leading",
        "_loop",
        "_refused",
        "_wire",
        "buffered",
        "complete",
        "error",
        "headers",
        "most",
        "sink",
        "status",
        "whole",
    )

    def __init__(self, wire: Wire, arrived: "asyncio.Future[None]", *, whole: bool, most: int) -> None:
        self._wire = wire
        self._leading: Leading | None = None
        self._loop = arrived.get_loop()
        self._refused: BaseException | bool = False  # the sink wants no more, or failed
        self.sink: Sink | None = None
        self._arrived: asyncio.Future[None] | None = arrived
        self._chunks: list[bytes] = []
        self.whole = whole  # the caller wants the complete body, not chunks
        self.most = most  # bytes that a whole body may have
        self.status = 0
        self.headers: Headers = []
        self.buffered = 0
        self.complete = False
        self.error: HttpError | None = None

    def header(self, name: bytes) -> bytes | None:
        for known, value in self.headers:
            if known == name:
                return value
        return None

    async def chunk(self) -> bytes:
        """All that has arrived since the last call, or what arrives next; empty at the end of the body.

        Raises ConnectionCut, TimedOut or ProtocolViolation when the body does not end as it should.
        """
        while not self._chunks:
            if self.error is not None:
                raise self.error
            if self.complete:
                return b""
            self._arrived = self._loop.create_future()
            await self._arrived
        return self.take()

    async def pump(self, sink: Sink) -> bool:
        """Hand each piece to `sink` in the callback in which it arrives, without waking a task for it.

        True at the end of the body, False when `sink` wants no more for now. Raises as `chunk` does, and what `sink`
        raised.
        """
        while True:
            if self._chunks and not sink(self.take()):
                return False
            if self.error is not None:
                raise self.error
            if self.complete:
                return True
            self.sink, self._refused = sink, False
            self._arrived = self._loop.create_future()
            try:
                await self._arrived
            finally:
                self.sink = None
            if isinstance(self._refused, BaseException):
                raise self._refused
            if self._refused:
                return False

    async def read(self) -> bytes:
        """The rest of the body. Raises ProtocolViolation when it is larger than `most` bytes."""
        parts = []
        size = 0
        while part := await self.chunk():
            parts.append(part)
            size += len(part)
            if size > self.most:
                self.close()
                raise ProtocolViolation(f"the response body is larger than {self.most} bytes")
        return b"".join(parts)

    def take(self) -> bytes:
        """What is buffered now, without waiting."""
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self.buffered > HIGH_WATER and not self.complete:
            self._wire.resume()
        self.buffered = 0
        return data

    def allow_silence(self, seconds: float) -> None:
        """From now on the body may pause for so long."""
        self._wire.allow_silence(seconds)

    def close(self) -> None:
        """Give up on the rest: the server sees its connection close at once."""
        if not self.complete and self.error is None:
            self.error = ConnectionCut("closed by this side")
            self._wire.abort()

    def lead(self, wire: Leading) -> Wire | None:
        """From now on the body arrives on `wire`, which says how it ends. Gives the connection, if it is still ours."""
        exchange = None if self.complete else self._wire
        self._wire = self._leading = wire
        self.complete = False
        return exchange

    # Called by the connection, and by what leads the body in its place.

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self.buffered += len(data)
        if not self.whole:
            if self.sink is None:
                self.wake()
            if self.buffered > HIGH_WATER:
                self._wire.pause()
        elif self.buffered > self.most:
            self.fail(ProtocolViolation(f"the response body is larger than {self.most} bytes"))
            self._wire.abort()

    def deliver(self, data: bytes) -> None:
        """To the sink, if there is one. Its errors belong to the task that pumps, not to the connection."""
        sink = self.sink
        if sink is None:
            self.feed(data)
            return
        try:
            if sink(data):
                return
            self._refused = True
        except Exception as error:  # noqa: BLE001 - it is raised again, where it belongs
            self._refused = error
        self.sink = None
        self.wake()

    def finish(self) -> None:
        """The exchange is over."""
        if self._leading is None:
            self.ended()
        else:
            self._leading.over(None)

    def fail(self, error: HttpError) -> None:
        if self._leading is None:
            self.broken(error)
        else:
            self._leading.over(error)

    def ended(self) -> None:
        self.complete = True
        if self.buffered > HIGH_WATER and not self.whole:
            self._wire.resume()  # the connection may carry another exchange before this body is read
        self.wake()

    def broken(self, error: HttpError) -> None:
        if self.error is None and not self.complete:
            self.error = error
        self.wake()

    def wake(self) -> None:
        arrived = self._arrived
        if arrived is not None:
            self._arrived = None
            if not arrived.done():
                arrived.set_result(None)
