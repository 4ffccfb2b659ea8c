# SPDX-License-Identifier: Apache-2.0
"""The dialect of Gemini: generateContent, whole and streamed. Where it is hosted is another matter (`vertex_ai`).

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference and
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/GenerateContentResponse.
"""

from typing import Any

import msgspec
from msgspec import Struct

from aigw_contract.calls import Answer, Broken, Call, Delta, End, FinishReason, Frame, Usage
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure
from aigw_kit.sse import EventReader
from aigw_providers.adapter import Decoder, decode_as, malformed, unsupported
from aigw_providers.google_errors import failure_of

FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
}

ROLES = {"user": "user", "assistant": "model"}
MOST_STOPS = 5


class _Part(Struct):
    text: str = ""
    thought: bool = False


class _Content(Struct, frozen=True):
    parts: list[_Part] = []


class _Candidate(Struct, rename="camel"):
    content: _Content = _Content()
    finish_reason: str = ""


class _PromptFeedback(Struct, frozen=True, rename="camel"):
    block_reason: str = ""


class _TokenCounts(Struct, rename="camel"):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0


class _Response(Struct, rename="camel"):
    candidates: list[_Candidate] = []
    prompt_feedback: _PromptFeedback = _PromptFeedback()
    usage_metadata: _TokenCounts | None = None
    error: Any = None  # only in a stream

    @property
    def text(self) -> str:
        """The first candidate's, without its thoughts."""
        parts = self.candidates[0].content.parts if self.candidates else []
        return "".join(part.text for part in parts if not part.thought)

    @property
    def finish_reason(self) -> FinishReason | None:
        """None as long as there is none. A blocked prompt has no candidates, only the reason of the block."""
        if self.candidates and self.candidates[0].finish_reason:
            return FINISH.get(self.candidates[0].finish_reason, "other")
        return "content_filter" if self.prompt_feedback.block_reason else None

    @property
    def usage(self) -> Usage:
        """Thoughts are billed as output."""
        counts = self.usage_metadata or _TokenCounts()
        return Usage(counts.prompt_token_count, counts.candidates_token_count + counts.thoughts_token_count)


def content_body(call: Call) -> dict[str, Any]:
    """The body of a generateContent request."""
    if call.fim is not None:
        raise unsupported("Gemini models do not fill in the middle")
    turns = [{"role": ROLES[m.role], "parts": [{"text": m.content}]} for m in call.messages if m.role in ROLES]
    body: dict[str, Any] = {"contents": turns, "generationConfig": _config(call)}
    if system := [{"text": m.content} for m in call.messages if m.role == "system"]:
        body["systemInstruction"] = {"parts": system}
    return body


def _config(call: Call) -> dict[str, Any]:
    config: dict[str, Any] = {"maxOutputTokens": call.max_tokens}
    if call.temperature is not None:
        config["temperature"] = call.temperature
    if stop := [text for text in call.stop if text]:
        config["stopSequences"] = stop[:MOST_STOPS]
    return config


def decode_content(body: bytes) -> Answer:
    response: _Response = decode_as(_Response, body)
    finish_reason = response.finish_reason
    if finish_reason is None:
        raise malformed("the provider's answer holds no candidate")
    return Answer(response.text, finish_reason, response.usage)


class ContentDecoder(Decoder):
    """One response an event. There is no end marker: it is whole if a finish reason came before it closed.

    Some models repeat the finish reason in every event, so none of them is the end.
    """

    def __init__(self) -> None:
        self._events = EventReader()
        self._decode = msgspec.json.Decoder(_Response).decode
        self._end = End("other")
        self._finished = False

    def feed(self, chunk: bytes) -> list[Frame]:
        return [frame for event in self._events.feed(chunk) if (frame := self._frame(event.data)) is not None]

    def end(self) -> list[Frame]:
        return [self._end] if self._finished else super().end()

    def _frame(self, data: bytes) -> Frame | None:
        try:
            response = self._decode(data)
        except UNREADABLE:
            return Broken(Failure("cut", "an event of the stream could not be read"))
        if response.error is not None:
            return Broken(failure_of(data, "overloaded", "stream error"))
        self._note(response)
        return Delta(response.text) if response.text else None

    def _note(self, response: _Response) -> None:
        if (finish_reason := response.finish_reason) is not None:
            self._finished = True
            self._end.finish_reason = finish_reason
        if response.usage_metadata is not None:
            self._end.usage = response.usage
