# SPDX-License-Identifier: Apache-2.0
"""A little proxy: CONNECT and the absolute form, with basic authentication if asked for."""

import asyncio
import base64
import contextlib
from urllib.parse import urlsplit

from integration.kit.scripted import Peer


class ForwardProxy:
    """Its script for `listening`. `refuses`: an answer instead of a tunnel. `dies_after`: bytes of the tunnel."""

    def __init__(self, *, user: str = "", refuses: bytes = b"", dies_after: int = 0) -> None:
        self._wants = b"basic " + base64.b64encode(user.encode()) if user else b""
        self._refuses = refuses
        self._dies_after = dies_after
        self.asked: list[bytes] = []  # request lines
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        head, body = await peer.request()
        line, _, rest = head.partition(b"\r\n")
        self.asked.append(line)
        self.heads.append(head)
        method, target, _ = line.split(b" ")
        given = next((x[21:] for x in rest.split(b"\r\n") if x.lower().startswith(b"proxy-authorization: ")), b"")
        if self._wants and given.lower() != self._wants.lower():
            await peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n")
            peer.close()
        elif self._refuses:
            await peer.send(self._refuses)
            peer.close()
        elif method == b"CONNECT":
            await self._tunnel(peer, target)
        else:
            await self._pass(peer, method, target, rest, body)

    async def _tunnel(self, peer: Peer, target: bytes) -> None:
        host, _, port = target.decode().rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        await peer.send(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
        try:
            await asyncio.gather(_copy(peer.reader, writer), self._copy_back(reader, peer))
        finally:
            writer.transport.abort()

    async def _copy_back(self, reader: asyncio.StreamReader, peer: Peer) -> None:
        passed = 0
        while data := await reader.read(1024):
            peer.writer.write(data)
            passed += len(data)
            if self._dies_after and passed > self._dies_after:
                break
        await peer.writer.drain()
        peer.writer.transport.abort() if self._dies_after else peer.close()

    async def _pass(self, peer: Peer, method: bytes, target: bytes, rest: bytes, body: bytes) -> None:
        found = urlsplit(target.decode())
        reader, writer = await asyncio.open_connection(found.hostname, found.port)
        writer.write(method + b" " + found.path.encode() + b" HTTP/1.1\r\n" + rest + body)
        try:
            await asyncio.gather(_copy(peer.reader, writer), self._copy_back(reader, peer))
        finally:
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()
