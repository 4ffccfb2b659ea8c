# SPDX-License-Identifier: Apache-2.0
"""A transport and a clock under the test's control: what a `Connection` does is then a function of bytes and time."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Any, cast

import pytest

from aigw_kit.http import HttpError, Response, connection
from aigw_kit.http.connection import Connection

MOST = 1024 * 1024


class FakeTransport(asyncio.Transport):
    """Keeps what is written. Closing and aborting are told to the protocol by the test, as a loop would, later."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.paused = False
        self.closing = False
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True


class Timer:
    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._callback = callback
        self._arguments = arguments
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def run(self) -> None:
        if not self.cancelled:
            self._callback(*self._arguments)


class FakeLoop:
    """The few things that a connection wants of a loop. `now` moves only by `advance`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: list[tuple[float, int, Timer]] = []
        self._number = count()
        self.now = 1000.0

    def create_future(self) -> "asyncio.Future[None]":
        return self._loop.create_future()

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        timer = Timer(callback, arguments)
        heapq.heappush(self._timers, (self.now + delay, next(self._number), timer))
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer = heapq.heappop(self._timers)
            timer.run()
        self.now = until

    @property
    def running_timers(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


class Exchange:
    """One connection, and the exchange that is going on over it."""

    def __init__(self, loop: FakeLoop) -> None:
        self.loop = loop
        self.transport = FakeTransport()
        self.freed: list[bool] = []
        self.connection = Connection(cast(asyncio.AbstractEventLoop, loop), self._freed)
        self.connection.connection_made(self.transport)
        self.arrived: asyncio.Future[None] | None = None

    def _freed(self, freed: Connection, reusable: bool) -> None:
        """As the pool does, forget a connection that cannot be used again."""
        assert freed is self.connection
        self.freed.append(reusable)
        if not reusable:
            freed.freed = lambda *_: None

    def send(self, *, whole: bool = True, timeout: float = 10.0, most: int = MOST) -> Response:
        self.response, self.arrived = self.connection.send(
            b"GET / HTTP/1.1\r\n\r\n", whole=whole, timeout=timeout, most=most
        )
        return self.response

    def receive(self, *pieces: bytes) -> None:
        """As a loop would: nothing arrives any more on a transport that was aborted."""
        for piece in pieces:
            if self.transport.aborted:
                return
            self.connection.data_received(piece)

    def lose(self, error: Exception | None = None) -> None:
        """The connection is closed: by the other side (with an error: reset), or as we had asked."""
        self.connection.connection_lost(error)

    @property
    def done(self) -> bool:
        return self.arrived is not None and self.arrived.done()

    def outcome(self) -> tuple[int, list[tuple[bytes, bytes]], bytes] | type[HttpError] | None:
        """The whole answer, or how it failed, or None while neither is known."""
        response = self.response
        if response.error is not None:
            return type(response.error)
        return (response.status, response.headers, response.take()) if response.complete else None


def frozen_clock(patch: pytest.MonkeyPatch, loop: FakeLoop) -> None:
    patch.setattr(connection, "monotonic", lambda: loop.now)
