# SPDX-License-Identifier: Apache-2.0
"""A request leaves nothing for the garbage collector: its pauses would be the slowest requests."""

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.server import ServerState

from aigw_kit import serve
from aigw_kit.edge import Edge, Hot
from aigw_kit.logs import AccessLog
from aigw_kit.protocol import EdgeProtocol
from aigw_kit.request import Request
from aigw_kit.settings import ServiceSettings
from unit.kit.fakes import FakeTransport

ASKED = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"


@pytest.fixture
def log() -> Iterator[AccessLog]:
    file = os.open(os.devnull, os.O_WRONLY)
    log = AccessLog("test", file)
    yield log
    log.flush()
    os.close(file)


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Transport(FakeTransport):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default


async def whole(request: Request) -> None:
    await request.respond(200, await request.body(100))


async def streamed(request: Request) -> None:
    await request.start(200, [])
    request.write_now(await request.body(100))
    await request.finish()


@pytest.mark.parametrize("endpoint", [whole, streamed])
async def test_a_request_leaves_no_garbage(endpoint: Any, log: AccessLog, collector_off: None) -> None:
    config = serve._config(Edge(None, [Hot("POST", "/echo", endpoint)], log), ServiceSettings())
    protocol, transport = EdgeProtocol(config=config, server_state=ServerState(), app_state={}), Transport()
    protocol.connection_made(transport)

    async def ask(times: int) -> None:
        for _ in range(times):
            protocol.data_received(ASKED)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    await ask(5)
    gc.collect()
    await ask(20)
    assert transport.written.count(b"HTTP/1.1 200") == 25
    assert gc.collect() < 20
    EdgeProtocol.live.discard(protocol)
