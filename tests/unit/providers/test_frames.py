# SPDX-License-Identifier: Apache-2.0
"""A stream of frames: what is handed on, and how it ends."""

import asyncio
from collections.abc import Sequence

import pytest

from aigw_contract.calls import Broken, Delta, End, Frame
from aigw_contract.failures import Failure
from aigw_kit.http import ConnectionCut, HttpError
from aigw_kit.http.response import Sink
from aigw_kit.sse import EventTooLarge
from aigw_providers.frames import FrameStream

CUT = Broken(Failure("cut", "lost"))
EARLY = Broken(Failure("cut", "ended early"))


class Pieces:
    """Chunks that are all there; an error in place of one is raised."""

    def __init__(self, *pieces: bytes | HttpError) -> None:
        self._pieces = [*pieces]
        self.closed = False

    async def chunk(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, HttpError):
            raise piece
        return piece

    async def pump(self, sink: Sink) -> bool:
        while piece := await self.chunk():
            if not sink(piece):
                return False
        return True

    def close(self) -> None:
        self.closed = True


class Letters:
    """A letter is a Delta, a full stop the End, a blank nothing; `!` is an event that is too large."""

    def feed(self, chunk: bytes) -> list[Frame]:
        if b"!" in chunk:
            raise EventTooLarge
        return [End() if letter == "." else Delta(letter) for letter in chunk.decode() if letter != " "]

    def end(self) -> list[Frame]:
        return [EARLY]


async def read(*pieces: bytes | HttpError, full: bool = False) -> tuple[list[Frame], list[list[Frame]], int]:
    stream, rest, waits = FrameStream(Pieces(*pieces), Letters(), lambda _: CUT.failure), [], 0

    def take(frames: list[Frame]) -> bool:
        rest.append(frames)
        return not full

    async def drained() -> None:
        nonlocal waits
        waits += 1

    first = await stream.first()
    await stream.pump(take, drained)
    assert stream.last == (rest[-1] if rest else first)[-1]
    return first, rest, waits


@pytest.mark.parametrize(
    ("pieces", "first", "rest"),
    [
        ([b"a", b"b."], [Delta("a")], [[Delta("b"), End()]]),
        ([b" ", b" a", b" ", b"."], [Delta("a")], [[End()]]),
        ([b"a.xyz", b"b"], [Delta("a"), End()], []),
        ([b"a", b"b.xyz", b"c"], [Delta("a")], [[Delta("b"), End()]]),
        ([b"a", b"b"], [Delta("a")], [[Delta("b")], [EARLY]]),
        ([b" "], [EARLY], []),
        ([], [EARLY], []),
        ([b"a", ConnectionCut("x")], [Delta("a")], [[CUT]]),
        ([ConnectionCut("x")], [CUT], []),
        ([b"a", b"!"], [Delta("a")], [[Broken(Failure("cut", "an event of the stream is too large"))]]),
    ],
)
@pytest.mark.parametrize("full", [False, True])
async def test_frames_come_in_order_and_end_once(
    pieces: Sequence[bytes | HttpError], first: list[Frame], rest: list[list[Frame]], full: bool
) -> None:
    found = await read(*pieces, full=full)
    assert found[:2] == (first, rest)
    if full:
        assert found[2] >= len(rest)


async def test_closing_closes_what_it_reads() -> None:
    pieces = Pieces(b"a")
    FrameStream(pieces, Letters(), lambda _: CUT.failure).close()
    assert pieces.closed
    await asyncio.sleep(0)
