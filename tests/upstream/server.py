# SPDX-License-Identifier: Apache-2.0
"""The application with every provider, and the server which carries it."""

import asyncio
import json
import os
import socket
import struct
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from upstream import anthropic, control, google_token, openai, vertex, vllm
from upstream.record import Recorder

_PARTS = (anthropic, openai, vertex, vllm, google_token, control)
_LINGER_ZERO = struct.pack("ii", 1, 0)
_FLUSH_SECONDS = 0.002
_IDLE_SECONDS = 75


def application(record: bool = True) -> Starlette:
    """The scripted upstream as an ASGI application. Needs the connections of `serve` for its `die` behaviours."""
    app = Starlette(routes=[route for part in _PARTS for route in part.ROUTES])
    app.state.recorder = Recorder(enabled=record)
    app.state.tokens = google_token.Tokens()
    return app


class AbortableConnection(HttpToolsProtocol):
    """An HTTP connection which the application may reset: it finds `abort` in the state of its scope."""

    def on_message_begin(self) -> None:
        """Hand out `abort` with each request."""
        super().on_message_begin()
        self.scope["state"]["abort"] = self.abort

    async def abort(self) -> None:
        """Send what was written so far, then reset the connection."""
        await asyncio.sleep(_FLUSH_SECONDS)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()
        while not self.cycle.disconnected:
            await asyncio.sleep(0)


class _Server(uvicorn.Server):
    """A server which says where it listens once it does, and stops when its standard input closes if told to."""

    def __init__(self, config: uvicorn.Config, ready_file: Path | None, with_stdin: bool) -> None:
        super().__init__(config)
        self._ready_file = ready_file
        self._with_stdin = with_stdin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen and write the ready file."""
        await super().startup(sockets)
        if self._with_stdin:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read_stdin)
        if self._ready_file is not None and sockets:
            _write_ready(self._ready_file, sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without waiting for the answers under way, some of which would never end."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.should_exit = True


def _write_ready(path: Path, port: int) -> None:
    ready = {"url": f"http://127.0.0.1:{port}", "pid": os.getpid()}
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(ready))
    partial.replace(path)


def serve(port: int = 0, ready_file: Path | None = None, record: bool = True, with_stdin: bool = False) -> None:
    """Serve on loopback until a signal (or, `with_stdin`, until the end of standard input)."""
    config = uvicorn.Config(
        application(record),
        http=AbortableConnection,
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        log_level="error",
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listening:
        _Server(config, ready_file, with_stdin).run([listening])
