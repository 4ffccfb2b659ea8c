# SPDX-License-Identifier: Apache-2.0
"""Clients that leave, that are slow, and that send what no client should: each costs a bounded time and memory."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aigw_kit.protocol import MOST_HEAD_BYTES, MOST_HEADERS, EdgeProtocol
from aigw_kit.serve import KEEP_ALIVE_SECONDS
from aigw_kit.sweep import WRITE_TIMEOUT, sweep
from integration.kit.edging import MOST, Client, RunningEdge, request

pytestmark = pytest.mark.integration

LARGE = {"detail": "The request's headers are too large", "reason": "headers_too_large"}


def close(client: Client) -> None:
    client.writer.close()


def reset(client: Client) -> None:
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


def say_no_more(client: Client) -> None:
    client.writer.write_eof()


class TestLeaving:
    @pytest.mark.parametrize("leave", [close, reset, say_no_more])
    @pytest.mark.parametrize("path", [b"/wait", b"/stream"])
    async def test_the_request_s_task_is_cancelled(
        self, edge: RunningEdge, leave: Callable[[Client], None], path: bytes
    ) -> None:
        """Before the first byte of an answer and after it, within the time that a loop needs for a turn or two."""
        in_flight = REGISTRY.get_sample_value("aigw_requests_in_flight")
        client = await edge.connect()
        await client.post(path)
        await edge.until(lambda: (path.decode(), "waits") in edge.endpoints.seen)
        leave(client)
        async with asyncio.timeout(0.1):
            while len(edge.endpoints.seen) < 2:
                await asyncio.sleep(0.001)
        assert edge.endpoints.seen[1] == (path.decode(), "cancelled")
        assert (await edge.line())["status"] == 499
        assert REGISTRY.get_sample_value("aigw_requests_in_flight") == in_flight

    async def test_while_an_answer_is_being_written(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/endless")
        await client.head()
        close(client)
        assert (await edge.line())["status"] == 499

    async def test_while_the_reader_is_slow(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.post(b"/endless")
        await asyncio.sleep(0.05)
        reset(client)
        assert (await edge.line())["status"] == 499

    async def test_while_its_body_is_awaited(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
        await asyncio.sleep(0.02)
        close(client)
        assert (await edge.line())["status"] == 499
        assert edge.endpoints.bodies == []

    async def test_others_are_served_on(self, edge: RunningEdge) -> None:
        leaving, staying = await edge.connect(), await edge.connect()
        for client in (leaving, staying):
            await client.post(b"/wait")
        await edge.until(lambda: len(edge.endpoints.seen) == 2)
        close(leaving)
        await edge.until(lambda: ("/wait", "cancelled") in edge.endpoints.seen)
        edge.endpoints.go_on.set()
        assert (await staying.answer())[0].status == 200

    async def test_after_its_answer_nothing_is_cancelled(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"abc")
        await client.answer()
        close(client)
        await asyncio.sleep(0.02)
        assert [line["status"] for line in edge.lines()] == [200]

    async def test_the_second_request_of_a_connection(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"abc")
        await client.answer()
        await client.post(b"/wait")
        await edge.until(lambda: edge.endpoints.seen)
        close(client)
        await edge.until(lambda: ("/wait", "cancelled") in edge.endpoints.seen)


class TestHeads:
    """A head is bounded, however it comes."""

    async def refused(self, client: Client, status: int = 431) -> dict[str, Any]:
        found, body = await client.json()
        assert found == status
        assert await client.rest() == b""
        assert len(body.pop("request_id")) == 32
        return body

    async def sent_until_refused(self, client: Client) -> int:
        """How many more bytes of a line the server took."""
        refused = asyncio.create_task(self.refused(client))
        sent = 0
        while not refused.done():
            await client.send(b"y" * 1024)
            sent += 1024
            await asyncio.sleep(0.001)
        assert await refused == LARGE
        return sent

    async def test_one_large_header(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nx: " + b"y" * MOST_HEAD_BYTES + b"\r\n\r\n")
        assert await self.refused(client) == LARGE

    async def test_a_refusal_is_accounted_for(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nx: " + b"y" * MOST_HEAD_BYTES + b"\r\n\r\n")
        _, body = await client.json()
        line = await edge.line()
        assert (line["status"], line["reason"], line["request_id"]) == (431, "headers_too_large", body["request_id"])

    async def test_many_headers(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\n" + b"x: y\r\n" * (MOST_HEADERS + 1) + b"\r\n")
        assert await self.refused(client) == LARGE

    async def test_as_many_as_allowed(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\n" + b"x: y\r\n" * (MOST_HEADERS - 1) + b"content-length: 0\r\n\r\n")
        assert await client.json() == (200, {"bytes": 0})

    async def test_a_large_target(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /" + b"x" * MOST_HEAD_BYTES + b" HTTP/1.1\r\n\r\n")
        assert await self.refused(client) == LARGE

    @pytest.mark.parametrize("start", [b"POST /echo HTTP/1.1\r\nx: ", b"POST /echo HTTP/1.1\r\nx", b"POST /"])
    async def test_a_line_without_an_end(self, edge: RunningEdge, start: bytes) -> None:
        """The parser keeps what it has of a line, so that is bounded too."""
        client = await edge.connect()
        await client.send(start)
        assert await self.sent_until_refused(client) < 3 * MOST_HEAD_BYTES

    async def test_a_trailer_without_an_end(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ")
        assert await self.sent_until_refused(client) < 3 * MOST_HEAD_BYTES

    async def test_a_large_body_after_a_small_head_is_none_of_it(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        body = b"x" * (4 * MOST_HEAD_BYTES)
        for _ in range(2):
            await client.send(
                *[request(b"/below/x", body)[at : at + 8192] for at in range(0, len(body) + 8192, 8192)], apart=0
            )
            assert (await client.answer())[0].status == 200

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"hello\r\n\r\n",
            b"POST /echo HTTP/3.7\r\n\r\n",
            b"POST /echo HTTP/1.1\r\ncontent-length: abc\r\n\r\n",
            b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            b"POST /echo HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nna me: x\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nx: a\0b\r\n\r\n",
            b"POST \xff HTTP/1.1\r\n\r\n",
        ],
    )
    async def test_what_is_not_http(self, edge: RunningEdge, sent: bytes) -> None:
        client = await edge.connect()
        await client.send(sent)
        assert (await self.refused(client, 400))["reason"] == "invalid_http"

    async def test_a_bad_chunk_ends_the_request(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        await self.refused(client, 400)
        assert edge.endpoints.bodies == []

    async def test_bytes_within_an_answer_are_never_answered_into_it(self, edge: RunningEdge) -> None:
        """A second head in the middle of a chunked body would be read as part of it."""
        client = await edge.connect()
        await client.post(b"/stream")
        assert (await client.until(b"one\r\n")).startswith(b"HTTP/1.1 200")
        await client.send(b"\0garbage\r\n\r\n")
        await asyncio.sleep(0.02)
        edge.endpoints.go_on.set()
        assert b"HTTP/1.1" not in await client.rest()


class TestBodies:
    async def refused(self, client: Client) -> tuple[int, str]:
        status, body = await client.json()
        return status, body["reason"]

    async def test_a_body_that_says_it_is_too_large(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (MOST + 1))
        assert await self.refused(client) == (413, "body_too_large")

    async def test_a_body_that_turns_out_to_be(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            await client.send(b"1f4\r\n" + b"x" * 500 + b"\r\n")
        assert await self.refused(client) == (413, "body_too_large")

    async def test_a_body_that_is_slow(self, edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EdgeProtocol, "read_timeout", 0.1)
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n")
        sending = asyncio.create_task(client.send(*[b"x"] * 50, apart=0.02))
        assert await self.refused(client) == (408, "request_timeout")
        sending.cancel()

    async def test_after_a_refusal_that_left_the_body_unread_the_connection_goes_on_or_ends(
        self, edge: RunningEdge
    ) -> None:
        """What must not happen: the rest of the body is taken for the next request."""
        client = await edge.connect()
        body = request(b"/below/smuggled")
        await client.send(b"POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body))
        assert (await client.json())[0] == 404
        await client.send(body)
        await client.post(b"/echo", b"abc")
        assert await client.json() == (200, {"bytes": 3})
        assert [line["path"] for line in edge.lines()] == ["/refuse", "/echo"]


class TestSweeping:
    """What takes too long to arrive is ended by a sweep, here at a time that the test says."""

    LATER = 3600.0

    def sweep(self, later: float = LATER) -> None:
        sweep(asyncio.get_running_loop().time() + later)

    @pytest.mark.parametrize("sent", [b"", b"POST /echo HTTP/1.1\r\nhost: a\r\n", b"\r\n"])
    async def test_a_head_that_does_not_come(self, edge: RunningEdge, sent: bytes) -> None:
        client = await edge.connect()
        await client.send(sent)
        await asyncio.sleep(0.02)
        self.sweep()
        assert (await client.json())[1]["reason"] == "request_timeout"
        assert await client.rest() == b""

    async def test_the_next_head_on_a_kept_connection(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/echo")
        await client.answer()
        await client.send(b"POST /ec")
        await asyncio.sleep(0.02)
        self.sweep()
        assert (await client.json())[0] == 408

    async def idle(self, client: Client, edge: RunningEdge) -> None:
        await client.post(b"/echo")
        await client.answer()

    async def waiting(self, client: Client, edge: RunningEdge) -> None:
        await client.post(b"/wait")
        await edge.until(lambda: edge.endpoints.seen)

    async def streaming(self, client: Client, edge: RunningEdge) -> None:
        await client.post(b"/stream")
        await client.until(b"one\r\n")
        await edge.until(lambda: edge.endpoints.seen)

    @pytest.mark.parametrize("more", [b"", b"\r\n", b"POST /echo HTTP/1.1\r\nhost:"])
    @pytest.mark.parametrize("state", ["idle", "waiting", "streaming"])
    async def test_who_is_being_served_is_left_alone(self, edge: RunningEdge, state: str, more: bytes) -> None:
        """Also if bytes follow their request, as old clients send a line end after a body."""
        client = await edge.connect()
        reach: Callable[[Client, RunningEdge], Awaitable[None]] = getattr(self, state)
        await reach(client, edge)
        if state != "idle":
            await client.send(more)
        await asyncio.sleep(0.02)
        self.sweep(KEEP_ALIVE_SECONDS - 1 if state == "idle" else self.LATER)
        await asyncio.sleep(0.02)
        edge.endpoints.go_on.set()
        if state == "streaming":
            assert await client.until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        elif state == "waiting":
            assert (await client.answer())[0].status == 200
        if more in (b"", b"\r\n"):
            await client.post(b"/echo", b"abc")
            assert await client.json() == (200, {"bytes": 3})

    async def test_a_connection_that_is_not_used_any_more_is_closed(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await self.idle(client, edge)
        self.sweep(KEEP_ALIVE_SECONDS + 1)
        assert await client.rest() == b""

    async def test_a_client_that_takes_nothing_of_its_answer(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.post(b"/endless")
        await edge.until(lambda: any(protocol.stuck_since is not None for protocol in EdgeProtocol.live))
        self.sweep(WRITE_TIMEOUT - 5)
        assert len(EdgeProtocol.live) == 1
        self.sweep()
        await edge.until(lambda: not EdgeProtocol.live)
        await edge.until(edge.lines)
        assert edge.lines()[0]["status"] == 499

    async def test_a_sender_whose_answer_is_long_gone(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n")
        await client.answer()
        await client.send(b"x" * 10)
        await asyncio.sleep(0.02)
        self.sweep()
        assert await client.rest() == b""

    async def test_all_connections_are_forgotten_in_the_end(self, edge: RunningEdge) -> None:
        clients = [await edge.connect() for _ in range(5)]
        await edge.until(lambda: len(EdgeProtocol.live) == 5)
        for client in clients:
            reset(client)
        await edge.until(lambda: not EdgeProtocol.live)
