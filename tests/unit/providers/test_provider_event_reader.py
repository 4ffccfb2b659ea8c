# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: the same events, wherever the bytes are cut and however the lines end."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aigw_kit import sse
from aigw_kit.sse import Event, EventReader, EventTooLarge

quick = settings(max_examples=80, deadline=None, database=None)

BOM = b"\xef\xbb\xbf"

lines = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=8).map(str.encode)
names = st.sampled_from([b"", b"message_start", b"error", "größe".encode()])
written_events = st.lists(st.builds(Event, names, st.lists(lines, min_size=1, max_size=3).map(b"\n".join)), max_size=4)
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
noise = st.sampled_from(
    [b"", b": a comment\n", b":\n", b"id: 7\n", b"retry: 100\n", b"unknown\n", b"event: lost\n\n", b"\n\n"]
)
cuts = st.lists(st.integers(0, 10_000), max_size=12)
AWKWARD = [b"\r", b"\n", b"\r\n", b"data", b":", b" ", b"event: a", b"data: b", b"\xff", BOM, b"\n\n"]
awkward_bytes = st.lists(st.sampled_from(AWKWARD), max_size=24).map(b"".join)


def events_in(stream: bytes, places: list[int] | None = None) -> list[Event]:
    """Read the stream in pieces, cut at these places (or at none)."""
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places or []), len(stream)]
    reader = EventReader()
    return [event for start, end in pairwise(bounds) for event in reader.feed(stream[start:end])]


def write(events: list[Event], before_each: bytes = b"") -> bytes:
    blocks = []
    for event in events:
        name = b"event: " + event.name + b"\n" if event.name else b""
        data = b"".join(b"data: " + line + b"\n" for line in event.data.split(b"\n"))
        blocks.append(before_each + name + data + b"\n")
    return b"".join(blocks)


@quick
@given(written_events, noise, cuts)
@example([Event(b"", b"")], b"", [])
@example([Event(b"", b"a\n\nb")], b"", [3])
def test_what_was_written_is_read(events: list[Event], between: bytes, places: list[int]) -> None:
    assert events_in(write(events, between), places) == events


@quick
@given(written_events, line_ends, cuts)
def test_all_line_ends_mean_the_same(events: list[Event], line_end: bytes, places: list[int]) -> None:
    stream = write(events).replace(b"\n", line_end) + b": one more byte lets go of a CR"
    assert events_in(stream, places) == events


@quick
@given(awkward_bytes, cuts)
@example(b"data: a\r\n\r\n", [8, 9, 10])
@example(BOM + b"data: a\n\n", [1, 2])
def test_where_the_bytes_are_cut_makes_no_difference(stream: bytes, places: list[int]) -> None:
    assert events_in(stream, places) == events_in(stream)
    assert events_in(stream, list(range(len(stream)))) == events_in(stream)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [Event(b"", b"a")]),
        (b"data:a\n\n", [Event(b"", b"a")]),
        (b"data:  a\n\n", [Event(b"", b" a")]),
        (b"data\n\n", [Event(b"", b"")]),
        (b"data: a\ndata: b\n\n", [Event(b"", b"a\nb")]),
        (b"data: a:b\n\n", [Event(b"", b"a:b")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [Event(b"x", b"a"), Event(b"", b"b")]),
        (b"event: x\n\ndata: b\n\n", [Event(b"", b"b")]),
        (b"event: x\nevent: y\ndata: b\n\n", [Event(b"y", b"b")]),
        (b": keep-alive\n\n\n\ndata: a\n\n", [Event(b"", b"a")]),
        (b"DATA: a\n data: a\ndatas: a\n\n", []),
        (b"id: 1\nretry: 5\ndata: a\n\n", [Event(b"", b"a")]),
        (BOM + b"data: a\n\n", [Event(b"", b"a")]),
        (BOM + BOM + b"data: a\n\n", []),
        (b"data: a\n\n" + BOM + b"data: b\n\n", [Event(b"", b"a")]),
        (b"data: a\r\rdata: b\r\r\n", [Event(b"", b"a"), Event(b"", b"b")]),
        (b"data: a\n\r\n", [Event(b"", b"a")]),
        ("data: \u2028\x85\x0b\n\n".encode(), [Event(b"", "\u2028\x85\x0b".encode())]),
        (b"data: unfinished\n", []),
        (b"data: unfinished", []),
        (b"", []),
    ],
)
def test_the_standards_corner_cases(stream: bytes, events: list[Event]) -> None:
    assert events_in(stream) == events


def test_an_event_is_given_with_the_chunk_that_completes_it() -> None:
    reader = EventReader()
    assert reader.feed(b"data: a\r\n\r") == []
    assert reader.feed(b"\n") == [Event(b"", b"a")]
    assert reader.feed(b"data: b\n") == []
    assert reader.feed(b"\n") == [Event(b"", b"b")]


@pytest.mark.parametrize("chunk", [b"data: 0123456789\n", b"0123456789", b"data: 0123456789"])
def test_what_never_becomes_an_event_is_not_kept_for_ever(chunk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_BYTES", 100)
    reader = EventReader()
    with pytest.raises(EventTooLarge):
        _ = [reader.feed(chunk) for _ in range(20)]


def test_many_events_may_be_larger_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_BYTES", 100)
    reader = EventReader()
    assert sum(len(reader.feed(b"data: 0123456789\n\n" * 3)) for _ in range(20)) == 60
