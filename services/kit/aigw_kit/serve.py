# SPDX-License-Identifier: Apache-2.0
"""Serve one app until told to stop: sockets, signals, background tasks, drain."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import uvicorn
import uvloop

from aigw_kit.edge import Edge
from aigw_kit.logs import AccessLog
from aigw_kit.protocol import EdgeProtocol
from aigw_kit.scrape import serve_metrics
from aigw_kit.settings import ServiceSettings
from aigw_kit.sweep import sweeping
from aigw_kit.tls import ServerIdentity

Background = Callable[[], Coroutine[Any, Any, None]]
log = logging.getLogger(__name__)
KEEP_ALIVE_SECONDS = 75  # longer than any of our clients trusts an idle connection


class Service(NamedTuple):
    """What runs: the app, its access log, and work in the background that never ends."""

    edge: Edge
    access_log: AccessLog
    background: list[Background]


class _Server(uvicorn.Server):
    """uvicorn's own handling re-raises the signal at the end, which would end the process before its logs are out."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for known in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(known, self.handle_exit, known, None)
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. IPPROTO_TCP matters: without it asyncio leaves Nagle's algorithm on (44 ms an answer)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.set_inheritable(True)
    except BaseException:
        listener.close()
        raise
    return listener


def run(service: Service, settings: ServiceSettings) -> None:
    """Serve on uvloop until SIGTERM, SIGINT or the end of the lifeline; running requests get `drain_seconds`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(service, settings))


async def _serve(service: Service, settings: ServiceSettings) -> None:
    EdgeProtocol.read_timeout = settings.read_timeout
    config = _config(service.edge, settings)
    background = [sweeping, *service.background]
    if settings.tls.cert_file:
        identity = ServerIdentity(settings.tls)
        config.ssl = identity.context
        background.append(identity.keep_fresh)
    server = _Server(config)
    listener = _socket(settings.listen_fd, settings.host, settings.port)
    serve_metrics(_socket(settings.metrics_fd, settings.metrics_host, settings.metrics_port))
    if settings.lifeline_fd is not None:
        asyncio.get_running_loop().add_reader(settings.lifeline_fd, _follow_parent, server, settings.lifeline_fd)
    tasks = [asyncio.ensure_future(work()) for work in background]
    for task in tasks:
        task.add_done_callback(lambda ended: _background_ended(ended, server))
    _settle_memory()
    await server.serve(sockets=[listener])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    service.access_log.flush()


def _settle_memory() -> None:
    """What exists now lives as long as the process: the garbage collector need not look at it for each request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _config(edge: Edge, settings: ServiceSettings) -> uvicorn.Config:
    config = uvicorn.Config(
        edge,
        http=EdgeProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
        backlog=2048,
    )
    config.load()
    return config


def _socket(fd: int | None, host: str, port: int) -> socket.socket:
    return bind(host, port) if fd is None else socket.socket(fileno=fd)


def _follow_parent(server: uvicorn.Server, fd: int) -> None:
    """The other end of the lifeline is closed: the parent is gone, and so must we be."""
    if not os.read(fd, 1):
        asyncio.get_running_loop().remove_reader(fd)
        server.should_exit = True


def _background_ended(task: "asyncio.Future[None]", server: uvicorn.Server) -> None:
    """A background task runs for ever; if one ends, the service is not whole and stops."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a background task failed", exc_info=error)
        server.should_exit = True
