# SPDX-License-Identifier: Apache-2.0
"""Giving an answer the way its script wants it: slowly, paced, cut short, or never."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from upstream.record import How, Recorder
from upstream.script import Script
from upstream.wire import Streamed, Whole

Abort = Callable[[], Awaitable[None]]


class Performance(Response):
    """One answer being given. Notices at once when its caller goes away."""

    def __init__(self, show: Whole | Streamed, script: Script, recorder: Recorder, provider: str, model: str) -> None:
        self.show = show
        self.script = script
        self.chunks_sent = 0
        self._note: Callable[[How], None] = lambda what: recorder.event(provider, model, what, self.chunks_sent)
        self._settled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the answer; stop as soon as the caller has closed its connection."""
        self._note("started")
        self._send = send
        self._scope = scope
        if isinstance(self.show, Whole) and not self.script.waits:
            await self._give()
        else:
            await self._give_watching(receive)

    async def _give_watching(self, receive: Receive) -> None:
        giving = asyncio.ensure_future(self._give())
        watching = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({giving, watching}, return_when=asyncio.FIRST_COMPLETED)
            self._settle("disconnected")
        finally:
            await _end(watching)
            await _end(giving)

    def _settle(self, how: How) -> None:
        if not self._settled:
            self._settled = True
            self._note(how)

    async def _give(self) -> None:
        await asyncio.sleep(self.script.slow_ms / 1000)
        if self.script.hang:
            await _forever()
        if self.script.die_before:
            await self._die()
        elif isinstance(self.show, Whole):
            await self._give_whole(self.show)
        else:
            await self._give_stream(self.show)
        self._settle("finished")

    async def _give_whole(self, show: Whole) -> None:
        ending = self.script.ending if show.status == 200 else None
        if ending is None:
            await self._start(show, show.status, len(show.body))
            await self._write(show.body, more=False)
        elif ending.how == "hang":
            await _forever()
        else:
            await self._start(show, show.status, len(show.body) if ending.how == "die" else None)
            await self._write(show.body[: len(show.body) // 2])
            await (self._die() if ending.how == "die" else self._write(b"", more=False))

    async def _give_stream(self, show: Streamed) -> None:
        ending = self.script.ending
        wanted = show.content if ending is None else show.content[: ending.after]
        await self._start(show, 200, None)
        error_first = ending is not None and ending == (0, "error")
        if head := show.prelude + (b"" if error_first else show.opening):
            await self._write(head)
        await self._give_content(wanted)
        if ending is None:
            await self._write(show.closing, more=False)
        else:
            await self._end_early(ending.how, show)

    async def _give_content(self, chunks: tuple[bytes, ...]) -> None:
        pace = self.script.pace_ms / 1000
        for chunk in chunks:
            # Sleeping nothing lets the event loop hand each chunk to the network on its own.
            await asyncio.sleep(pace)
            await self._write(chunk)
            self.chunks_sent += 1

    async def _end_early(self, how: str, show: Streamed) -> None:
        if how == "hang":
            await _forever()
        if how == "die":
            await self._die()
        else:
            await self._write(show.error(self.chunks_sent) if how == "error" else b"", more=False)

    async def _die(self) -> None:
        self._settle("aborted")
        abort: Abort = self._scope["state"]["abort"]
        await abort()

    async def _start(self, show: Whole | Streamed, status: int, length: int | None) -> None:
        headers = {"content-type": show.media_type, **show.headers}
        if length is not None:
            headers["content-length"] = str(length)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, data: bytes, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _forever() -> None:
    await asyncio.Event().wait()


async def _end(task: "asyncio.Future[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
