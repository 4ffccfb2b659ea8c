# SPDX-License-Identifier: Apache-2.0
"""The lean client's connections: kept, shared, replaced when the server has closed them, and never leaked."""

import asyncio
import socket
import time
from typing import Any

import pytest

from aigw_kit.http import ConnectFailed, ConnectionCut, HttpClient, HttpError, TimedOut
from integration.kit.scripted import HELLO, OK, Peer, unused_port

pytestmark = pytest.mark.integration


async def get(client: HttpClient, timeout: float = 3.0) -> bytes:
    response, body = await client.request(b"POST", b"/x", [(b"a", b"b")], b"{}", timeout)
    assert response.status == 200
    return body


async def idle(client: HttpClient, number: int) -> None:
    """Wait until so many connections are open and idle."""
    async with asyncio.timeout(2):
        while (client._open, len(client._idle)) != (number, number):
            await asyncio.sleep(0.001)


class TestKeepAlive:
    async def test_one_connection_serves_many_requests(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url)
        for _ in range(5):
            assert await get(client) == b"hello"
        assert len(server.peers) == 1
        assert len(server.requests) == 5
        assert server.requests[0] == (
            b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\na: b\r\ncontent-length: 2\r\n\r\n" % server.port,
            b"{}",
        )
        client.close()

    async def test_a_stream_that_was_read_to_its_end_gives_its_connection_back(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
        client = HttpClient(server.url)
        for _ in range(3):
            response = await client.stream(b"GET", b"/", [], b"", 3.0)
            assert await response.read() == b"a"
            response.close()
        assert len(server.peers) == 1
        client.close()

    async def test_requests_at_the_same_time_have_connections_of_their_own(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url)
        await asyncio.gather(*(get(client) for _ in range(10)))
        assert len(server.peers) == 10
        await asyncio.gather(*(get(client) for _ in range(10)))
        assert len(server.peers) == 10
        client.close()

    async def test_a_server_that_says_close_is_believed(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(OK + b"connection: close\r\ncontent-length: 0\r\n\r\n"))
        client = HttpClient(server.url)
        for _ in range(3):
            assert await get(client) == b""
        assert len(server.peers) == 3
        await idle(client, 0)

    async def test_an_old_connection_is_not_trusted(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url, max_idle=0.0)
        for _ in range(3):
            await get(client)
        assert len(server.peers) == 3
        assert client._open == 1
        client.close()

    async def test_closing_the_client_closes_its_connections(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url)
        await asyncio.gather(get(client), get(client))
        client.close()
        for peer in server.peers:
            await peer.left()
        await idle(client, 0)

    async def test_a_busy_connection_is_closed_when_its_answer_is_complete(self, serve: Any) -> None:
        async def slow(peer: Peer) -> None:
            await peer.request()
            await asyncio.sleep(0.05)
            await peer.send(HELLO)
            await peer.closed()

        server = await serve(slow)
        client = HttpClient(server.url)
        asking = asyncio.create_task(get(client))
        await server.peer()
        client.close()
        assert await asking == b"hello"
        await idle(client, 0)


class TestStale:
    """A kept connection that the server has closed meanwhile."""

    @pytest.mark.parametrize("how", ["close", "reset"])
    async def test_closed_while_idle(self, serve: Any, how: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(HELLO)
            if peer.number == 0:
                getattr(peer, how)()
            else:
                await peer.serve(HELLO)

        server = await serve(script)
        client = HttpClient(server.url)
        await get(client)
        await idle(client, 0)
        await get(client)
        assert len(server.peers) == 2
        client.close()

    @pytest.mark.parametrize("how", ["close", "reset"])
    async def test_closed_as_the_request_arrives_is_asked_once_more(self, serve: Any, how: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(HELLO)
            await peer.request()
            if peer.number == 0:
                getattr(peer, how)()
            else:
                await peer.send(HELLO)

        server = await serve(script)
        client = HttpClient(server.url)
        await get(client)
        assert await get(client) == b"hello"
        assert len(server.peers) == 2
        assert len(server.requests) == 3
        client.close()

    async def test_only_once(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number == 0:
                await peer.send(HELLO)
                await peer.request()
            peer.close()

        server = await serve(script)
        client = HttpClient(server.url)
        await get(client)
        with pytest.raises(ConnectionCut):
            await get(client)
        assert len(server.requests) == 3, "the first, the second, and the second once more"
        await idle(client, 0)

    async def test_the_second_try_never_takes_another_stale_one(self, serve: Any) -> None:
        """All kept connections may have been closed at the same moment."""
        dead = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await asyncio.sleep(0.02)
            await peer.send(HELLO)
            await peer.request()
            if dead.is_set() and peer.number < 3:
                peer.close()
            else:
                await peer.send(HELLO)

        server = await serve(script)
        client = HttpClient(server.url)
        await asyncio.gather(*(get(client) for _ in range(3)))
        dead.set()
        assert await get(client) == b"hello"
        client.close()

    async def test_a_fresh_connection_is_not_retried(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.close()

        server = await serve(script)
        client = HttpClient(server.url)
        with pytest.raises(ConnectionCut) as cut:
            await get(client)
        assert cut.value.unanswered
        assert len(server.requests) == 1
        await idle(client, 0)

    @pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", OK, HELLO[:-1]])
    async def test_an_answer_that_had_begun_is_not_asked_for_again(self, serve: Any, begun: bytes) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(HELLO)
            await peer.request()
            await peer.send(begun)
            peer.close()

        server = await serve(script)
        client = HttpClient(server.url)
        await get(client)
        with pytest.raises(ConnectionCut):
            await get(client)
        assert len(server.requests) == 2

    async def test_bytes_on_an_idle_connection_end_it(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(HELLO)
            if peer.number == 0:
                await asyncio.sleep(0.01)
                await peer.send(OK + b"content-length: 6\r\n\r\npoison")
                await peer.closed()
            else:
                await peer.serve(HELLO)

        server = await serve(script)
        client = HttpClient(server.url)
        await get(client)
        await idle(client, 0)
        assert await get(client) == b"hello"
        client.close()

    async def test_two_answers_in_one_packet_do_not_answer_two_requests(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO + OK + b"content-length: 6\r\n\r\npoison"))
        client = HttpClient(server.url)
        for _ in range(3):
            assert await get(client) == b"hello"
        assert len(server.peers) == 3
        client.close()


class TestLimit:
    async def test_more_callers_wait(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url, limit=2)
        await asyncio.gather(*(get(client) for _ in range(20)))
        assert len(server.peers) == 2
        assert len(server.requests) == 20
        await idle(client, 2)
        client.close()

    async def test_who_waits_too_long_is_told(self, serve: Any) -> None:
        async def silent(peer: Peer) -> None:
            await peer.request()
            await peer.closed()

        server = await serve(silent)
        client = HttpClient(server.url, limit=1)
        busy = asyncio.create_task(get(client))
        await server.peer()
        began = time.monotonic()
        with pytest.raises(TimedOut, match="all 1 connections"):
            await get(client, timeout=0.05)
        assert 0.04 < time.monotonic() - began < 1
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        await idle(client, 0)

    async def test_a_place_that_becomes_free_by_failure_is_used(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await asyncio.sleep(0.02)
            if peer.number == 0:
                peer.reset()
            else:
                await peer.send(HELLO)
                await peer.serve(HELLO)

        server = await serve(script)
        client = HttpClient(server.url, limit=1)
        first = asyncio.create_task(get(client))
        await server.peer()
        assert await get(client) == b"hello"
        with pytest.raises(ConnectionCut):
            await first
        client.close()

    async def test_a_waiting_caller_that_leaves_blocks_nobody(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await asyncio.sleep(0.02)
                await peer.send(HELLO)

        server = await serve(script)
        client = HttpClient(server.url, limit=1)
        first = asyncio.create_task(get(client))
        await server.peer()
        leaving = [asyncio.create_task(get(client)) for _ in range(5)]
        last = asyncio.create_task(get(client))
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        assert [await first, await last] == [b"hello", b"hello"]
        client.close()

    @pytest.mark.parametrize("how", ["cancelled", "out of time"])
    async def test_a_place_given_in_the_moment_of_giving_up_is_handed_on(self, how: str) -> None:
        """The place and the end of a caller's patience may come in one turn of the loop."""
        client = HttpClient("http://127.0.0.1:1", limit=1)
        impatient = asyncio.create_task(client._wait_for_place(0.0 if how == "out of time" else 2.0))
        patient = asyncio.create_task(client._wait_for_place(2.0))
        await asyncio.sleep(0)
        client._wake_one()
        if how == "cancelled":
            impatient.cancel()
        (ended,) = await asyncio.gather(impatient, return_exceptions=True)
        assert isinstance(ended, TimedOut if how == "out of time" else asyncio.CancelledError)
        await asyncio.wait_for(patient, 0.5)

    async def test_all_waiting_together_takes_no_longer_than_allowed(self, serve: Any) -> None:
        """Waiting for a place, connecting, the stale try and the answer share one timeout."""

        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number == 0:
                await peer.send(HELLO)
                await peer.request()
                await asyncio.sleep(0.2)
                peer.close()
            await peer.closed()

        server = await serve(script)
        client = HttpClient(server.url, limit=1)
        await get(client)
        began = time.monotonic()
        with pytest.raises(TimedOut):
            await get(client, timeout=0.3)
        assert time.monotonic() - began < 0.45
        await idle(client, 0)


class TestConnecting:
    async def test_refused(self) -> None:
        client = HttpClient(f"http://127.0.0.1:{unused_port()}")
        with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1"):
            await get(client)
        assert client._open == 0

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b.invalid"])
    async def test_a_name_that_nobody_has(self, host: str) -> None:
        client = HttpClient(f"http://{host}", connect_timeout=20.0)
        with pytest.raises(ConnectFailed, match="invalid"):
            await get(client, timeout=20.0)
        assert client._open == 0

    async def test_no_connection_in_time(self) -> None:
        """A full accept queue swallows what would connect."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        filling = [socket.socket() for _ in range(4)]
        try:
            for one in filling:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.05)
            with pytest.raises(TimedOut, match="no connection"):
                await get(client)
            assert client._open == 0
        finally:
            for one in [*filling, listener]:
                one.close()

    async def test_a_server_that_closes_at_once(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            peer.reset()

        server = await serve(script)
        client = HttpClient(server.url)
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(HttpError):
                await get(client)
            assert time.monotonic() - began < 1
        assert client._open == 0

    async def test_giving_up_while_connecting_leaks_nothing(self, serve: Any) -> None:
        server = await serve(lambda peer: peer.serve(HELLO))
        client = HttpClient(server.url, limit=3)
        for _ in range(3):
            tasks = [asyncio.create_task(get(client)) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.02)
        assert client._open == len(client._idle)
        assert await asyncio.gather(*(get(client) for _ in range(3))) == [b"hello"] * 3
        client.close()
