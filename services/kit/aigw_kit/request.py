# SPDX-License-Identifier: Apache-2.0
"""One request as a hot endpoint sees it: headers, a bounded body, and verbs to answer.

A thin face over ASGI. It exists because building Starlette's Request and Response costs more than the rest of the hot
path together.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Protocol

from aigw_contract.errors import BadInput, TooLarge, TooSlow
from aigw_contract.headers import REQUEST_ID, TRACEPARENT
from aigw_kit.exchange import Exchange, exchange_of
from aigw_kit.protocol import EdgeProtocol

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


class Outlet(Protocol):
    """Where the pieces of an answer's body go in place of the request's own connection."""

    def write(self, chunk: bytes) -> bool: ...
    async def drained(self) -> None: ...
    def end(self) -> None: ...
    def close(self) -> None: ...


class ClientGone(Exception):
    """The client left while its body was being read."""


class Request:
    """`scope`, `receive` and `send` are ASGI's. `fields` are added to the access log line."""

    __slots__ = (
        "_held",
        "_receive",
        "_send",
        "exchange",
        "fields",
        "headers",
        "id",
        "method",
        "outlet",
        "path",
        "scope",
        "started",
        "status",
        "trace",
    )

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.exchange: Exchange | None = exchange_of(receive)
        self._receive = receive
        self._send = send
        self._held: list[bytes] = []
        self.outlet: Outlet | None = None
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = _request_id(self.headers.get(REQUEST_ID))
        self.trace = self.headers.get(TRACEPARENT, b"")
        self.status = 0
        self.started = False
        self.fields: dict[str, Any] = {}

    async def body(self, most: int, timeout: float | None = None) -> bytes:
        """The whole body, within the service's `read_timeout` unless told. Raises TooLarge (413), TooSlow (408)."""
        timeout = EdgeProtocol.read_timeout if timeout is None else timeout
        if self._declared_length() > most:
            raise TooLarge(f"The request body is larger than {most} bytes")
        if self.exchange is not None and (arrived := self.exchange.take_body()) is not None:
            return self._bounded(arrived, most)
        message = await self._in_time(timeout)
        body: bytes = message["body"]
        if not message["more_body"]:
            return self._bounded(body, most)
        return await self._rest(body, most, timeout)

    async def respond(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """The whole answer; JSON unless there are `headers`, which then say the content type, or none."""
        headers = [
            *((JSON,) if headers is None else headers),
            (b"content-length", b"%d" % len(body)),
            (REQUEST_ID, self.id.encode()),
        ]
        if self.exchange is not None and self.exchange.respond(status, headers, body):
            self.status = status
            self.started = True
            return
        await self.start(status, headers[:-1])
        await self.finish(body)

    async def start(self, status: int, headers: Headers) -> None:
        self.status = status
        self.started = True
        headers.append((REQUEST_ID, self.id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def write_now(self, chunk: bytes) -> bool:
        """Write a piece of a begun stream from outside of its task; after a False, await `drained` before more."""
        if not chunk:  # over HTTP an empty chunk would end the body
            return True
        if self.outlet is not None:
            return self.outlet.write(chunk)
        if self.exchange is not None and not self._held:
            taken = self.exchange.write_chunk(chunk)
            if taken is not None:
                return taken
        self._held.append(chunk)
        return False

    @property
    def sink(self) -> Callable[[bytes], bool]:
        """As `write_now`, by the shortest way that the begun answer has."""
        return self.write_now if self.outlet is None else self.outlet.write

    async def drained(self) -> None:
        """Until the client has taken what was written. Does not wait if it keeps up."""
        if self.outlet is not None:
            await self.outlet.drained()
        elif self._held or self.exchange is None or not self.exchange.writable:
            await self.write(b"")

    async def write(self, chunk: bytes) -> None:
        if self.outlet is not None:
            self.write_now(chunk)
            await self.outlet.drained()
            return
        await self._send({"type": "http.response.body", "body": self._after_held(chunk), "more_body": True})

    async def finish(self, chunk: bytes = b"") -> None:
        if self.outlet is not None:
            self.write_now(chunk)
            self.outlet.end()
            chunk = b""
        await self._send({"type": "http.response.body", "body": self._after_held(chunk), "more_body": False})

    def _after_held(self, chunk: bytes) -> bytes:
        if not self._held:
            return chunk
        held, self._held = self._held, []
        return b"".join((*held, chunk))

    def _declared_length(self) -> int:
        try:
            return int(self.headers.get(b"content-length", b"0"))
        except ValueError:
            raise BadInput("The Content-Length header is not a number") from None

    async def _in_time(self, timeout: float) -> Any:
        """The next piece of the body. Raises TooSlow, ClientGone."""
        try:
            async with asyncio.timeout(timeout):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("The request body took too long to arrive") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def _rest(self, first: bytes, most: int, timeout: float) -> bytes:
        """`timeout` is for the whole body, so that a slow sender cannot stay by sending a byte now and then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        parts, size, more = [first], len(first), True
        while more:
            if size > most:
                raise TooLarge(f"The request body is larger than {most} bytes")
            message = await self._in_time(max(0.0, deadline - loop.time()))
            parts.append(message["body"])
            size += len(message["body"])
            more = message["more_body"]
        return self._bounded(b"".join(parts), most)

    def _bounded(self, body: bytes, most: int) -> bytes:
        if len(body) > most:
            raise TooLarge(f"The request body is larger than {most} bytes")
        return body


def _request_id(given: bytes | None) -> str:
    """The caller's id if it is short and printable, else a new one."""
    if given and len(given) <= 128:
        text = given.decode("latin-1")
        if text.isascii() and text.isprintable():
            return text
    return new_request_id()


def new_request_id() -> str:
    return f"{random.getrandbits(128):032x}"
