# SPDX-License-Identifier: Apache-2.0
"""The parts of OpenAI's answers, and the stream of them: chunks, then `[DONE]`.

The chunk with the usage comes after the one with the finish reason and has no choices. Servers that imitate OpenAI
leave out much of this, so every field may be absent or null.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from aigw_contract.calls import Broken, Delta, End, FinishReason, Frame, Usage
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure, Kind, kind_of_status
from aigw_kit.sse import EventReader
from aigw_providers.adapter import Decoder

DONE = b"[DONE]"


class TokenCounts(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Content(Struct):
    content: str | None = None


class Choice(Struct):
    """Of a chat (`message`), of a chunk of one (`delta`), or of a raw completion or its chunk (`text`)."""

    message: Content | None = None
    delta: Content | None = None
    text: str | None = None
    finish_reason: str | None = None


class Chunk(Struct):
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None


class ErrorObject(Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None

    @property
    def name(self) -> str:
        return str(self.code or self.type or "")[:40]


def text_of(choice: Choice) -> str:
    part = choice.message or choice.delta
    return (part.content if part else choice.text) or ""


def finish_of(choice: Choice, table: Mapping[str, FinishReason]) -> FinishReason:
    return table.get(choice.finish_reason or "", "other")


def usage_of(counts: TokenCounts | None) -> Usage:
    return Usage(counts.prompt_tokens or 0, counts.completion_tokens or 0) if counts else Usage()


class ChunkDecoder(Decoder):
    """Whole with `[DONE]`, or when it closes after a finish reason; cut without either."""

    def __init__(
        self,
        finish: Mapping[str, FinishReason],
        read_error: Callable[[bytes], ErrorObject | None],
        kind: Callable[[ErrorObject, Kind], Kind],
    ) -> None:
        self._finish = finish
        self._read_error = read_error
        self._kind = kind
        self._events = EventReader()
        self._decode = msgspec.json.Decoder(Chunk).decode
        self._end = End("other")
        self._finished = False

    def feed(self, chunk: bytes) -> list[Frame]:
        return [frame for event in self._events.feed(chunk) if (frame := self._frame(event.data)) is not None]

    def end(self) -> list[Frame]:
        return [self._end] if self._finished else super().end()

    def _frame(self, data: bytes) -> Frame | None:
        if data == DONE:
            return self._end
        try:
            chunk = self._decode(data)
        except UNREADABLE:
            return Broken(Failure("cut", "an event of the stream could not be read"))
        if chunk.usage is not None:
            self._end.usage = usage_of(chunk.usage)
        if chunk.choices and chunk.error is None:
            return self._delta(chunk.choices[0])
        return self._broken(data)

    def _delta(self, choice: Choice) -> Frame | None:
        if choice.finish_reason:
            self._finished = True
            self._end.finish_reason = finish_of(choice, self._finish)
        text = text_of(choice)
        return Delta(text) if text else None

    def _broken(self, data: bytes) -> Frame | None:
        """The error that an event without choices tells, if it tells one."""
        error = self._read_error(data)
        if error is None:
            return None
        return Broken(Failure(self._kind(error, _likely(error)), f"stream error {error.name}"))


def _likely(error: ErrorObject) -> Kind:
    """A stream has no status any more; some servers put it into `code`."""
    code = str(error.code)
    if code.isdigit():
        return kind_of_status(int(code))
    return "bad_request" if error.type == "invalid_request_error" else "overloaded"
