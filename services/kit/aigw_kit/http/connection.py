# SPDX-License-Identifier: Apache-2.0
"""One keep-alive connection: bytes to callbacks, one exchange at a time."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import cast

import httptools

from aigw_kit.http.errors import ConnectionCut, HttpError, ProtocolViolation, TimedOut
from aigw_kit.http.response import Headers, Response

MOST_HEADER_BYTES = 64 * 1024
SWITCHING = 101


class Connection(asyncio.Protocol):
    """`freed` is called once after each exchange: with True if the connection can carry another."""

    __slots__ = (
        "_active_at",
        "_begun",
        "_deadline",
        "_due",
        "_framed",
        "_gathered",
        "_header_bytes",
        "_headers",
        "_idle_timeout",
        "_informational",
        "_loop",
        "_parser",
        "_piece",
        "_response",
        "_timer",
        "_transport",
        "closed",
        "exchanges",
        "freed",
        "idle_since",
        "successor",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, freed: Callable[["Connection", bool], None]) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport = cast(asyncio.Transport, None)
        self._response: Response | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the timer fires
        self._deadline = 0.0  # of the head, or of everything
        self._idle_timeout = 0.0
        self._active_at = 0.0
        self._headers: Headers = []
        self._header_bytes = 0
        self._gathered = 0  # bytes since the parser last handed over a head or a piece of a body
        self._piece = b""  # of a body, for a sink that gets it when all of what arrived has been read
        self._begun = False
        self._framed = False
        self._informational = False
        self.freed = freed
        self.closed = False
        self.exchanges = 0
        self.idle_since = 0.0
        self.successor: asyncio.Protocol | None = None  # takes over if the server switches protocols

    def send(self, data: bytes, *, whole: bool, timeout: float, most: int) -> tuple[Response, "asyncio.Future[None]"]:
        """Write a request; the future is done when the head (or, if `whole`, everything) is here, or on an error.

        `timeout` (seconds) is for that future; a stream may then be silent for as long again, but no longer.
        """
        arrived = self._loop.create_future()
        response = self._response = Response(self, arrived, whole=whole, most=most)
        self._begun = False
        self.exchanges += 1
        self._idle_timeout = timeout
        self._active_at = monotonic()
        self._deadline = self._active_at + timeout
        self._look_again(timeout)
        self._transport.write(data)
        return response, arrived

    def allow_silence(self, seconds: float) -> None:
        self._idle_timeout = seconds
        if self._response is not None:
            self._look_again(seconds)

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        self._active_at = monotonic()  # the silence until now was ours
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; whatever the exchange was, it is over."""
        self._close_timer()
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        self._end_exchange(reusable=False)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            self.abort()  # bytes that nobody asked for: never reuse such a connection
            return
        self._gathered += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, HttpError) else ProtocolViolation("the response could not be read"))
        except httptools.HttpParserUpgrade as switched:
            self._hand_over(data[switched.args[0] :])
        except httptools.HttpParserError:
            self._fail(ProtocolViolation("the server's answer is not HTTP/1.1"))
        if self._piece:
            piece, self._piece = self._piece, b""
            response.deliver(piece)
        if self._gathered > MOST_HEADER_BYTES and self._response is not None:
            self._fail(ProtocolViolation(f"a line of the response head is larger than {MOST_HEADER_BYTES} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._close_timer()
        self.closed = True
        response = self._response
        if response is None:
            self.freed(self, False)
        elif response.status and not self._framed and exc is None:
            self._complete(reusable=False)  # a body that is framed by the end of the connection
        else:
            self._fail(ConnectionCut("the server closed the connection early", unanswered=not self._begun))

    # httptools callbacks

    def on_message_begin(self) -> None:
        if self._response is None:
            raise ProtocolViolation("more than one answer")  # the rest must not answer the next request
        self._begun = True
        self._headers = []
        self._header_bytes = 0
        self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MOST_HEADER_BYTES:
            raise ProtocolViolation(f"the response head is larger than {MOST_HEADER_BYTES} bytes")
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._informational = 100 <= status < 200 and (status != SWITCHING or self.successor is None)
        response = self._response
        self._gathered = 0
        if self._informational or response is None:
            return
        response.status = status
        response.headers = self._headers
        if not response.whole:
            self._active_at = monotonic()
            response.wake()

    def on_body(self, body: bytes) -> None:
        response = self._response
        self._gathered = 0
        if response is None:
            return
        self._active_at = monotonic()
        if response.sink is None:
            response.feed(body)
        else:
            self._piece += body

    def on_message_complete(self) -> None:
        if not self._informational and not (self.successor is not None and self._parser.should_upgrade()):
            self._complete(reusable=self._parser.should_keep_alive())

    def _hand_over(self, rest: bytes) -> None:
        """The server has switched protocols, as it was asked to: the connection is another's from here on."""
        successor, response = self.successor, self._response
        if successor is None or response is None:
            self._fail(ProtocolViolation("the server switched to another protocol"))
            return
        self._close_timer()
        self.closed = True
        self._response = None
        self._transport.set_protocol(successor)
        successor.connection_made(self._transport)
        if rest:
            successor.data_received(rest)
        self.freed(self, False)
        response.finish()

    # Endings

    def _look_again(self, seconds: float) -> None:
        """See to it that `_check` runs by then.

        A timer that fires sooner is left as it is, also from one exchange to the next: to make and to cancel one for
        each would cost more than a look too early now and then.
        """
        due = monotonic() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        self._timer = None
        response = self._response
        if response is None:
            return
        waiting = response.whole or not response.status
        left = (self._deadline if waiting else self._active_at + self._idle_timeout) - monotonic()
        if left > 0:
            self._look_again(left)
        elif response.buffered > 0 and not waiting:  # it is the reader who is slow, not the server
            self._look_again(self._idle_timeout)
        else:
            self._fail(TimedOut("the server sent nothing in time"))

    def _close_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _complete(self, *, reusable: bool) -> None:
        response = self._response
        self._end_exchange(reusable=reusable)
        if response is not None:
            response.finish()

    def _fail(self, error: HttpError) -> None:
        response = self._response
        if response is not None:
            response.fail(error)
        self.abort()

    def _end_exchange(self, *, reusable: bool) -> None:
        if self._response is None:
            return
        self._response = None
        reusable = reusable and not self.closed
        if not reusable and not self.closed:
            self.closed = True
            self._transport.close()
        self.idle_since = monotonic()
        self.freed(self, reusable)
