# SPDX-License-Identifier: Apache-2.0
"""The lean client's answers over real sockets: how bodies end, how they fail, and how slow readers and writers fare."""

import asyncio
import contextlib
import time
from typing import Any

import pytest

from aigw_kit.http import ConnectionCut, HttpClient, HttpError, ProtocolViolation, TimedOut
from aigw_kit.http.response import HIGH_WATER
from integration.kit.scripted import HELLO, OK, Peer, Script

pytestmark = pytest.mark.integration

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def answering(*pieces: bytes, then: str = "close") -> Script:
    """Each connection answers once, in these packets."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        if then == "wait":
            await peer.closed()
        else:
            getattr(peer, then)()

    return script


async def ask(client: HttpClient, timeout: float = 3.0, **options: Any) -> tuple[int, bytes]:
    response, body = await client.request(b"GET", b"/", [], b"", timeout, **options)
    return response.status, body


class TestFraming:
    @pytest.mark.parametrize(
        ("pieces", "expected"),
        [
            ([HELLO], (200, b"hello")),
            ([HELLO[:9], HELLO[9:30], HELLO[30:]], (200, b"hello")),
            ([CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\n"], (200, b"hello")),
            ([CHUNKED + b"5;ext=1\r\nhello\r\n0\r\ntrailer: x\r\n\r\n"], (200, b"hello")),
            ([OK + b"\r\n", b"hel", b"lo"], (200, b"hello")),
            ([b"HTTP/1.0 200 OK\r\n\r\nhello"], (200, b"hello")),
            ([b"HTTP/1.1 100 Continue\r\n\r\n", HELLO], (200, b"hello")),
            ([b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"], (204, b"")),
            ([b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"], (304, b"")),
            ([b"HTTP/1.1 503 \r\ncontent-length: 0\r\n\r\n"], (503, b"")),
        ],
    )
    async def test_whole_answers(self, serve: Any, pieces: list[bytes], expected: tuple[int, bytes]) -> None:
        client = HttpClient((await serve(answering(*pieces))).url)
        assert await ask(client) == expected
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        assert (response.status, await response.read()) == expected
        client.close()

    async def test_chunks_come_as_they_arrive(self, serve: Any) -> None:
        said = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(CHUNKED + b"3\r\none\r\n")
            await said.wait()
            await peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

        client = HttpClient((await serve(script)).url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        assert await response.chunk() == b"one"
        said.set()
        assert await response.chunk() == b"two"
        assert await response.chunk() == b""
        assert await response.chunk() == b""
        assert response.header(b"transfer-encoding") == b"chunked"
        assert response.header(b"none") is None
        client.close()


class TestCut:
    @pytest.mark.parametrize("then", ["close", "reset"])
    @pytest.mark.parametrize(
        "pieces",
        [
            [HELLO[:-1]],
            [CHUNKED, b"5\r\nhello\r\n"],
            [CHUNKED, b"5\r\nhel"],
            [CHUNKED, b"5\r\nhello\r\n0\r\n"],
            [OK],
        ],
    )
    async def test_an_early_end_is_no_clean_end(self, serve: Any, pieces: list[bytes], then: str) -> None:
        client = HttpClient((await serve(answering(*pieces, then=then))).url)
        with pytest.raises(ConnectionCut):
            await ask(client)
        with pytest.raises(ConnectionCut):
            await (await client.stream(b"GET", b"/", [], b"", 3.0)).read()
        assert client._open == 0

    async def test_what_came_before_the_cut_can_be_read(self, serve: Any) -> None:
        client = HttpClient((await serve(answering(CHUNKED + b"5\r\nhello\r\n"))).url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        await asyncio.sleep(0.03)  # the cut is here before anything is read
        assert await response.chunk() == b"hello"
        for _ in range(2):
            with pytest.raises(ConnectionCut):
                await response.chunk()

    async def test_a_body_without_length_that_ends_in_a_reset(self, serve: Any) -> None:
        client = HttpClient((await serve(answering(OK + b"\r\nhel", then="reset"))).url)
        with pytest.raises(ConnectionCut):
            await ask(client)


class TestTooMuch:
    async def test_an_oversized_head(self, serve: Any) -> None:
        client = HttpClient((await serve(_flood())).url)
        with pytest.raises(ProtocolViolation, match="head"):
            await ask(client)
        assert client._open == 0

    async def test_an_oversized_body(self, serve: Any) -> None:
        server = await serve(answering(OK + b"content-length: 2000000\r\n\r\n", b"x" * 2_000_000, then="wait"))
        client = HttpClient(server.url)
        with pytest.raises(ProtocolViolation, match="larger than 1000 bytes"):
            await ask(client, most=1000)
        await (await server.peer()).left()

    async def test_an_oversized_body_of_a_stream_that_is_read_whole(self, serve: Any) -> None:
        server = await serve(answering(CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n", then="wait"))
        client = HttpClient(server.url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        response.most = 999
        with pytest.raises(ProtocolViolation, match="larger than 999 bytes"):
            await response.read()
        await (await server.peer()).left()


def _flood() -> Script:
    """A head that never ends, in one line."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(OK + b"x: ")
        with contextlib.suppress(ConnectionError):
            while not peer.writer.is_closing():
                peer.writer.write(b"y" * 65536)
                await peer.writer.drain()

    return script


