# SPDX-License-Identifier: Apache-2.0
"""The lean client's reader under bytes that nobody wrote by hand: it answers or fails, and neither raises nor hangs."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigw_kit.http import HttpError
from unit.kit.fakes import Exchange

Exchanges = Callable[[], Exchange]

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: b"x-" + name.encode())
VALUE = st.text("abcXYZ 019;,=/\"'", max_size=30).map(lambda value: value.strip().encode())
BODY = st.binary(max_size=400)
CUTS = st.lists(st.integers(0, 1000), max_size=12)


class Valid(NamedTuple):
    """A response as sent, and what a reader must find in it."""

    wire: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    ends_by_closing: bool


@st.composite
def valid_responses(draw: st.DrawFn) -> Valid:
    status = draw(st.sampled_from([200, 201, 400, 404, 429, 500, 503]))
    headers = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=6))
    body = draw(BODY)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if framing == "length":
        headers.append((b"content-length", b"%d" % len(body)))
    elif framing == "chunked":
        headers.append((b"transfer-encoding", b"chunked"))
    informational = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nx: y\r\n\r\n"])
    )
    reason = draw(st.sampled_from([b"", b" OK", b" What Ever"]))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    head = informational + b"HTTP/1.1 %d%b\r\n" % (status, reason) + lines + b"\r\n"
    rest = _chunks(body, draw(CUTS)) if framing == "chunked" else body
    return Valid(head + rest, status, headers, body, framing == "close")


def _chunks(body: bytes, cuts: Sequence[int]) -> bytes:
    pieces = [piece for piece in split(body, cuts) if piece]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def split(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """`data` in pieces; the cuts are taken modulo its length."""
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@st.composite
def spoiled_responses(draw: st.DrawFn) -> bytes:
    """A valid response in which a few bytes were changed, left out, repeated or added."""
    data = draw(valid_responses()).wire
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        until = min(len(data), at + draw(st.integers(0, 20)))
        what = draw(
            st.sampled_from([b"", data[at:until] * 2, draw(st.binary(max_size=8)), b"\r\n", b"\n", b"\0", b":"])
        )
        data = data[:at] + what + data[until:]
    return data


def check_rules(exchange: Exchange) -> None:
    """However it went: there is an outcome, told once, and nothing is left running."""
    outcome = exchange.outcome()
    assert outcome is not None
    assert exchange.done
    assert isinstance(outcome, tuple) or issubclass(outcome, HttpError)
    assert exchange.freed in ([True], [False], [True, False])
    assert exchange.connection.closed
    assert exchange.loop.running_timers == 0


@shared
@given(valid_responses(), CUTS, st.booleans())
def test_any_split_of_a_response_reads_the_same(
    exchanges: Exchanges, valid: Valid, cuts: list[int], whole: bool
) -> None:
    exchange = exchanges()
    exchange.send(whole=whole)
    exchange.receive(*split(valid.wire, cuts))
    if valid.ends_by_closing:
        assert exchange.outcome() is None
        exchange.lose()
        assert exchange.freed == [False]
    else:
        assert exchange.freed == [True]
    assert exchange.outcome() == (valid.status, valid.headers, valid.body)
    assert exchange.done


@shared
@given(valid_responses(), st.integers(0, 2000), CUTS)
def test_what_is_cut_is_never_taken_for_whole(exchanges: Exchanges, valid: Valid, end: int, cuts: list[int]) -> None:
    exchange = exchanges()
    exchange.send()
    cut = valid.wire[: end % max(1, len(valid.wire))]
    exchange.receive(*split(cut, cuts))
    exchange.lose()
    check_rules(exchange)
    if not valid.ends_by_closing:
        assert isinstance(exchange.outcome(), type)


@shared
@given(spoiled_responses(), CUTS, st.booleans())
def test_spoiled_responses(exchanges: Exchanges, data: bytes, cuts: list[int], whole: bool) -> None:
    exchange = exchanges()
    exchange.send(whole=whole, most=100)
    exchange.receive(*split(data, cuts))
    exchange.lose()
    check_rules(exchange)


@shared
@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans(), st.booleans())
def test_any_bytes(exchanges: Exchanges, pieces: list[bytes], http: bool, reset: bool) -> None:
    exchange = exchanges()
    exchange.send()
    exchange.receive(*([b"HTTP/1.1 200 OK\r\n"] if http else []), *pieces)
    exchange.lose(ConnectionResetError() if reset else None)
    check_rules(exchange)


@shared
@given(st.lists(valid_responses().filter(lambda valid: not valid.ends_by_closing), min_size=2, max_size=4), CUTS)
def test_one_answer_after_the_other(exchanges: Exchanges, answers: list[Valid], cuts: list[int]) -> None:
    """Nothing of one exchange is left over in the next."""
    exchange = exchanges()
    for valid in answers:
        exchange.send()
        exchange.receive(*split(valid.wire, cuts))
        assert exchange.outcome() == (valid.status, valid.headers, valid.body)
    assert exchange.freed == [True] * len(answers)


@shared
@given(valid_responses().filter(lambda valid: not valid.ends_by_closing), st.binary(min_size=1, max_size=60), CUTS)
def test_what_follows_an_answer_is_never_the_next_one(
    exchanges: Exchanges, valid: Valid, more: bytes, cuts: list[int]
) -> None:
    """Except for line ends, which HTTP allows between messages, more than was asked for ends the connection."""
    exchange = exchanges()
    exchange.send()
    exchange.receive(*split(valid.wire + more, cuts))
    assert exchange.outcome() == (valid.status, valid.headers, valid.body)
    assert exchange.connection.closed or not more.strip(b"\r\n")
