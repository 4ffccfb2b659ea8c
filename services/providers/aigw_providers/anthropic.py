# SPDX-License-Identifier: Apache-2.0
"""Anthropic's Messages API, whole and streamed.

Source: https://docs.anthropic.com/en/api/messages, /messages-streaming and /errors.
"""

from typing import Any, ClassVar

import msgspec
from msgspec import Struct, field

from aigw_contract.calls import Answer, Broken, Call, Delta, EmbedCall, Embeddings, End, FinishReason, Frame, Usage
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure, Kind, kind_of_status
from aigw_kit.sse import Event, EventReader
from aigw_providers.adapter import Adapter, Decoder, UpstreamRequest, decode_as, unsupported

VERSION = b"2023-06-01"

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_use",
}

ERROR_TYPES: dict[str, Kind] = {
    "invalid_request_error": "bad_request",
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "auth",
    "not_found_error": "not_found",
    "request_too_large": "too_long",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "api_error": "overloaded",
    "overloaded_error": "overloaded",
}

PROXY_TARGETS = ("/v1/messages", "/v1/messages/count_tokens")


class _Block(Struct):
    type: str = ""
    text: str = ""


class _Usage(Struct):
    """Later events repeat some counts and leave others null."""

    input_tokens: int | None = None
    output_tokens: int | None = None

    def after(self, seen: Usage) -> Usage:
        return Usage(self.input_tokens or seen.input_tokens, self.output_tokens or seen.output_tokens)


class _Message(Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage = field(default_factory=_Usage)


class _Error(Struct):
    type: str = ""
    message: str = ""


class _ErrorBody(Struct):
    error: _Error = msgspec.field(default_factory=_Error)


class _StreamMessage(Struct):
    usage: _Usage = field(default_factory=_Usage)


class _StreamDelta(Struct):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None


class _StreamEvent(Struct):
    """The union of the fields of all stream events, as each event type fills only some."""

    type: str = ""
    message: _StreamMessage | None = None
    delta: _StreamDelta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


class Anthropic(Adapter):
    endpoint = "https://api.anthropic.com"
    proxy_up = (b"anthropic-version", b"anthropic-beta")
    proxy_down = (b"anthropic-beta", b"request-id")

    _headers: ClassVar[list[tuple[bytes, bytes]]] = [
        (b"content-type", b"application/json"),
        (b"anthropic-version", VERSION),
    ]

    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        return UpstreamRequest(b"/v1/messages", self._headers, msgspec.json.encode(messages_body(call)))

    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        message: _Message = decode_as(_Message, body)
        text = "".join(block.text for block in message.content if block.type == "text")
        return Answer(text, FINISH.get(message.stop_reason or "", "other"), message.usage.after(Usage()))

    def decoder(self, call: Call) -> Decoder:
        return MessagesDecoder()

    def decode_error(self, status: int, body: bytes) -> Failure:
        try:
            error = msgspec.json.decode(body, type=_ErrorBody).error
        except UNREADABLE:
            return Failure(kind_of_status(status), f"status {status}")
        return Failure(error_kind(error, kind_of_status(status)), f"status {status} {error.type[:40]}")

    def credential_headers(self, secret: str) -> list[tuple[bytes, bytes]]:
        return [(b"x-api-key", secret.encode())]

    def proxy_target(self, method: str, path: str, query: bytes) -> bytes | None:
        if method != "POST" or path not in PROXY_TARGETS:
            return None
        return path.encode() + (b"?beta=true" if query == b"beta=true" else b"")

    def proxy_error(self, status: int, kind: Kind, detail: str) -> bytes:
        names = {known: name for name, known in reversed(ERROR_TYPES.items())}
        error = {"type": names.get(kind, "api_error"), "message": detail}
        return msgspec.json.encode({"type": "error", "error": error})

    def proxy_error_event(self, kind: Kind, detail: str) -> bytes:
        return b"event: error\ndata: " + self.proxy_error(502, kind, detail) + b"\n\n"


def messages_body(call: Call | EmbedCall) -> dict[str, Any]:
    """The body of a Messages request; Vertex AI takes the same but for two fields."""
    if not isinstance(call, Call) or call.fim is not None:
        raise unsupported("Anthropic models neither embed nor fill in the middle")
    system = "\n\n".join(m.content for m in call.messages if m.role == "system")
    turns = [{"role": m.role, "content": m.content} for m in call.messages if m.role != "system"]
    body: dict[str, Any] = {"model": call.model, "max_tokens": call.max_tokens, "messages": turns}
    if system:
        body["system"] = system
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if stop := [text for text in call.stop if text.strip()]:  # blank ones are refused
        body["stop_sequences"] = stop
    if call.stream:
        body["stream"] = True
    return body


def error_kind(error: _Error, otherwise: Kind) -> Kind:
    """A prompt that is too long is an invalid_request_error like many others; only the message tells it."""
    kind = ERROR_TYPES.get(error.type, otherwise)
    return "too_long" if kind == "bad_request" and "prompt is too long" in error.message else kind


class MessagesDecoder(Decoder):
    """`message_start … content_block_delta … message_delta, message_stop`; others are passed over."""

    def __init__(self) -> None:
        self._events = EventReader()
        self._decode = msgspec.json.Decoder(_StreamEvent).decode
        self._end = End("other")

    def feed(self, chunk: bytes) -> list[Frame]:
        frames = []
        for event in self._events.feed(chunk):
            if (frame := self._frame(event)) is not None:
                frames.append(frame)  # noqa: PERF401 - in Python 3.11 a comprehension is a call
        return frames

    def _frame(self, event: Event) -> Frame | None:
        try:
            data = self._decode(event.data)
        except UNREADABLE:
            return Broken(Failure("cut", "an event of the stream could not be read"))
        if data.delta is not None and data.delta.type == "text_delta":
            return Delta(data.delta.text) if data.delta.text else None
        match data.type:
            case "message_start" if data.message is not None:
                self._end.usage = data.message.usage.after(Usage())
            case "message_delta":
                self._finish(data)
            case "message_stop":
                return self._end
            case "error" if data.error is not None:
                return Broken(Failure(error_kind(data.error, "overloaded"), f"stream error {data.error.type[:40]}"))
        return None

    def _finish(self, data: _StreamEvent) -> None:
        """The counts here are totals; input tokens are repeated only by some models."""
        if data.delta is not None and data.delta.stop_reason:
            self._end.finish_reason = FINISH.get(data.delta.stop_reason, "other")
        if data.usage is not None:
            self._end.usage = data.usage.after(self._end.usage)
