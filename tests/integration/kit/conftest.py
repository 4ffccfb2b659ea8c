# SPDX-License-Identifier: Apache-2.0
"""Tests of the kit's sockets run on the loop that services use and on asyncio's own, which differ in endings."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop

from integration.kit.authority import Authority
from integration.kit.edging import RunningEdge
from integration.kit.scripted import Listening, Script, listening

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def serve() -> Any:
    """Starts servers that follow a script; they end with the test."""
    started: list[Listening] = []

    async def start(script: Script, **options: Any) -> Listening:
        server = await listening(script, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with RunningEdge(tmp_path / "access.log").running() as running:
        yield running
