# SPDX-License-Identifier: Apache-2.0
"""A service that answers with streams of numbered pieces, led over trunks, and a client that may lay them."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn

from aigw_contract.headers import INTERNAL_KEY, TRUNK
from aigw_kit import serve
from aigw_kit.app import build_app
from aigw_kit.edge import Edge, Hot, StreamCut
from aigw_kit.guard import InternalKey
from aigw_kit.http import HttpClient, Response
from aigw_kit.logs import AccessLog
from aigw_kit.request import Request
from aigw_kit.settings import ServiceSettings
from aigw_kit.trunk import Trunking, Trunks

KEY = b"sixteen-characters-and-more"
PIECE = 100


class Streaming:
    """A service. `led` counts answers over trunks, `alone` others; `cancelled` those whose client left."""

    def __init__(self, directory: Path, tls: ssl.SSLContext | None = None) -> None:
        (directory / "key").write_bytes(KEY)
        self.trunks = Trunks()
        self.led = self.alone = self.cancelled = self.running = self.written = 0
        self.port = 0
        self.go_on = asyncio.Event()
        self._log = AccessLog("test", os.open(directory / "access.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        self._tls = tls
        hot = [Hot("GET", "/trunk", self.trunks.lay), Hot("POST", "/count/", self._count)]
        app = build_app("test", "1", [], self._ready, lambda: "")
        self._edge = Edge(app, hot, self._log, InternalKey(str(directory / "key")).require)
        self.server: uvicorn.Server | None = None

    async def _ready(self) -> list[str]:
        return []

    async def _count(self, request: Request) -> None:
        """`/count/{pieces}/{then}/{bytes}`: `end`, `cut`, `wait` (and go on when told), `blank` (empty pieces)."""
        _, _, pieces, then, size = request.path.split("/")
        headers = [(b"content-type", b"text/event-stream"), *self.trunks.lead(request)]
        if request.outlet is None:
            self.alone += 1
        else:
            self.led += 1
        self.running += 1
        try:
            await request.start(200, headers)
            await self._write(request, int(pieces), int(size))
            if then == "wait":
                await self.go_on.wait()
                await request.write(b"more")
            if then == "blank":
                assert request.write_now(b"")
                await request.write(b"")
                request.write_now(b"more")
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if then == "cut":
            raise StreamCut
        await request.finish(b"end")

    async def _write(self, request: Request, pieces: int, size: int) -> None:
        for number in range(pieces):
            if not request.write_now(b"%0*d" % (size, number)):
                await request.drained()
            self.written = number + 1
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator["Streaming"]:
        config = serve._config(self._edge, ServiceSettings(drain_seconds=2))
        config.ssl = self._tls
        self.server = uvicorn.Server(config)
        listener = serve.bind("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        task = asyncio.create_task(self.server.serve(sockets=[listener]))
        while not self.server.started:
            await asyncio.sleep(0.001)
        try:
            yield self
        finally:
            self.server.should_exit = True
            await task
            self._log.flush()


def body(pieces: int, size: int = PIECE) -> bytes:
    return b"".join(b"%0*d" % (size, number) for number in range(pieces)) + b"end"


class Asking:
    """Asks for streams as a router does."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.client = HttpClient(f"{'https' if tls else 'http'}://127.0.0.1:{port}", tls=tls)
        self.trunking = Trunking(self.client)

    async def stream(self, pieces: int, then: str = "end", size: int = PIECE) -> Response:
        target = b"/count/%d/%b/%d" % (pieces, then.encode(), size)
        response = await self.trunking.stream(b"POST", target, [(INTERNAL_KEY, KEY)], b"", 5.0)
        assert response.status == 200
        return response

    async def whole(self, pieces: int, size: int = PIECE) -> bytes:
        response = await self.stream(pieces, size=size)
        try:
            return await response.read()
        finally:
            response.close()

    async def laid(self) -> None:
        """Lay a trunk: by asking for a stream, and waiting until the offer has been taken."""
        await self.whole(1)
        await until(lambda: any(end.transport is not None for end in self.trunking._trunks.values()))

    def close(self) -> None:
        self.trunking.close()
        self.client.close()


def is_led(response: Response) -> bool:
    return response.header(TRUNK) not in (None, b"offered")


async def until(true: Callable[[], object], within: float = 3.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.002)
