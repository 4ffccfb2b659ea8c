# SPDX-License-Identifier: Apache-2.0
"""A wire tap between the gateway and the scripted upstream: bytes pass through, and those that go up are kept."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from gateway.wire import LINGER_ZERO


class Sent(NamedTuple):
    """A request as it went up."""

    line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


class Tap:
    """Listens while its context is open, in a thread of its own. `url` leads where the `target` URL leads."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._seen: list[bytearray] = []
        self._loop = asyncio.new_event_loop()
        self._passing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.url = ""

    def requests(self) -> list[Sent]:
        """What went up since the last `forget`."""
        return [request for seen in self._seen for request in _requests(bytes(seen))]

    def forget(self) -> None:
        for seen in self._seen:
            seen.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the transports to close

    async def _accept(self, down: asyncio.StreamReader, to_down: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        up, to_up = await asyncio.open_connection(*self._target)
        seen = bytearray()
        self._seen.append(seen)
        try:
            await asyncio.gather(_pump(down, to_up, seen), _pump(up, to_down, None))
        except asyncio.CancelledError:
            return
        finally:
            to_up.close()
            to_down.close()
            self._passing.discard(task)


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter, seen: bytearray | None) -> None:
    """All bytes, then the end as it came: a good-bye or a reset."""
    try:
        while data := await source.read(65536):
            if seen is not None:
                seen += data
            to.write(data)
            await to.drain()
    except ConnectionError:
        to.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        to.transport.abort()
    else:
        to.close()


def _requests(data: bytes) -> list[Sent]:
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        size = int(headers.get("content-length", "0"))
        whole = len(head) + 4 + size
        found.append(Sent(line, headers, rest[:size], data[:whole]))
        data = data[whole:]
    return found
