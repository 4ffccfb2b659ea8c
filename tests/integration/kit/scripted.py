# SPDX-License-Identifier: Apache-2.0
"""A TCP server in the test's own loop that does to each connection what a script says."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aigw_kit.serve import bind

RESET = struct.pack("ii", 1, 0)
OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"
WITHIN = 3.0  # seconds for what must happen soon


class Peer:
    """One connection, seen from the server. `number` counts from 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.requests: list[tuple[bytes, bytes]] = []  # head and body
        self.gone = asyncio.Event()

    async def request(self) -> tuple[bytes, bytes]:
        """The next request. Raises IncompleteReadError when the client closes before."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        found = (head, await self.reader.readexactly(length))
        self.requests.append(found)
        return found

    async def send(self, *pieces: bytes) -> None:
        """Each in a packet of its own, as far as the network lets us."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.002)

    async def closed(self, within: float = WITHIN) -> None:
        """For scripts: read until the client closed its side."""
        async with asyncio.timeout(within):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        self.gone.set()

    async def left(self, within: float = WITHIN) -> float:
        """For tests: seconds until the script has seen that the client closed its side."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            await self.gone.wait()
        return time.monotonic() - began

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """RST, as a process that dies or a firewall does it."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()

    async def serve(self, *answers: bytes) -> None:
        """Answer requests, the last answer for ever, until the client goes."""
        for number in range(10**6):
            await self.request()
            await self.send(answers[min(number, len(answers) - 1)])


Script = Callable[[Peer], Awaitable[object]]


class Listening:
    """The server. `peers` are its connections in the order in which they came."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.peers: list[Peer] = []
        self.faults: list[BaseException] = []
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[tuple[bytes, bytes]]:
        return [request for peer in self.peers for request in peer.requests]

    async def start(self, tls: ssl.SSLContext | None, receive_buffer: int) -> None:
        listener = bind("127.0.0.1", 0)
        if receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = listener.getsockname()[1]
        self.scheme = "https" if tls else "http"
        self._server = await asyncio.start_server(self._connected, sock=listener, ssl=tls)

    async def peer(self, number: int = 0) -> Peer:
        """The connection of that number, waited for."""
        async with asyncio.timeout(WITHIN):
            while len(self.peers) <= number:
                await asyncio.sleep(0.001)
        return self.peers[number]

    async def stop(self) -> None:
        """Raises what a script raised, if it was not the end of its connection."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await asyncio.sleep(0)
        for fault in self.faults:
            raise fault

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            peer.gone.set()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - told when the server stops
            self.faults.append(error)
        finally:
            self._tasks.discard(task)


async def listening(script: Script, *, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> Listening:
    server = Listening(script)
    await server.start(tls, receive_buffer)
    return server


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
