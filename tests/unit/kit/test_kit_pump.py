# SPDX-License-Identifier: Apache-2.0
"""A body that is pumped: pieces are handed over in the callback in which they arrive."""

import asyncio

import pytest

from aigw_kit.http import ConnectionCut
from unit.kit.fakes import Exchange, FakeLoop

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def exchange() -> Exchange:
    return Exchange(FakeLoop(asyncio.get_running_loop()))


class Sink:
    """Takes everything; says False when `full`."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.full = False

    def __call__(self, piece: bytes) -> bool:
        self.taken.append(piece)
        return not self.full


async def pumping(exchange: Exchange, sink: Sink) -> "asyncio.Task[bool]":
    task = asyncio.create_task(exchange.send(whole=False).pump(sink))
    exchange.receive(HEAD)
    await asyncio.sleep(0)
    return task


async def test_a_piece_is_handed_over_before_anything_else_runs(exchange: Exchange) -> None:
    sink = Sink()
    task = await pumping(exchange, sink)
    exchange.receive(b"3\r\none\r\n")
    assert sink.taken == [b"one"]
    exchange.receive(b"3\r\ntwo\r\n5\r\nthree\r\n")
    assert sink.taken == [b"one", b"twothree"]  # what arrives together goes on together
    exchange.receive(b"0\r\n\r\n")
    assert await task is True


async def test_what_was_there_before_comes_first(exchange: Exchange) -> None:
    response, sink = exchange.send(whole=False), Sink()
    exchange.receive(HEAD, b"3\r\none\r\n0\r\n\r\n")
    assert await response.pump(sink) is True
    assert sink.taken == [b"one"]


async def test_a_sink_that_is_full_ends_the_pump_and_what_follows_waits(exchange: Exchange) -> None:
    sink = Sink()
    task = await pumping(exchange, sink)
    sink.full = True
    exchange.receive(b"3\r\none\r\n", b"3\r\ntwo\r\n")
    assert sink.taken == [b"one"]
    assert await task is False
    sink.full = False
    again = asyncio.create_task(exchange.response.pump(sink))
    await asyncio.sleep(0)
    assert sink.taken == [b"one", b"two"]
    exchange.receive(b"0\r\n\r\n")
    assert await again is True


async def test_a_body_that_breaks_off_raises_after_what_had_arrived(exchange: Exchange) -> None:
    sink = Sink()
    task = await pumping(exchange, sink)
    exchange.receive(b"3\r\none\r\n")
    exchange.lose()
    with pytest.raises(ConnectionCut):
        await task
    assert sink.taken == [b"one"]


async def test_an_error_of_the_sink_is_raised_where_it_is_pumped(exchange: Exchange) -> None:
    def sink(_: bytes) -> bool:
        raise RuntimeError("full of bugs")

    task = asyncio.create_task(exchange.send(whole=False).pump(sink))
    await asyncio.sleep(0)
    exchange.receive(HEAD, b"3\r\none\r\n")
    with pytest.raises(RuntimeError, match="full of bugs"):
        await task
    assert not exchange.transport.closing  # the connection is nobody's fault


async def test_who_gives_up_gets_no_more(exchange: Exchange) -> None:
    sink = Sink()
    task = await pumping(exchange, sink)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    exchange.receive(b"3\r\none\r\n")
    assert sink.taken == []
