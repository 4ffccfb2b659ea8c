# SPDX-License-Identifier: Apache-2.0
"""OpenAI's chat completions and embeddings, whole and streamed.

Source: https://platform.openai.com/docs/api-reference/chat, /chat-streaming, /embeddings and
https://platform.openai.com/docs/guides/error-codes.
"""

import re
from typing import Any, ClassVar

import msgspec

from aigw_contract.calls import Answer, Call, EmbedCall, Embeddings, FinishReason
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure, Kind, kind_of_status
from aigw_providers.adapter import Adapter, Decoder, UpstreamRequest, decode_as, malformed, unsupported
from aigw_providers.openai_chunks import Choice, ChunkDecoder, ErrorObject, TokenCounts, finish_of, text_of, usage_of

REASONING = re.compile(r"(ft:)?(o\d|gpt-5(?!.*-chat))")
"""Models that refuse `temperature` and `stop` (https://platform.openai.com/docs/guides/reasoning)."""

MOST_STOPS = 4  # the documented limit, which is also TGI's default

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
}

ERROR_NAMES: dict[str, Kind] = {
    "context_length_exceeded": "too_long",
    "string_above_max_length": "too_long",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "rate_limited",
    "requests": "rate_limited",
    "tokens": "rate_limited",
    "invalid_api_key": "auth",
    "authentication_error": "auth",
    "insufficient_permissions": "auth",
    "model_not_found": "not_found",
    "server_error": "overloaded",
}
"""By `code` and by `type`. `invalid_request_error` is not here: it comes with 401 and 404 too, and says nothing."""

PROXY_TARGETS = {
    "/v1/chat/completions": b"/chat/completions",
    "/v1/responses": b"/responses",
    "/v1/embeddings": b"/embeddings",
}
"""The endpoint ends in /v1 already, as users write it."""

PROXY_ERRORS: dict[Kind, tuple[str, str | None]] = {
    "rate_limited": ("requests", "rate_limit_exceeded"),
    "too_long": ("invalid_request_error", "context_length_exceeded"),
    "bad_request": ("invalid_request_error", None),
}


class _Completion(msgspec.Struct):
    choices: list[Choice]
    usage: TokenCounts | None = None


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0  # servers that leave it out keep the order


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: TokenCounts | None = None


class _ErrorBody(msgspec.Struct):
    error: ErrorObject | None = None


class OpenAI(Adapter):
    endpoint = "https://api.openai.com/v1"
    embeds = True
    proxy_up = (b"openai-beta",)
    proxy_down = (b"openai-processing-ms", b"openai-version")

    finish: ClassVar[dict[str, FinishReason]] = FINISH
    error_names: ClassVar[dict[str, Kind]] = ERROR_NAMES
    too_long: ClassVar[re.Pattern[str]] = re.compile("maximum context length")

    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        if isinstance(call, EmbedCall):
            return post(b"/embeddings", {"model": call.model, "input": call.inputs})
        if call.fim is not None:
            raise unsupported("OpenAI models do not fill in the middle")
        body = {"model": call.model, "messages": self.turns(call)}
        return post(b"/chat/completions", body | self.options(call))

    def turns(self, call: Call) -> list[dict[str, str]]:
        """The messages; system messages may stand anywhere."""
        return [{"role": message.role, "content": message.content} for message in call.messages]

    def options(self, call: Call) -> dict[str, Any]:
        """All of the body but model and prompt."""
        limit = {"max_completion_tokens": call.max_tokens}
        return limit | ({} if REASONING.match(call.model) else sampling(call)) | streaming(call)

    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        if isinstance(call, EmbedCall):
            return _embeddings(decode_as(_Vectors, body), len(call.inputs))
        completion: _Completion = decode_as(_Completion, body)
        if not completion.choices:
            raise malformed("the provider's answer holds no choice")
        choice = completion.choices[0]
        return Answer(text_of(choice), finish_of(choice, self.finish), usage_of(completion.usage))

    def decoder(self, call: Call) -> Decoder:
        return ChunkDecoder(self.finish, self.read_error, self.kind)

    def decode_error(self, status: int, body: bytes) -> Failure:
        kind, error = kind_of_status(status), self.read_error(body)
        if error is None:
            return Failure(kind, f"status {status}")
        named = self.kind(error, kind)  # a bad request is what many servers call whatever has no name of its own
        return Failure(kind if named == "bad_request" else named, f"status {status} {error.name}")

    def read_error(self, body: bytes) -> ErrorObject | None:
        """The error that a body, or an event of a stream, tells."""
        try:
            return msgspec.json.decode(body, type=_ErrorBody).error
        except UNREADABLE:
            return None

    def kind(self, error: ErrorObject, otherwise: Kind) -> Kind:
        """What `code` or `type` name; else `otherwise`, in which too long a prompt may still hide."""
        named = self.error_names.get(str(error.code)) or self.error_names.get(str(error.type))
        kind = named or otherwise
        return "too_long" if kind == "bad_request" and self.too_long.search(error.message or "") else kind

    def proxy_target(self, method: str, path: str, query: bytes) -> bytes | None:
        return PROXY_TARGETS.get(path) if method == "POST" else None

    def proxy_error(self, status: int, kind: Kind, detail: str) -> bytes:
        return msgspec.json.encode({"error": _told(kind, detail)})

    def proxy_error_event(self, kind: Kind, detail: str) -> bytes:
        """One event for both: chat completions look for `error` in the data, responses for the type `error`."""
        told = _told(kind, detail)
        event = {"type": "error", "sequence_number": 0, "error": told} | {
            k: told[k] for k in ("code", "message", "param")
        }
        return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"


def post(target: bytes, body: dict[str, Any]) -> UpstreamRequest:
    return UpstreamRequest(target, [(b"content-type", b"application/json")], msgspec.json.encode(body))


def sampling(call: Call) -> dict[str, Any]:
    """Temperature and stop sequences, as far as the call has any."""
    options: dict[str, Any] = {} if call.temperature is None else {"temperature": call.temperature}
    stop = [text for text in call.stop if text][:MOST_STOPS]
    return options | ({"stop": stop} if stop else {})


def streaming(call: Call) -> dict[str, Any]:
    """A stream tells its usage only if it is asked to."""
    return {"stream": True, "stream_options": {"include_usage": True}} if call.stream else {}


def _embeddings(answer: _Vectors, asked: int) -> Embeddings:
    if len(answer.data) != asked:
        raise malformed("the provider's answer holds another number of vectors than asked for")
    return Embeddings([v.embedding for v in sorted(answer.data, key=lambda v: v.index)], usage_of(answer.usage))


def _told(kind: Kind, detail: str) -> dict[str, str | None]:
    name, code = PROXY_ERRORS.get(kind, ("server_error", None))
    return {"message": detail, "type": name, "param": None, "code": code}
