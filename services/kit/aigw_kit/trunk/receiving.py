# SPDX-License-Identifier: Apache-2.0
"""Asking for streams whose bodies may come over trunks, and laying those.

A `Trunking` is for the exchanges with one other service, which may be many processes behind one address: each of them
is laid a trunk of its own once it has offered to take one.
"""

import asyncio
import contextlib
from itertools import count
from secrets import token_hex
from time import monotonic

from aigw_contract.headers import INTERNAL_KEY, TRUNK
from aigw_kit.http import Headers, HttpClient, HttpError, Response
from aigw_kit.trunk.frames import MOST_NUMBER
from aigw_kit.trunk.intake import Intake, ReceivingEnd
from aigw_kit.trunk.sending import OFFERED, PROTOCOL

PATH = b"/trunk"
LAYING_TIMEOUT = 5.0  # seconds
BETWEEN = 0.5  # seconds from one attempt at laying a trunk to the next


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
            intake.lead(response, told, self._trunks.get(told))
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
        end = self._trunks[token] = ReceivingEnd(token, self._intakes, lambda: self._trunks.pop(token, None))
        asking = [*key, (TRUNK, self._name + b"." + token), (b"connection", b"upgrade"), (b"upgrade", PROTOCOL)]
        with contextlib.suppress(HttpError):
            await self._client.upgrade(PATH, asking, LAYING_TIMEOUT, end)
        if end.transport is None:
            end.connection_lost(None)
        self._laying = None
