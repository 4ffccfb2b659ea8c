# SPDX-License-Identifier: Apache-2.0
"""The frames of one streamed answer, decoded and handed on in the callback in which their bytes arrive."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aigw_contract.calls import Broken, Delta, Frame
from aigw_contract.failures import Failure
from aigw_kit.http import HttpError
from aigw_kit.http.response import Sink
from aigw_kit.sse import EventTooLarge


class Chunks(Protocol):
    """An answer that arrives in pieces, as `aigw_kit.http.Response` is."""

    async def chunk(self) -> bytes: ...
    async def pump(self, sink: Sink) -> bool: ...
    def close(self) -> None: ...


class FrameDecoder(Protocol):
    """`feed` gives the frames that are complete; `end` what an end without a last frame means."""

    def feed(self, chunk: bytes) -> list[Frame]: ...
    def end(self) -> list[Frame]: ...


class FrameStream:
    """Read `first`, then `pump` the rest; `close` it in any case. The last frame is an End or a Broken."""

    def __init__(self, chunks: Chunks, decoder: FrameDecoder, failure: Callable[[HttpError], Failure]) -> None:
        self._chunks = chunks
        self._decoder = decoder
        self._failure = failure
        self.last: Frame | None = None

    async def first(self) -> list[Frame]:
        """The first frames, once there are any: what comes before them (roles, pings) says nothing."""
        try:
            while not (frames := self._decode(await self._chunks.chunk())):
                pass
        except HttpError as error:
            return self._seen([Broken(self._failure(error))])
        return frames

    async def pump(self, sink: Callable[[list[Frame]], bool], drained: Callable[[], Awaitable[None]]) -> None:
        """All other frames to `sink`; when it says False, on only after `drained`. An error becomes a Broken."""

        def take(chunk: bytes) -> bool:
            frames = self._decode(chunk)
            if not frames:
                return True
            return sink(frames) and type(frames[-1]) is Delta

        while not self.ended:
            try:
                if await self._chunks.pump(take) and not self.ended:
                    sink(self._seen(self._decoder.end()))
            except HttpError as error:
                sink(self._seen([Broken(self._failure(error))]))
            await drained()

    @property
    def ended(self) -> bool:
        return self.last is not None and type(self.last) is not Delta

    def close(self) -> None:
        self._chunks.close()

    def _decode(self, chunk: bytes) -> list[Frame]:
        try:
            frames = self._decoder.feed(chunk) if chunk else self._decoder.end()
            if len(frames) == 1:  # as nearly always
                self.last = frames[0]
                return frames
            return self._seen(frames)
        except EventTooLarge:
            return self._seen([Broken(Failure("cut", "an event of the stream is too large"))])

    def _seen(self, frames: list[Frame]) -> list[Frame]:
        """Nothing follows the last frame."""
        for at, frame in enumerate(frames):
            self.last = frame
            if type(frame) is not Delta:
                return frames[: at + 1]
        return frames
