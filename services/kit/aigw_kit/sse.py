# SPDX-License-Identifier: Apache-2.0
"""Server-sent events, read sans-I/O: bytes in, events out, at whatever places the bytes were cut.

Follows the HTML standard as far as providers use it: `event` and `data` fields, lines ended by LF,
CRLF or CR, comments, a leading byte order mark.
"""

import re
from typing import NamedTuple

MOST_BYTES = 8 * 1024 * 1024
PLAIN = re.compile(rb"(?:event: ([^\r\n]*)\n)?data: ([^\r\n]*)\n\n")


class Event(NamedTuple):
    name: bytes  # empty when the stream gives none
    data: bytes


class EventTooLarge(ValueError):
    """One event is larger than 8 MiB: the stream is not what it should be."""


class EventReader:
    """Feed it chunks; it returns the events that are complete. An unfinished event at the end is never returned."""

    def __init__(self) -> None:
        self._buffer = b""
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._started = False
        self._between = False  # nothing of an event has been read

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises EventTooLarge."""
        if self._between:
            if (whole := PLAIN.fullmatch(chunk)) is not None:
                return [Event(whole[1] or b"", whole[2])]
            if events := _plain(chunk):
                return events
        self._buffer += chunk
        lines, self._buffer = _split(self._buffer)
        if not self._started and lines:
            self._started = True
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        events = [event for line in lines if (event := self._line(line)) is not None]
        if len(self._buffer) + self._size > MOST_BYTES:
            raise EventTooLarge
        self._between = self._started and not (self._buffer or self._data or self._name)
        return events

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
        elif field == b"event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name, b"\n".join(self._data)) if self._data else None
        self._name = b""
        self._data = []
        self._size = 0
        return event


def _plain(chunk: bytes) -> list[Event]:
    """The events of a chunk that holds whole events, spelled as providers spell nearly all; none if it is not so."""
    events, at = [], 0
    while at < len(chunk):
        found = PLAIN.match(chunk, at)
        if found is None:
            return []
        events.append(Event(found[1] or b"", found[2]))
        at = found.end()
    return events


def _split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Complete lines, and the rest. A CR at the very end may be half of a CRLF, so it waits for what follows."""
    if b"\r" in buffer:
        held = b"\r" if buffer.endswith(b"\r") else b""
        body = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = body.split(b"\n")
        return lines[:-1], lines[-1] + held
    lines = buffer.split(b"\n")
    return lines[:-1], lines[-1]
