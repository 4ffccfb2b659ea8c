# SPDX-License-Identifier: Apache-2.0
"""What both ends of a trunk do: gather frames into one write, read frames, notice a peer that is gone."""

import asyncio
import contextlib
import socket
from typing import cast

from aigw_kit.trunk import frames
from aigw_kit.trunk.frames import BadFrame, Reader

KEEP_ALIVE = {
    "TCP_KEEPIDLE": 15,  # seconds
    "TCP_KEEPINTVL": 5,  # seconds
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,  # milliseconds; TCP does not probe as long as something is on the way
}


class Line(asyncio.Protocol):
    """One end. Subclasses say what a frame means (`take`) and what its loss does (`connection_lost`)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._out: list[bytes] = []

    def take(self, kind: int, number: int, data: bytes) -> None:
        raise NotImplementedError

    def put(self, kind: int, number: int, data: bytes = b"") -> None:
        """What is put in one turn of the loop goes out in one write."""
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out += (frames.head(kind, number, len(data)), data)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        _notice_silence(self.transport.get_extra_info("socket"))
        if self._out:
            self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            found = self._reader.feed(data)
        except BadFrame:
            self.hang_up()
            return
        for kind, number, payload in found:
            self.take(kind, number, payload)

    def _flush(self) -> None:
        if self.transport is None:  # it is being laid
            return
        out, self._out = self._out, []
        if out and not self.transport.is_closing():
            self.transport.write(b"".join(out))


def _notice_silence(sock: socket.socket | None) -> None:
    """A peer that vanished without a word, or takes nothing any more, is noticed within half a minute."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE.items():
        with contextlib.suppress(AttributeError, OSError):  # not every system has them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
