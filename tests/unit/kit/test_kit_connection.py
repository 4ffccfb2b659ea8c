# SPDX-License-Identifier: Apache-2.0
"""One connection, sans sockets: what it makes of bytes, of silence, and of the other side's end."""

import pytest

from aigw_kit.http import ConnectionCut, ProtocolViolation, TimedOut
from aigw_kit.http.connection import MOST_HEADER_BYTES
from aigw_kit.http.response import HIGH_WATER
from unit.kit.fakes import Exchange, FakeLoop

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\nX-A: b\r\n\r\nhello"
HEADERS = [(b"content-length", b"5"), (b"x-a", b"b")]
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


class TestWhole:
    def test_an_answer_frees_the_connection_for_another(self, exchange: Exchange, loop: FakeLoop) -> None:
        exchange.send()
        assert exchange.transport.written == b"GET / HTTP/1.1\r\n\r\n"
        exchange.receive(HELLO)
        assert exchange.done
        assert exchange.outcome() == (200, HEADERS, b"hello")
        assert exchange.freed == [True]
        exchange.send()
        exchange.receive(OK + b"content-length: 0\r\n\r\n")
        assert exchange.outcome() == (200, [(b"content-length", b"0")], b"")
        assert exchange.freed == [True, True]
        assert exchange.connection.exchanges == 2
        exchange.lose()
        assert loop.running_timers == 0

    def test_it_is_not_done_with_the_head(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(HELLO[:-1])
        assert not exchange.done
        assert exchange.outcome() is None
        exchange.receive(HELLO[-1:])
        assert exchange.done

    @pytest.mark.parametrize(
        "answer",
        [
            OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
            b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        ],
    )
    def test_a_server_that_will_close_is_not_asked_again(self, exchange: Exchange, answer: bytes) -> None:
        exchange.send()
        exchange.receive(answer)
        assert exchange.outcome() == (200, exchange.response.headers, b"hello")
        assert exchange.freed == [False]
        assert exchange.transport.closing

    def test_chunks_are_put_together(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(CHUNKED)
        assert exchange.outcome() == (200, [(b"transfer-encoding", b"chunked")], b"hello world")

    @pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
    def test_statuses_without_a_body(self, exchange: Exchange, status: bytes) -> None:
        exchange.send()
        exchange.receive(b"HTTP/1.1 " + status + b"\r\nx: y\r\n\r\n")
        assert exchange.outcome() == (int(status[:3]), [(b"x", b"y")], b"")
        assert exchange.freed == [True]

    def test_informational_answers_are_passed_over(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        assert not exchange.done
        exchange.receive(HELLO)
        assert exchange.outcome() == (200, HEADERS, b"hello")

    def test_a_body_that_the_end_of_the_connection_ends(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK + b"\r\n", b"hel", b"lo")
        assert not exchange.done
        exchange.lose()
        assert exchange.outcome() == (200, [], b"hello")
        assert exchange.freed == [False]

    def test_such_a_body_is_cut_when_the_connection_is_reset(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK + b"\r\n", b"hel")
        exchange.lose(ConnectionResetError())
        assert exchange.outcome() is ConnectionCut


class TestCut:
    @pytest.mark.parametrize("arrived", [b"", OK, HELLO[:-1], CHUNKED[:-1], CHUNKED[:-9], OK + b"content-length: 1"])
    def test_an_early_end_is_never_a_clean_one(self, exchange: Exchange, arrived: bytes) -> None:
        exchange.send()
        if arrived:
            exchange.receive(arrived)
        exchange.lose()
        assert exchange.outcome() is ConnectionCut
        assert exchange.freed == [False]
        assert exchange.done

    @pytest.mark.parametrize(
        ("arrived", "unanswered"),
        [
            (b"", True),
            (b"H", False),
            (b"HTTP/1.1 2", False),
            (OK, False),
            (b"HTTP/1.1 100 Continue\r\n\r\n", False),
            (HELLO[:-1], False),
        ],
    )
    def test_unanswered_is_a_connection_without_a_byte_of_an_answer(
        self, exchange: Exchange, arrived: bytes, unanswered: bool
    ) -> None:
        exchange.send()
        if arrived:
            exchange.receive(arrived)
        exchange.lose()
        assert isinstance(exchange.response.error, ConnectionCut)
        assert exchange.response.error.unanswered is unanswered

    def test_unanswered_is_known_of_each_exchange_alone(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(HELLO)
        exchange.send()
        exchange.lose()
        assert isinstance(exchange.response.error, ConnectionCut)
        assert exchange.response.error.unanswered


class TestUnasked:
    """Bytes that nobody asked for: such a connection could answer the next request with them."""

    def test_on_an_idle_connection(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(HELLO)
        exchange.receive(b"HTTP/1.1 200 OK\r\n")
        assert exchange.connection.closed
        assert exchange.transport.aborted

    @pytest.mark.parametrize("more", [HELLO, HELLO[:10], b"HTTP/1.1 200 OK\r\n\r\n", b"\0"])
    def test_in_one_piece_with_the_answer(self, exchange: Exchange, more: bytes) -> None:
        exchange.send()
        exchange.receive(HELLO + more)
        assert exchange.outcome() == (200, HEADERS, b"hello")
        assert exchange.connection.closed
        assert exchange.transport.aborted


class TestViolations:
    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x16\x03\x01\x02\x00",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            OK + b"content-length: -1\r\n\r\n",
            OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
            OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            OK + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
            OK + b"na me: value\r\n\r\n",
        ],
    )
    def test_what_is_not_http(self, exchange: Exchange, answer: bytes) -> None:
        exchange.send()
        exchange.receive(answer)
        assert exchange.outcome() is ProtocolViolation
        assert exchange.transport.aborted
        assert exchange.freed == [False]

    def test_a_head_of_many_lines(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK, b"x: y\r\n" * (MOST_HEADER_BYTES // 2 + 1))
        assert exchange.outcome() is ProtocolViolation
        assert "head" in str(exchange.response.error)

    @pytest.mark.parametrize("start", [OK + b"x: ", OK + b"x", b"HTTP/1.1 200 O"])
    def test_a_head_of_one_endless_line(self, exchange: Exchange, start: bytes) -> None:
        """The parser hands over only complete lines: what it has gathered counts too."""
        exchange.send()
        exchange.receive(start)
        for _ in range(64):
            exchange.receive(b"y" * 4096)
        assert exchange.outcome() is ProtocolViolation

    def test_a_large_head_is_taken(self, exchange: Exchange) -> None:
        exchange.send()
        value = b"y" * (MOST_HEADER_BYTES - 100)
        exchange.receive(OK + b"content-length: 0\r\nx: ", value, b"\r\n\r\n")
        assert exchange.outcome() == (200, [(b"content-length", b"0"), (b"x", value)], b"")

    def test_a_large_body_in_small_pieces_is_no_head(self, exchange: Exchange) -> None:
        exchange.send()
        size = MOST_HEADER_BYTES * 4
        exchange.receive(OK + b"content-length: %d\r\n\r\n" % size)
        exchange.receive(*[b"z" * 1024] * (size // 1024))
        assert exchange.outcome() == (200, exchange.response.headers, b"z" * size)
        assert exchange.freed == [True]

    def test_trailers_count_as_head(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * MOST_HEADER_BYTES)
        assert exchange.outcome() is ProtocolViolation

    def test_a_body_that_is_larger_than_allowed(self, exchange: Exchange) -> None:
        exchange.send(most=10)
        exchange.receive(OK + b"content-length: 11\r\n\r\n", b"12345", b"678901")
        assert exchange.outcome() is ProtocolViolation
        assert exchange.transport.aborted

    def test_a_body_that_is_just_as_large_as_allowed(self, exchange: Exchange) -> None:
        exchange.send(most=5)
        exchange.receive(HELLO)
        assert exchange.outcome() == (200, HEADERS, b"hello")

    def test_no_message_tells_a_header_or_body(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK + b"x-secret: sesame\r\ncontent-length: sesame\r\n\r\nsesame")
        assert exchange.outcome() is ProtocolViolation
        assert "sesame" not in repr(exchange.response.error)


class TestStream:
    def test_it_is_done_with_the_head(self, exchange: Exchange) -> None:
        response = exchange.send(whole=False)
        exchange.receive(OK + b"transfer-encoding: chunked\r\n\r\n")
        assert exchange.done
        assert response.status == 200
        assert exchange.freed == []
        exchange.receive(b"5\r\nhello\r\n")
        assert response.take() == b"hello"
        exchange.receive(b"0\r\n\r\n")
        assert response.complete
        assert exchange.freed == [True]

    def test_what_arrives_together_is_taken_together(self, exchange: Exchange) -> None:
        response = exchange.send(whole=False)
        exchange.receive(CHUNKED)
        assert response.take() == b"hello world"

    def test_a_slow_reader_pauses_the_socket(self, exchange: Exchange) -> None:
        response = exchange.send(whole=False)
        exchange.receive(OK + b"\r\n", b"x" * HIGH_WATER)
        assert not exchange.transport.paused
        exchange.receive(b"x")
        assert exchange.transport.paused
        assert len(response.take()) == HIGH_WATER + 1
        assert not exchange.transport.paused

    def test_a_body_that_ends_while_paused_frees_a_connection_that_reads(self, exchange: Exchange) -> None:
        response = exchange.send(whole=False)
        size = HIGH_WATER + 1
        exchange.receive(OK + b"content-length: %d\r\n\r\n" % size, b"x" * size)
        assert exchange.freed == [True]
        assert not exchange.transport.paused
        exchange.send()
        assert len(response.take()) == size
        exchange.receive(HELLO)
        assert exchange.outcome() == (200, HEADERS, b"hello")

    def test_a_whole_body_never_pauses(self, exchange: Exchange) -> None:
        exchange.send()
        exchange.receive(OK + b"\r\n", b"x" * (HIGH_WATER * 2))
        assert not exchange.transport.paused

    def test_closing_ends_the_connection_at_once(self, exchange: Exchange, loop: FakeLoop) -> None:
        response = exchange.send(whole=False)
        exchange.receive(CHUNKED[:-5])
        response.close()
        assert exchange.transport.aborted
        assert exchange.freed == [False]
        assert loop.running_timers == 0
        response.close()
        assert exchange.freed == [False]

    def test_closing_what_is_complete_does_nothing(self, exchange: Exchange) -> None:
        response = exchange.send(whole=False)
        exchange.receive(CHUNKED)
        response.close()
        assert not exchange.transport.closing
        assert exchange.freed == [True]


class TestSilence:
    def test_a_whole_answer_must_be_here_in_time(self, exchange: Exchange, loop: FakeLoop) -> None:
        exchange.send(timeout=3.0)
        exchange.receive(HELLO[:-1])
        loop.advance(2.9)
        assert exchange.outcome() is None
        loop.advance(0.2)
        assert exchange.outcome() is TimedOut
        assert exchange.transport.aborted

    def test_a_stream_s_head_must_be_here_in_time(self, exchange: Exchange, loop: FakeLoop) -> None:
        exchange.send(whole=False, timeout=3.0)
        exchange.receive(OK + b"x: y\r\n")
        loop.advance(3.1)
        assert exchange.outcome() is TimedOut
        assert exchange.done

    def test_after_the_head_a_stream_may_be_silent_for_as_long_again(self, exchange: Exchange, loop: FakeLoop) -> None:
        exchange.send(whole=False, timeout=3.0)
        loop.advance(2.0)
        exchange.receive(OK + b"\r\n")
        loop.advance(2.9)
        assert exchange.outcome() is None
        loop.advance(0.2)
        assert exchange.outcome() is TimedOut

    def test_each_piece_begins_the_silence_anew(self, exchange: Exchange, loop: FakeLoop) -> None:
        exchange.send(whole=False, timeout=3.0)
        exchange.receive(OK + b"\r\n")
        for _ in range(10):
            loop.advance(2.5)
            exchange.receive(b"x")
            exchange.response.take()
        assert exchange.outcome() is None
        loop.advance(3.1)
        assert exchange.outcome() is TimedOut

    @pytest.mark.parametrize(("first", "then"), [(90.0, 1.0), (1.0, 90.0)])
    def test_another_silence_can_be_allowed(
        self, exchange: Exchange, loop: FakeLoop, first: float, then: float
    ) -> None:
        response = exchange.send(whole=False, timeout=first)
        exchange.receive(OK + b"\r\n")
        response.allow_silence(then)
        loop.advance(then - 0.1)
        assert exchange.outcome() is None
        loop.advance(0.2)
        assert exchange.outcome() is TimedOut

    def test_a_slow_reader_is_not_the_server_s_silence(self, exchange: Exchange, loop: FakeLoop) -> None:
        response = exchange.send(whole=False, timeout=3.0)
        exchange.receive(OK + b"\r\n", b"x" * (HIGH_WATER + 1))
        loop.advance(100.0)
        assert exchange.outcome() is None
        response.take()  # only now may the server send again
        loop.advance(2.9)
        assert exchange.outcome() is None
        loop.advance(3.2)
        assert exchange.outcome() is TimedOut
