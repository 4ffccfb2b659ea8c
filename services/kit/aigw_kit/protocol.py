# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP protocol with what a front door needs: bounds on heads, on waiting, and news of a client that left.

uvicorn (with httptools) reads a head of any size for any time, and tells of a lost client only those who ask. Here a
head is bounded, a sweep closes who sends too slowly, and the request's task is cancelled the moment its client is gone.
"""

import asyncio
import re
from typing import Any, ClassVar
from urllib.parse import unquote

import httptools
from msgspec import json
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aigw_kit.exchange import Exchange

MOST_HEADERS = 100
MOST_HEAD_BYTES = 32 * 1024
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*h2c[^\r\n]*", re.IGNORECASE)


ASGI = {"version": "3.0", "spec_version": "2.3"}


class HeadTooLarge(Exception):
    pass


class EdgeProtocol(HttpToolsProtocol):
    """One connection of a client. The edge sets `serving`."""

    read_timeout: ClassVar[float] = 10.0
    live: ClassVar[set["EdgeProtocol"]] = set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.serving: Exchange | None = None
        self.lost = False
        self.head_bytes = 0
        self.gathered = 0  # bytes since the parser last handed over a head or a piece of a body
        self.reading_since: float | None = self.loop.time()
        self.idle_since = self.reading_since
        self.stuck_since: float | None = None  # the client takes no more of its answer
        self.live.add(self)

    @property
    def is_idle(self) -> bool:
        """No request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self.live.discard(self)
        self.lost = True
        super().connection_lost(exc)
        if self.serving is not None and self.serving.task is not None:
            self.serving.task.cancel()

    def leave(self) -> None:
        """The connection is another protocol's from here on."""
        self.live.discard(self)
        self.connections.discard(self)
        self.serving = None

    def data_received(self, data: bytes) -> None:
        if self.parser is None or self.transport.is_closing():
            return
        if self.reading_since is None or self.scope is None:  # the head of a request may begin here
            if data.find(b"h2c", 0, data.find(b"\r\n\r\n")) > 0:
                data = _without_upgrade(data)
            if self.is_idle:
                self.reading_since = self.loop.time()
        self.gathered += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # to no other protocol: the request was handed over and is answered as it is
        except httptools.HttpParserError:
            self.send_400_response("")
        if self.gathered > MOST_HEAD_BYTES:  # a line without an end, which the parser keeps to itself
            self.refuse(431, "headers_too_large", "The request's headers are too large")

    # httptools callbacks

    def on_message_begin(self) -> None:
        if self.reading_since is None:
            self.reading_since = self.loop.time()
        self.url = b""
        self.headers = []
        self.head_bytes = 0
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        self.head_bytes += len(url)
        if self.head_bytes > MOST_HEAD_BYTES:
            raise HeadTooLarge
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self.headers
        self.head_bytes += len(name) + len(value) + 4
        if self.head_bytes > MOST_HEAD_BYTES or len(headers) >= MOST_HEADERS:
            raise HeadTooLarge
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.gathered = 0
        version = self.parser.get_http_version()
        self.scope = self._make_scope(version)
        before, keep_alive = self.cycle, version != "1.0" and self.parser.should_keep_alive()
        made = Exchange(self, self.scope, keep_alive=keep_alive, expect_continue=self.expect_100_continue)
        self.cycle = made
        if before is None or before.response_complete:
            self._start_asgi_task(made, self.app)
        else:  # pipelined: it waits its turn
            self.flow.pause_reading()
            self.pipeline.appendleft((made, self.app))

    def _make_scope(self, version: str) -> Any:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
        }

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.task = task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_body(self, body: bytes) -> None:
        self.gathered = 0
        if self.cycle.response_complete:
            return
        self.cycle.feed(body)  # type: ignore[attr-defined]
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self.gathered = 0
        self.reading_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What comes next: the request that waits in the pipeline, or time in which nothing comes (see `sweep`)."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.idle_since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        self.stuck_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stuck_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        if self.head_bytes > MOST_HEAD_BYTES or len(self.headers or ()) >= MOST_HEADERS:
            self.refuse(431, "headers_too_large", "The request's headers are too large")
        else:
            self.refuse(400, "invalid_http", "The request is not HTTP/1.1")

    def refuse(self, status: int, reason: str, detail: str) -> None:
        """Answer without the application, and close; an answer that has begun is cut, and nothing written into it."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        if self.transport.is_closing():
            return
        identifier = self.app.refused_early(status, reason)
        body = json.encode({"detail": detail, "reason": reason, "request_id": identifier})
        head = b"HTTP/1.1 %d \r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """A head without its offer of HTTP/2 (Java's client makes one): the parser would take what follows for no body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"", head) + end + rest
