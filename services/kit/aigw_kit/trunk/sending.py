# SPDX-License-Identifier: Apache-2.0
"""The end of a trunk from which bodies are sent: that of the service which answers.

A caller lays a trunk by upgrading one of its connections (`Trunks.lay`). An answer whose caller has laid one may have
its body led over it (`Trunks.lead`); its head and its cancellation stay on the request's own connection.
"""

from collections.abc import Callable

from aigw_contract.errors import BadInput
from aigw_contract.headers import TRUNK
from aigw_kit.exchange import Carrier, Signal
from aigw_kit.request import Headers, Request
from aigw_kit.tally import Tallies
from aigw_kit.trunk.frames import CUT, DATA, END, GO, MOST_BYTES, MOST_NUMBER, STOP
from aigw_kit.trunk.line import Line

PROTOCOL = b"aigw-trunk"
STREAMS = Tallies("aigw_streams_total", "Streamed answers by what their bodies go over", ("way",))
OVER_TRUNK, OVER_EXCHANGE = STREAMS.labels("trunk"), STREAMS.labels("exchange")
OFFERED = b"offered"
"""In an answer: this process has no trunk of the caller yet, and would have one."""


class Trunks:
    """The trunks that callers have laid to this process, by the names that the callers gave."""

    def __init__(self) -> None:
        self._laid: dict[bytes, SendingEnd] = {}

    async def lay(self, request: Request) -> None:
        """`GET /trunk`: 101, and the connection is a trunk; or 204, because this caller has one here, or we stop."""
        name, _, token = request.headers.get(TRUNK, b"").rpartition(b".")
        exchange = request.exchange
        if not name or exchange is None or request.headers.get(b"upgrade") != PROTOCOL:
            raise BadInput("A trunk is laid by a caller who names it and asks for an upgrade")
        if name in self._laid or not exchange.keep_alive:
            await request.respond(204, b"", [])
            return
        self._laid[name] = end = SendingEnd(exchange.carrier, token, lambda: self._laid.pop(name, None))
        request.status = 101
        exchange.upgrade(PROTOCOL, end)

    def lead(self, request: Request) -> Headers:
        """Lead the body of the answer over the caller's trunk, if there is one; what the answer's head says of that.

        After this the answer must be a stream. A trunk that the caller does not name among its own was lost, or laid
        since it asked.
        """
        asked = request.headers.get(TRUNK)
        if asked is None or request.exchange is None:
            return []
        name, _, rest = asked.partition(b".")
        number, _, tokens = rest.partition(b".")
        end = self._laid.get(name)
        known = end is not None and end.token in tokens.split(b",")
        if end is None or not known or not number.isdigit() or int(number) > MOST_NUMBER:
            OVER_EXCHANGE.inc()
            return [(TRUNK, OFFERED)]
        OVER_TRUNK.inc()
        request.outlet = end.open(int(number), request.exchange.carrier)
        return [(TRUNK, end.token)]


class SendingEnd(Line):
    """One trunk. `token` is the caller's name for it: it tells over which of its trunks a body comes."""

    def __init__(self, carrier: Carrier, token: bytes, forget: Callable[[], object]) -> None:
        super().__init__(carrier.loop)
        self.token = token
        self.writable = True
        self._connections = carrier.server_state.connections
        self._connections.add(self)  # type: ignore[arg-type] # it has the `shutdown` that is asked of them
        self._forget = forget
        self._outlets: dict[int, Outlet] = {}
        self._closing = False

    def open(self, number: int, carrier: Carrier) -> "Outlet":
        outlet = self._outlets[number] = Outlet(self, number, carrier)
        return outlet

    def close(self, number: int) -> None:
        self._outlets.pop(number, None)
        self._end_when_stopped()

    def shutdown(self) -> None:
        """The service stops: no new streams, and the end with the last one."""
        self._forget()
        self._closing = True
        self._end_when_stopped()

    def _end_when_stopped(self) -> None:
        """After what was put, and by the caller's hand: a word of his to a closed socket would undo what is on its way.

        TLS waits for his by itself.
        """
        if self.transport is None or self.transport.is_closing() or self._outlets or not self._closing:
            return
        self._flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def take(self, kind: int, number: int, data: bytes) -> None:
        outlet = self._outlets.get(number)
        if outlet is not None and kind in (STOP, GO):
            outlet.hold(kind == STOP)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        for outlet in self._outlets.values():
            outlet.look()

    def connection_lost(self, exc: Exception | None) -> None:
        """The streams on it cannot go on; their callers see their connections close."""
        self._forget()
        self._connections.discard(self)
        outlets, self._outlets = list(self._outlets.values()), {}
        for outlet in outlets:
            outlet.carrier.transport.abort()


class Outlet:
    """Where the pieces of one body go."""

    __slots__ = ("_end", "_ended", "_held", "_number", "_signal", "carrier")

    def __init__(self, end: SendingEnd, number: int, carrier: Carrier) -> None:
        self._end = end
        self._number = number
        self._ended = False
        self._held = False  # the caller wants no more for now
        self._signal: Signal | None = None
        self.carrier = carrier

    def write(self, chunk: bytes) -> bool:
        """Whether the caller keeps up. The piece is taken all the same."""
        while len(chunk) > MOST_BYTES:
            self._end.put(DATA, self._number, chunk[:MOST_BYTES])
            chunk = chunk[MOST_BYTES:]
        self._end.put(DATA, self._number, chunk)
        return self._end.writable and not self._held

    async def drained(self) -> None:
        while self._held or not self._end.writable:
            self._signal = Signal(self._end.loop)
            await self._signal.wait()

    def end(self) -> None:
        """The body is whole."""
        self._leave(END)

    def close(self) -> None:
        """Unless it has ended, the body is not whole."""
        self._leave(CUT)

    def hold(self, held: bool) -> None:
        self._held = held
        self.look()

    def look(self) -> None:
        if self._signal is not None and not self._held and self._end.writable:
            self._signal.set()
            self._signal = None

    def _leave(self, how: int) -> None:
        if not self._ended:
            self._ended = True
            self._end.put(how, self._number)
            self._end.close(self._number)