class TestTime:
    async def test_no_head(self, serve: Any) -> None:
        server = await serve(answering(then="wait"))
        client = HttpClient(server.url)
        for asking in (ask(client, 0.05), client.stream(b"GET", b"/", [], b"", 0.05)):
            began = time.monotonic()
            with pytest.raises(TimedOut):
                await asking
            assert 0.04 < time.monotonic() - began < 1
        for peer in server.peers:
            await peer.left()
        assert client._open == 0

    async def test_a_whole_answer_that_trickles_in(self, serve: Any) -> None:
        server = await serve(answering(OK + b"content-length: 9000\r\n\r\n", *[b"x"] * 1000, then="wait"))
        client = HttpClient(server.url)
        with pytest.raises(TimedOut):
            await ask(client, 0.1)

    async def test_silence_within_a_stream(self, serve: Any) -> None:
        server = await serve(answering(CHUNKED + b"5\r\nhello\r\n", then="wait"))
        client = HttpClient(server.url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        assert await response.chunk() == b"hello"
        response.allow_silence(0.05)
        with pytest.raises(TimedOut):
            await response.chunk()
        await (await server.peer()).left()

    async def test_a_stream_may_go_on_for_longer_than_its_timeout(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(CHUNKED)
            for _ in range(10):
                await asyncio.sleep(0.02)
                await peer.send(b"1\r\nx\r\n")
            await peer.send(b"0\r\n\r\n")

        client = HttpClient((await serve(script)).url)
        response = await client.stream(b"GET", b"/", [], b"", 0.1)
        assert await response.read() == b"x" * 10
        client.close()


class TestLeaving:
    """Whoever is not interested any more closes the server's side at once."""

    async def test_before_the_head(self, serve: Any) -> None:
        server = await serve(answering(then="wait"))
        client = HttpClient(server.url)
        asking = asyncio.create_task(ask(client))
        peer = await server.peer()
        async with asyncio.timeout(2):
            while not peer.requests:
                await asyncio.sleep(0.001)
        asking.cancel()
        assert await peer.left() < 0.1
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert client._open == 0

    async def test_within_the_body(self, serve: Any) -> None:
        server = await serve(answering(CHUNKED + b"5\r\nhello\r\n", then="wait"))
        client = HttpClient(server.url)

        async def read() -> None:
            response = await client.stream(b"GET", b"/", [], b"", 3.0)
            try:
                await response.read()
            finally:
                response.close()

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.03)
        reading.cancel()
        assert await (await server.peer()).left() < 0.1
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert client._open == 0

    async def test_after_closing_nothing_is_read_any_more(self, serve: Any) -> None:
        client = HttpClient((await serve(answering(CHUNKED + b"5\r\nhello\r\n", then="wait"))).url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        response.close()
        with pytest.raises(HttpError):
            await response.read()


class TestBackpressure:
    async def test_a_slow_reader_stops_the_server(self, serve: Any) -> None:
        """What is in flight is bounded: by our mark, and by the buffers of two sockets."""
        sent = 0

        async def script(peer: Peer) -> None:
            nonlocal sent
            await peer.request()
            peer.writer.transport.set_write_buffer_limits(high=0)
            peer.writer.write(OK + b"content-length: %d\r\n\r\n" % size)
            while sent < size:
                peer.writer.write(block)
                await peer.writer.drain()
                sent += len(block)
            await peer.closed()

        size, block = 64 * 1024 * 1024, bytes(64 * 1024)
        client = HttpClient((await serve(script)).url)
        response = await client.stream(b"GET", b"/", [], b"", 3.0)
        stuck = -1
        async with asyncio.timeout(3):
            while stuck != sent:
                stuck = sent
                await asyncio.sleep(0.05)
        assert stuck < size / 2
        assert HIGH_WATER <= response.buffered < 4 * HIGH_WATER
        most = received = 0
        while chunk := await response.chunk():
            received += len(chunk)
            most = max(most, len(chunk))
        assert received == size
        assert most < 4 * HIGH_WATER
        client.close()
