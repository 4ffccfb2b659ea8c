# SPDX-License-Identifier: Apache-2.0
"""The end of a trunk at which bodies arrive: that of the service which asks.

`Trunking` is for the exchanges with one other service, which may be many processes behind one address: each of them is
laid a trunk of its own once it has offered to take one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from secrets import token_hex
from time import monotonic

from aigw_contract.headers import INTERNAL_KEY, TRUNK
from aigw_kit.http import ConnectionCut, Headers, HttpClient, HttpError, Response
from aigw_kit.http.response import Wire
from aigw_kit.trunk.frames import CUT, DATA, END, GO, MOST_NUMBER, STOP
from aigw_kit.trunk.line import Line
from aigw_kit.trunk.sending import OFFERED, PROTOCOL

PATH = b"/trunk"
LAYING_TIMEOUT = 5.0  # seconds
BETWEEN = 0.5  # seconds from one attempt at laying a trunk to the next
FOREVER = 7 * 24 * 3600.0  # seconds
LAST_WORDS = 1.0  # seconds for which a lost exchange's body may still come to its end over the trunk


class Trunking:
    """Streams whose bodies may come over trunks; in place of `HttpClient.stream`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._name = token_hex(8).encode()
        self._numbers = count()
        self._tokens = count()
        self._intakes: dict[int, Intake] = {}
        self._trunks: dict[bytes, ReceivingEnd] = {}
        self._laying: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def stream(self, method: bytes, target: bytes, headers: Headers, body: bytes, timeout: float) -> Response:
        """As `HttpClient.stream`, wherever the body comes from."""
        number = next(self._numbers) & MOST_NUMBER
        intake = self._intakes[number] = Intake(self._intakes, number)
        try:
            asking = [*headers, (TRUNK, b"%b.%d.%b" % (self._name, number, b",".join(self._trunks)))]
            response = await self._client.stream(method, target, asking, body, timeout)
        except BaseException:
            intake.close()
            raise
        told = response.header(TRUNK)
        if told is None or told == OFFERED:
            intake.close()
            if told == OFFERED:
                self._lay(headers)
        else:
            intake.lead(response, self._trunks.get(told))
        return response

    def close(self) -> None:
        """Streams that are on the way are cut."""
        if self._laying is not None:
            self._laying.cancel()
        for end in list(self._trunks.values()):
            end.hang_up()

    def _lay(self, headers: Headers) -> None:
        """In the background: whoever waits for this stream need not wait for that, too."""
        now = monotonic()
        if self._laying is None and now >= self._not_before:
            self._not_before = now + BETWEEN
            self._laying = asyncio.create_task(self._upgrade([h for h in headers if h[0] == INTERNAL_KEY]))

    async def _upgrade(self, key: Headers) -> None:
        """Whatever comes of it: a stream can do without."""
        token = b"%d" % next(self._tokens)
        end = self._trunks[token] = ReceivingEnd(self._intakes, lambda: self._trunks.pop(token, None))
        asking = [*key, (TRUNK, self._name + b"." + token), (b"connection", b"upgrade"), (b"upgrade", PROTOCOL)]
        with contextlib.suppress(HttpError):
            await self._client.upgrade(PATH, asking, LAYING_TIMEOUT, end)
        if end.transport is None:
            end.connection_lost(None)
        self._laying = None


class ReceivingEnd(Line):
    """One trunk. It hands frames over by their numbers, whichever trunk they come on."""

    def __init__(self, intakes: "dict[int, Intake]", forget: Callable[[], object]) -> None:
        super().__init__(asyncio.get_running_loop())
        self._intakes = intakes
        self._forget = forget

    def take(self, kind: int, number: int, data: bytes) -> None:
        intake = self._intakes.get(number)
        if intake is not None:
            intake.take(kind, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        for intake in list(self._intakes.values()):
            if intake.end is self:
                intake.cut()


class Intake:
    """One body that comes over a trunk; to its Response the wire that it arrives on."""

    __slots__ = ("_early", "_exchange", "_intakes", "_number", "_response", "_timer", "end")

    def __init__(self, intakes: "dict[int, Intake]", number: int) -> None:
        self._intakes = intakes
        self._number = number
        self._early: list[tuple[int, bytes]] = []  # what came sooner than the head, which has another way
        self._response: Response | None = None
        self._exchange: Wire | None = None  # until it is over
        self._timer: asyncio.TimerHandle | None = None
        self.end: ReceivingEnd | None = None

    def lead(self, response: Response, end: ReceivingEnd | None) -> None:
        """The head is here: what follows comes over `end`, or never, as that is lost."""
        self._response, self.end = response, end
        self._exchange = response.lead(self)
        if self._exchange is not None:
            self._exchange.allow_silence(FOREVER)  # what comes on the trunk it does not see
        early, self._early = self._early, []
        for kind, data in early:
            self.take(kind, data)
        if end is None and self._response is not None:
            self.cut()

    def take(self, kind: int, data: bytes) -> None:
        response = self._response
        if response is None:
            self._early.append((kind, data))
        elif kind == DATA and data:  # whoever reads would take an empty piece for the end
            response.deliver(data)
        elif kind in (END, CUT):
            self.close()
            if kind == END:
                response.ended()
            else:
                response.broken(ConnectionCut("the server cut its answer"))
                self._give_up()

    def cut(self) -> None:
        """The trunk is lost, or the exchange is and the trunk says no more."""
        response = self._response
        self.close()
        if response is not None:
            response.broken(ConnectionCut("the server's answer was lost on its way"))
        self._give_up()

    def close(self) -> None:
        self._intakes.pop(self._number, None)
        self._response = None  # it knows us: a ring for each stream would be work for the garbage collector
        if self._timer is not None:
            self._timer.cancel()

    # As the wire of its response

    def allow_silence(self, seconds: float) -> None:
        """Nothing: the service that answers decides, and the trunk notices when that is gone."""

    def pause(self) -> None:
        if self.end is not None:
            self.end.put(STOP, self._number)

    def resume(self) -> None:
        if self.end is not None:
            self.end.put(GO, self._number)

    def abort(self) -> None:
        self.close()
        self._give_up()

    def over(self, error: HttpError | None) -> None:
        """The exchange is: the body ends as the trunk says, unless that says nothing for a second."""
        self._exchange, response = None, self._response
        if self.end is None or response is None:
            return
        if isinstance(error, ConnectionCut):
            self._timer = self.end.loop.call_later(LAST_WORDS, self.cut)
        elif error is not None:
            self.close()
            response.broken(error)

    def _give_up(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()
