# SPDX-License-Identifier: Apache-2.0
"""Connections without sockets."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from unit.kit.fakes import Exchange, FakeLoop, frozen_clock


@pytest.fixture(scope="session")
def still_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: it only makes futures."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def loop(still_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake = FakeLoop(still_loop)
    frozen_clock(monkeypatch, fake)
    return fake


@pytest.fixture
def exchange(loop: FakeLoop) -> Exchange:
    return Exchange(loop)


@pytest.fixture
def exchanges(still_loop: asyncio.AbstractEventLoop) -> Callable[[], Exchange]:
    """As many connections as wanted, for tests of examples that a machine thinks up."""
    return lambda: Exchange(FakeLoop(still_loop))
