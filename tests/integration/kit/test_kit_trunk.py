# SPDX-License-Identifier: Apache-2.0
"""Bodies over trunks arrive as they would over their own connections: whole, cut, held back, given up."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aigw_contract.headers import INTERNAL_KEY, TRUNK
from aigw_kit.http import ConnectionCut, HttpClient
from aigw_kit.http.response import HIGH_WATER
from aigw_kit.tls import client_context
from aigw_kit.trunk.frames import GO, MOST_BYTES
from aigw_kit.trunk.line import KEEP_ALIVE
from aigw_kit.trunk.sending import OFFERED, OVER_EXCHANGE, OVER_TRUNK
from integration.kit.authority import Authority
from integration.kit.trunking import KEY, PIECE, Asking, Streaming, body, is_led, until

pytestmark = pytest.mark.integration

UPGRADE = [(b"connection", b"upgrade"), (b"upgrade", b"aigw-trunk")]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Streaming]:
    async with Streaming(tmp_path).served() as running:
        yield running


@pytest.fixture
async def asking(service: Streaming) -> AsyncIterator[Asking]:
    made = Asking(service.port)
    yield made
    made.close()


class TestLaying:
    async def test_the_first_stream_comes_alone_and_lays_it(self, service: Streaming, asking: Asking) -> None:
        before = OVER_EXCHANGE.value, OVER_TRUNK.value
        first = await asking.stream(3)
        assert first.header(TRUNK) == OFFERED
        assert await first.read() == body(3)
        await until(lambda: any(end.transport for end in asking.trunking._trunks.values()))
        second = await asking.stream(3)
        assert is_led(second)
        assert await second.read() == body(3)
        assert (service.alone, service.led) == (1, 1)
        assert (OVER_EXCHANGE.value, OVER_TRUNK.value) == (before[0] + 1, before[1] + 1)

    async def test_one_is_enough(self, service: Streaming, asking: Asking) -> None:
        await asyncio.gather(*(asking.whole(2) for _ in range(20)))
        await asking.laid()
        assert len(asking.trunking._trunks) == len(service.trunks._laid) == 1
        response = await asking.client.upgrade(
            b"/trunk", [(INTERNAL_KEY, KEY), (TRUNK, asking.trunking._name + b".9"), *UPGRADE], 3.0, asyncio.Protocol()
        )
        assert response.status == 204

    async def test_nobody_else_may(self, service: Streaming) -> None:
        client = HttpClient(f"http://127.0.0.1:{service.port}")
        response = await client.upgrade(b"/trunk", [(TRUNK, b"a.1"), *UPGRADE], 3.0, asyncio.Protocol())
        assert response.status == 401
        client.close()

    @pytest.mark.parametrize("headers", [[], [(TRUNK, b"a")], [(TRUNK, b"a.1")]], ids=["none", "unnamed", "no upgrade"])
    async def test_who_asks_wrongly_is_told(self, service: Streaming, headers: list[tuple[bytes, bytes]]) -> None:
        client = HttpClient(f"http://127.0.0.1:{service.port}")
        response, _ = await client.request(b"GET", b"/trunk", [(INTERNAL_KEY, KEY), *headers], b"", 3.0)
        assert response.status == 400
        client.close()

    async def test_who_does_not_ask_is_answered_as_ever(self, service: Streaming) -> None:
        client = HttpClient(f"http://127.0.0.1:{service.port}")
        response = await client.stream(b"POST", b"/count/2/end/100", [(INTERNAL_KEY, KEY)], b"", 3.0)
        assert response.header(TRUNK) is None
        assert await response.read() == body(2)
        client.close()

    async def test_each_of_many_processes_gets_its_own(self, tmp_path: Path) -> None:
        """Behind one address, as pods behind a Service: connections fall to either."""
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        async with Streaming(tmp_path / "a").served() as one, Streaming(tmp_path / "b").served() as other:
            front = await in_turn([one.port, other.port])
            asking = Asking(front.sockets[0].getsockname()[1])
            async with asyncio.timeout(20):
                while not (one.led and other.led):
                    bodies = await asyncio.gather(*(asking.whole(5) for _ in range(8)))
                    assert set(bodies) == {body(5)}
                    await asyncio.sleep(0.1)
            assert len(asking.trunking._trunks) == 2
            asking.close()
            front.close()

    async def test_with_tls(self, tmp_path: Path, authority: Authority) -> None:
        async with Streaming(tmp_path, authority.server()).served() as service:
            asking = Asking(service.port, client_context(authority.ca_file))
            await asking.laid()
            assert await asyncio.gather(*(asking.whole(n, 5000) for n in range(1, 30))) == [
                body(n, 5000) for n in range(1, 30)
            ]
            assert service.led == 29
            asking.close()


class TestBodies:
    async def test_many_at_once_do_not_mix(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        chance = random.Random(7)
        sizes = [(chance.randrange(40), chance.choice([10, 100, 3000, 70_000])) for _ in range(150)]
        found = await asyncio.gather(*(asking.whole(pieces, size) for pieces, size in sizes))
        assert found == [body(pieces, size) for pieces, size in sizes]
        assert service.led == 150
        assert not asking.trunking._intakes

    async def test_a_piece_larger_than_a_frame(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        assert await asking.whole(1, MOST_BYTES + 1000) == body(1, MOST_BYTES + 1000)
        assert service.led == 1

    async def test_its_connection_can_carry_the_next(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        for _ in range(10):
            assert await asking.whole(3) == body(3)
        assert asking.client._open == 1

    async def test_a_cut_is_no_end(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(3, "cut")
        pieces = bytearray()
        with pytest.raises(ConnectionCut):
            await response.pump(lambda piece: bool(pieces.extend(piece) or True))
        assert pieces == body(3)[:-3]
        assert await asking.whole(3) == body(3)

    async def test_a_piece_of_nothing_is_no_end(self, service: Streaming, asking: Asking) -> None:
        """Some providers send deltas without text."""
        for led in (False, True):
            response = await asking.stream(3, "blank")
            assert is_led(response) == led
            assert await response.read() == body(3)[:-3] + b"moreend"
            await asking.laid()

    async def test_who_leaves_ends_it_there(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(3, "wait")
        await response.chunk()
        response.close()
        await until(lambda: service.cancelled == 1)
        assert not asking.trunking._intakes
        assert await asking.whole(3) == body(3)

    async def test_who_is_cancelled_while_asking(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        task = asyncio.create_task(asking.stream(0, "wait"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not asking.trunking._intakes
        await until(lambda: service.running == 0)


class TestSlowReaders:
    async def test_one_holds_back_its_own_body_and_no_other(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        slow = await asking.stream(2000, size=10_000)
        await slow.chunk()
        await until(lambda: asking.trunking._intakes and slow.buffered > HIGH_WATER)
        held = service.written
        assert await asking.whole(50, 20_000) == body(50, 20_000)
        await asyncio.sleep(0.1)
        assert held < 500  # of 2,000 pieces
        assert slow.buffered < 4 * HIGH_WATER
        rest = await slow.read()
        assert rest.endswith(b"%010000d" % 1999 + b"end")
        assert not asking.trunking._intakes

    async def test_a_sink_that_says_no_is_asked_again(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(1000, size=5000)
        got: list[bytes] = []

        def sink(piece: bytes) -> bool:
            got.append(piece)
            return len(got) % 3 > 0

        async with asyncio.timeout(10):
            while not await response.pump(sink):
                await asyncio.sleep(0.001)
        assert b"".join(got) == body(1000, 5000)

    async def test_what_a_sink_raises_belongs_to_who_pumps(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(3, "wait")
        await response.chunk()

        def sink(piece: bytes) -> bool:
            raise LookupError

        service.go_on.set()
        with pytest.raises(LookupError):
            await response.pump(sink)
        response.close()
        assert await asking.whole(3) == body(3)


class TestLosses:
    async def test_a_lost_trunk_cuts_its_streams_and_another_is_laid(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(1, "wait")
        await response.chunk()
        (end,) = asking.trunking._trunks.values()
        assert end.transport is not None
        end.transport.abort()
        async with asyncio.timeout(0.5):  # sooner than the far end's last words would be given up
            with pytest.raises(ConnectionCut):
                await response.chunk()
        await until(lambda: service.cancelled == 1)
        async with asyncio.timeout(5):
            while service.led < 2:
                assert await asking.whole(3) == body(3)
                await asyncio.sleep(0.05)

    async def test_a_trunk_lost_at_the_far_end(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(1, "wait")
        await response.chunk()
        (end,) = service.trunks._laid.values()
        assert end.transport is not None
        end.transport.abort()
        with pytest.raises(ConnectionCut):
            await response.chunk()
        await until(lambda: service.cancelled == 1)

    async def test_a_trunk_that_only_the_caller_has_lost(self, service: Streaming, asking: Asking) -> None:
        """Something between reset the connection, and the far end does not know it yet."""
        await asking.laid()
        (end,) = asking.trunking._trunks.values()
        end.connection_lost(None)
        assert await asking.whole(3) == body(3)
        assert service.led == 0

    async def test_a_caller_that_vanished_is_generated_for_no_more(self, service: Streaming, asking: Asking) -> None:
        """Without a word on the exchange: what tells of it is the trunk alone."""
        await asking.laid()
        response = await asking.stream(1, "wait")
        await response.chunk()
        (end,) = asking.trunking._trunks.values()
        end.connection_lost = lambda exc: None  # type: ignore[method-assign]
        assert end.transport is not None
        end.transport.abort()
        await until(lambda: service.cancelled == 1)

    @pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="a bound that only some systems have")
    async def test_a_caller_that_takes_nothing_is_given_up(
        self, service: Streaming, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No sweep sees a trunk, and as long as something is on the way TCP sends no probes."""
        monkeypatch.setitem(KEEP_ALIVE, "TCP_USER_TIMEOUT", KEEP_ALIVE["TCP_USER_TIMEOUT"] // 30)
        client = HttpClient(f"http://127.0.0.1:{service.port}")
        with socket.create_connection(("127.0.0.1", service.port)) as stuck:
            stuck.send(b"GET /trunk HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: aigw-trunk\r\n")
            stuck.send(b"%b: %b\r\n%b: stuck.0\r\n\r\n" % (INTERNAL_KEY, KEY, TRUNK))
            await until(lambda: service.trunks._laid)
            asking = [(INTERNAL_KEY, KEY), (TRUNK, b"stuck.1.0")]
            response = await client.stream(b"POST", b"/count/2000/end/100000", asking, b"", 3.0)
            response.allow_silence(60.0)
            await until(lambda: service.cancelled == 1, within=10)
        client.close()

    async def test_an_exchange_lost_alone_is_a_cut_a_second_later(self, service: Streaming, asking: Asking) -> None:
        """Should the far end, against its habit, say no more of it."""
        await asking.laid()
        response = await asking.stream(1, "wait")
        await response.chunk()
        (end,) = service.trunks._laid.values()
        (outlet,) = end._outlets.values()
        end.close(outlet._number)
        outlet._ended = True
        outlet.carrier.transport.abort()
        async with asyncio.timeout(3):
            with pytest.raises(ConnectionCut):
                await response.chunk()

    async def test_nonsense_on_a_trunk_ends_it(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        (end,) = asking.trunking._trunks.values()
        end.put(77, 1)
        await until(lambda: not service.trunks._laid and not asking.trunking._trunks)
        assert await asking.whole(3) == body(3)

    async def test_a_service_that_stops_finishes_its_streams(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(2, "wait")
        assert service.server is not None
        service.server.should_exit = True
        await asyncio.sleep(0.3)
        service.go_on.set()
        assert await response.read() == body(2)[:-3] + b"moreend"
        await until(lambda: not asking.trunking._trunks)

    async def test_an_end_in_the_turn_in_which_the_service_stops(self, service: Streaming, asking: Asking) -> None:
        await asking.laid()
        response = await asking.stream(1, "wait")
        (end,) = service.trunks._laid.values()
        (outlet,) = end._outlets.values()
        outlet.write(b"last")
        outlet.end()
        end.shutdown()
        assert await response.read() == body(1)[:-3] + b"last"

    async def test_words_that_cross_with_the_end_of_a_trunk_do_not_lose_it(
        self, service: Streaming, asking: Asking
    ) -> None:
        """What arrives at a socket that is closed already makes its system throw away what it has still to send."""
        await asking.laid()
        response = await asking.stream(20, "wait", size=100_000)
        (far,), (end,) = service.trunks._laid.values(), asking.trunking._trunks.values()
        assert end.transport is not None
        end.transport.pause_reading()
        await asyncio.sleep(0.1)
        far.shutdown()
        service.go_on.set()
        end.put(GO, 0)
        await until(lambda: not service.running)
        await asyncio.sleep(0.1)
        end.put(GO, 0)
        await asyncio.sleep(0.1)
        end.transport.resume_reading()
        assert await response.read() == body(20, 100_000)[:-3] + b"moreend"

    async def test_a_trunk_lost_while_its_service_stops(
        self, service: Streaming, asking: Asking, caplog: pytest.LogCaptureFixture
    ) -> None:
        await asking.laid()
        response = await asking.stream(1, "wait")
        (far,) = service.trunks._laid.values()
        far.shutdown()
        assert far.transport is not None
        far.transport.abort()
        with pytest.raises(ConnectionCut):
            await response.read()
        await until(lambda: service.cancelled == 1)
        await asyncio.sleep(0.05)
        assert "Exception" not in caplog.text

    async def test_who_closes_while_a_trunk_is_laid_has_none(self, service: Streaming, asking: Asking) -> None:
        await asking.whole(1)
        asking.trunking.close()
        await asyncio.sleep(0.1)
        assert not service.trunks._laid

    async def test_a_service_without_streams_stops_at_once(self, tmp_path: Path) -> None:
        async with Streaming(tmp_path).served() as service:
            asking = Asking(service.port)
            await asking.laid()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1.5  # of the two seconds that it would wait
        asking.close()


async def in_turn(ports: list[int]) -> asyncio.Server:
    """A balancer that gives each connection to the next of the ports."""
    turn = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        there, back = await asyncio.open_connection("127.0.0.1", ports[turn % len(ports)])
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def test_a_piece_is_as_long_as_the_tests_say() -> None:
    assert len(body(2)) == 2 * PIECE + 3
