# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand, for requests that no client would send, and for clients that leave."""

import json
import select
import socket
import struct
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

LINGER_ZERO = struct.pack("ii", 1, 0)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Cut(Exception):
    """The connection ended before the answer did. `got`: what had come of it."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"the connection ended after {len(got)} bytes: {got[:200]!r}")
        self.got = got


class Wire:
    """One connection to a server, while its context is open."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        self.authority = parts.netloc
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout)
        self._rest = b""

    def send(self, data: bytes) -> None:
        """What the server no longer wants to hear is lost without a word: its answer tells more."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def head(self, method: str, target: str, headers: Mapping[str, str], version: str = "1.1") -> bytes:
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self.send(self.head("POST", target, {**headers, "Content-Length": str(len(body))}) + body)

    def has_come(self) -> bool:
        """Whether there is something to read now."""
        return bool(self._rest or select.select([self._socket], [], [], 0)[0])

    def some(self) -> bytes:
        """What comes next; empty at the end."""
        if self._rest:
            got, self._rest = self._rest, b""
            return got
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""

    def through(self, mark: bytes) -> bytes:
        """All up to and with the mark. Raises Cut."""
        got = b""
        while mark not in got:
            part = self.some()
            if not part:
                raise Cut(got)
            got += part
        found, _, self._rest = got.partition(mark)
        return found + mark

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer, after any that only tells to go on. Raises Cut."""
        head = self.through(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status_line.split(" ")[1])
        if status < 200:
            return self.answer(to_head=to_head)
        if to_head:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        if "content-length" in headers:
            return Answer(status, headers, self._exactly(int(headers["content-length"])))
        return Answer(status, headers, self.to_end())

    def to_end(self) -> bytes:
        """All until the server closes."""
        parts = []
        while part := self.some():
            parts.append(part)
        return b"".join(parts)

    def close(self) -> float:
        """Hang up, as a client that leaves does; when that was."""
        at = time.time()
        self._socket.close()
        return at

    def reset(self) -> float:
        """Hang up without a good-bye (RST); when that was."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        return self.close()

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.through(b"\r\n"), 16):
            parts.append(self._exactly(size + 2)[:-2])
        self._exactly(2)
        return b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self.some()
            if not part:
                raise Cut(got)
            got += part
        self._rest = got[size:]
        return got[:size]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()
