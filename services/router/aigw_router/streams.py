# SPDX-License-Identifier: Apache-2.0
"""The text of one streamed generation as it comes from a provider service, handed on in the callback it arrives in."""

from collections.abc import Awaitable, Callable

from aigw_contract.calls import Broken, End
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure
from aigw_contract.streams import LAST, decode_last
from aigw_kit.http import HttpError, Response

Sink = Callable[[bytes], bool]
"""Takes text as UTF-8, cut anywhere; False when it wants no more for now."""


class TextStream:
    """Read `first`, then `pump` the rest; `close` it in any case. At its end `last` says how that was."""

    def __init__(self, response: Response, failure: Callable[[HttpError], Failure]) -> None:
        self._response = response
        self._failure = failure
        self._tail: bytes | None = None  # of the last frame, what is here
        self.last: End | Broken | None = None

    async def first(self) -> bytes:
        """The first text; empty if there is none at all."""
        try:
            return self._text(await self._response.chunk())
        except HttpError as error:
            self._end(error)
            return b""

    async def pump(self, sink: Sink, drained: Callable[[], Awaitable[None]]) -> None:
        """All other text to `sink`; when that says False, on only after `drained`."""

        def take(piece: bytes) -> bool:
            if self._tail is None and LAST not in piece:
                return sink(piece)
            return not (text := self._text(piece)) or sink(text)

        while self.last is None:
            try:
                if await self._response.pump(take):
                    self._end(None)
            except HttpError as error:
                self._end(error)
            await drained()

    def close(self) -> None:
        self._response.close()

    def _text(self, piece: bytes) -> bytes:
        """What is text of a piece; the rest is kept."""
        if self._tail is not None:
            self._tail += piece
            return b""
        text, last, tail = piece.partition(LAST)
        if last:
            self._tail = tail
        return text

    def _end(self, error: HttpError | None) -> None:
        """The provider service's own word, if it came, tells more than how the body ended."""
        try:
            self.last = decode_last(self._tail or b"")
        except UNREADABLE:
            cut = Failure("cut", "the provider service's stream ended early")
            self.last = Broken(cut if error is None else self._failure(error))
