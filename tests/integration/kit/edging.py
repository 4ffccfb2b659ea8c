# SPDX-License-Identifier: Apache-2.0
"""A service of the kit in the test's own loop: a real uvicorn server with `EdgeProtocol`, and made-up endpoints."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from aigw_contract.errors import NotFound
from aigw_kit import serve
from aigw_kit.app import build_app
from aigw_kit.edge import Edge, Guard, Hot, StreamCut
from aigw_kit.logs import AccessLog
from aigw_kit.protocol import EdgeProtocol
from aigw_kit.request import Request
from aigw_kit.settings import ServiceSettings

MOST = 1000
FLOOD = 100
TEXT = (b"content-type", b"text/plain")


class Endpoints:
    """`seen`: what happened to which request, by path."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.go_on = asyncio.Event()

    def note(self, request: Request, what: str) -> None:
        self.seen.append((request.path, what))

    async def echo(self, request: Request) -> None:
        body = await request.body(MOST)
        self.bodies.append(body)
        request.fields["model"] = "m"
        await request.respond(200, b'{"bytes":%d}' % len(body))

    async def large(self, request: Request) -> None:
        await request.respond(200, b"x" * 5_000_000, [TEXT])

    async def stream(self, request: Request) -> None:
        await request.body(MOST)
        await request.start(200, [TEXT])
        await request.write(b"one")
        await self._wait(request)
        await request.write(b"two")
        await request.finish()

    async def wait(self, request: Request) -> None:
        await self._wait(request)
        await request.respond(200, b"{}")

    async def endless(self, request: Request) -> None:
        await request.start(200, [TEXT])
        while True:
            await request.write(b"x" * 65536)
            await asyncio.sleep(0)

    async def poured(self, request: Request) -> None:
        await request.start(200, [TEXT])
        request.write_now(b"one")
        request.write_now(b"two")
        await request.finish(b"three")

    async def untyped(self, request: Request) -> None:
        await request.respond(200, b"bytes", [])

    async def flood(self, request: Request) -> None:
        """Numbered pieces of 64 KiB, written from outside for as long as the client keeps up."""
        await request.start(200, [TEXT])
        for number in range(FLOOD):
            if not request.write_now(b"%065536d" % number):
                self.note(request, "waits")
                await request.drained()
        await request.finish()

    async def cut(self, request: Request) -> None:
        await request.start(200, [TEXT])
        await request.write(b"one")
        raise StreamCut

    async def refuse(self, request: Request) -> None:
        raise NotFound("There is no such thing", reason="no_such_thing", retry_after=2.4)

    async def refuse_late(self, request: Request) -> None:
        await request.start(200, [TEXT])
        await request.write(b"one")
        raise NotFound("Too late")

    async def fail(self, request: Request) -> None:
        raise ValueError("sesame")

    async def fail_late(self, request: Request) -> None:
        await request.start(200, [TEXT])
        await request.write(b"one")
        raise ValueError("sesame")

    async def below(self, request: Request) -> None:
        await request.respond(200, request.path.encode(), [TEXT])

    async def _wait(self, request: Request) -> None:
        self.note(request, "waits")
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.note(request, "cancelled")
            raise
        self.note(request, "goes on")

    def hot(self) -> list[Hot]:
        names = [
            "echo",
            "large",
            "stream",
            "wait",
            "endless",
            "cut",
            "poured",
            "flood",
            "untyped",
            "refuse",
            "refuse_late",
            "fail",
            "fail_late",
        ]
        return [*(Hot("POST", f"/{name}", getattr(self, name)) for name in names), Hot("POST", "/below/", self.below)]


class Head(NamedTuple):
    status: int
    headers: dict[bytes, bytes]


class Client:
    """A client by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes, apart: float = 0.002) -> None:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(apart)
            self.writer.write(piece)
            await self.writer.drain()

    async def post(self, path: bytes, body: bytes = b"", *headers: bytes) -> None:
        await self.send(request(path, body, *headers))

    async def head(self) -> Head:
        lines = (await self._in_time(self.reader.readuntil(b"\r\n\r\n"))).split(b"\r\n")
        pairs = (line.partition(b": ") for line in lines[1:] if line)
        return Head(int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs})

    async def answer(self) -> tuple[Head, bytes]:
        """One answer with a length."""
        head = await self.head()
        return head, await self._in_time(self.reader.readexactly(int(head.headers[b"content-length"])))

    async def json(self) -> tuple[int, dict[str, Any]]:
        head, body = await self.answer()
        return head.status, json.loads(body)

    async def rest(self, within: float = 3.0) -> bytes:
        """Until the server closes."""
        return await self._in_time(self.reader.read(), within)

    async def until(self, end: bytes) -> bytes:
        return await self._in_time(self.reader.readuntil(end))

    async def _in_time(self, reading: Any, within: float = 3.0) -> bytes:
        async with asyncio.timeout(within):
            found: bytes = await reading
            return found


def request(path: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST " + path + b" HTTP/1.1\r\nhost: a\r\n" + lines + b"content-length: %d\r\n\r\n" % len(body) + body


class RunningEdge:
    """`lines`: what the access log says."""

    def __init__(self, log_file: Path) -> None:
        self.endpoints = Endpoints()
        self._log_file = log_file
        self._clients: list[Client] = []
        self.port = 0

    def lines(self) -> list[dict[str, Any]]:
        self._log.flush()
        return [json.loads(line) for line in self._log_file.read_bytes().splitlines()]

    async def line(self) -> dict[str, Any]:
        """The line of the one request so far, which may end a little later than its answer."""
        await self.until(self.lines)
        (line,) = self.lines()
        return line

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(3):
            while not true():
                await asyncio.sleep(0.002)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20))
        self._clients.append(client)
        return client

    @contextlib.asynccontextmanager
    async def running(self, guard: Guard | None = None) -> AsyncIterator["RunningEdge"]:
        file = os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._log = AccessLog("test", file)
        edge = Edge(cold_app(), self.endpoints.hot(), self._log, guard)
        server = _Server(serve._config(edge, ServiceSettings(drain_seconds=1.0)))
        listener = serve.bind("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await self.until(lambda: server.started)
        try:
            yield self
        finally:
            for client in self._clients:
                client.writer.transport.abort()
            self.endpoints.go_on.set()
            server.should_exit = True
            await task
            self._log.flush()
            os.close(file)
            EdgeProtocol.live.clear()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """As uvicorn's, but for stopping sooner."""
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but without its time for clients."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.tasks:
            await asyncio.sleep(0.001)


def cold_app() -> Any:
    async def ready() -> list[str]:
        return []

    async def broken() -> None:
        raise ValueError("sesame")

    async def missing() -> None:
        raise NotFound("No page", reason="no_page")

    app = build_app("Test", "1", [], ready, lambda: "r1")
    app.add_api_route("/cold/broken", broken)
    app.add_api_route("/cold/missing", missing)
    return app
