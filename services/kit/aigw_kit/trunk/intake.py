# SPDX-License-Identifier: Apache-2.0
"""Bodies that arrive over a trunk: `ReceivingEnd` is the trunk, `Intake` one body.

Head, pieces and the end of the exchange have different ways and come in any order; here they are put in one.
"""

import asyncio
from collections.abc import Callable

from aigw_kit.http import ConnectionCut, HttpError, Response
from aigw_kit.http.response import Wire
from aigw_kit.trunk.frames import CUT, DATA, END, GO, STOP
from aigw_kit.trunk.line import Line

FOREVER = 7 * 24 * 3600.0  # seconds
LAST_WORDS = 1.0  # seconds for which a lost exchange's body may still come to its end over the trunk


class ReceivingEnd(Line):
    """One trunk, by the name that it has here. It hands frames over by the numbers of their streams."""

    def __init__(self, token: bytes, intakes: "dict[int, Intake]", forget: Callable[[], object]) -> None:
        super().__init__(asyncio.get_running_loop())
        self.token = token
        self._intakes = intakes
        self._forget = forget

    def take(self, kind: int, number: int, data: bytes) -> None:
        intake = self._intakes.get(number)
        if intake is None:
            return
        if intake.end is self and intake.response is not None and kind == DATA and data:  # as nearly always
            intake.response.deliver(data)
        else:
            intake.take(self, kind, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        for intake in list(self._intakes.values()):
            if intake.end is self:
                intake.cut()


class Intake:
    """One body that comes over a trunk; to its Response the wire that it arrives on."""

    __slots__ = ("_early", "_exchange", "_intakes", "_number", "_timer", "end", "response")

    def __init__(self, intakes: "dict[int, Intake]", number: int) -> None:
        self._intakes = intakes
        self._number = number
        self._early: list[tuple[ReceivingEnd, int, bytes]] = []  # what came sooner than the head, which has another way
        self.response: Response | None = None
        self._exchange: Wire | None = None  # until it is over
        self._timer: asyncio.TimerHandle | None = None
        self.end: ReceivingEnd | None = None

    def lead(self, response: Response, token: bytes, end: ReceivingEnd | None) -> None:
        """The head is here: what follows comes over the trunk of that name, or never, as that is lost."""
        self.response, self.end = response, end
        self._exchange = response.lead(self)
        if self._exchange is not None:
            self._exchange.allow_silence(FOREVER)  # what comes on the trunk it does not see
        early, self._early = self._early, []
        for source, kind, data in early:
            if source.token == token:
                self._take(kind, data)
        if end is None and self.response is not None:
            self.cut()

    def take(self, source: ReceivingEnd, kind: int, data: bytes) -> None:
        """A request that was sent again has its number twice: what another trunk brings is not of this body."""
        if source is self.end:
            self._take(kind, data)
        elif self.response is None:
            self._early.append((source, kind, data))

    def _take(self, kind: int, data: bytes) -> None:
        response = self.response
        if response is None:
            return
        if kind == DATA and data:  # whoever reads would take an empty piece for the end
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
        response = self.response
        self.close()
        if response is not None:
            response.broken(ConnectionCut("the server's answer was lost on its way"))
        self._give_up()

    def close(self) -> None:
        self._intakes.pop(self._number, None)
        self.response = None  # it knows us: a ring for each stream would be work for the garbage collector
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
        self._exchange, response = None, self.response
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
