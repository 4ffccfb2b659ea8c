# SPDX-License-Identifier: Apache-2.0
"""How each provider says the things that every adapter must understand, in its own documented wire format.

One adapter may speak several dialects (Vertex AI: Gemini's and Claude's), so the rules go over dialects.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from aigw_contract.calls import Call, EmbedCall, Fim, FinishReason, Message
from aigw_contract.failures import Kind
from aigw_contract.table import ProviderSettings
from aigw_providers import anthropic, gemini, openai, openai_compatible
from aigw_providers.adapter import Adapter
from aigw_providers.registry import adapter_class

SECRET = "sk-conformance-0123456789"
ASKED = Message("user", "Say hi.")


def adapter_of(kind: str) -> Adapter:
    settings = ProviderSettings(
        "conformance", kind, project="our-project", location="europe-west1", credential_file=f"/run/{SECRET}"
    )
    return adapter_class(kind)(settings)


def dumps(value: Any) -> bytes:
    """Not escaped, so that characters of several bytes are on the wire."""
    return json.dumps(value, ensure_ascii=False).encode()


def data(value: Any) -> bytes:
    return b"data: " + dumps(value) + b"\n\n"


class Dialect(ABC):
    """Builds what a provider sends. Where a stream is whole (`whole_after`) differs most of all."""

    kind: ClassVar[str]
    model: ClassVar[str] = "model-1"
    finishes: ClassVar[Mapping[str, FinishReason]]
    finish: ClassVar[str]  # the native name of an ordinary end
    whole_after: ClassVar[int] = 0  # so many of the last events may be missing

    def __init__(self) -> None:
        self.adapter = adapter_of(self.kind)

    def call(self, *messages: Message, stream: bool = False) -> Call:
        return Call(self.model, list(messages) or [ASKED], stream=stream)

    @abstractmethod
    def answer(self, text: str, finish: str) -> bytes:
        """A whole answer with 7 tokens in and 5 out."""

    @abstractmethod
    def events(self, texts: list[str], finish: str) -> list[bytes]:
        """The same as a stream."""

    @abstractmethod
    def error_event(self) -> tuple[bytes, Kind]: ...

    @abstractmethod
    def system_of(self, body: Any) -> str:
        """What of a request's body the model takes as the system's words."""

    def embeddings(self, vectors: list[list[float]]) -> bytes:
        """An answer with 7 tokens in."""
        raise NotImplementedError

    @property
    def embed_call(self) -> EmbedCall:
        return EmbedCall(self.model, ["first", "second"])


class Claude(Dialect):
    kind = "Anthropic"
    finishes = anthropic.FINISH
    finish = "end_turn"

    def answer(self, text: str, finish: str) -> bytes:
        content = [{"type": "text", "text": text}] if text else []
        return dumps({**self._message(content, 5), "stop_reason": finish})

    def _message(self, content: list[Any], output_tokens: int) -> dict[str, Any]:
        usage = {"input_tokens": 7, "output_tokens": output_tokens}
        return {"id": "msg_1", "type": "message", "role": "assistant", "content": content, "usage": usage}

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        deltas = [
            self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts
        ]
        return [
            self._event("message_start", message=self._message([], 1)),
            self._event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            self._event("ping"),
            *deltas,
            self._event("content_block_stop", index=0),
            self._event("message_delta", delta={"stop_reason": finish}, usage={"output_tokens": 5}),
            self._event("message_stop"),
        ]

    def _event(self, name: str, **fields: Any) -> bytes:
        return f"event: {name}\n".encode() + data({"type": name, **fields})

    def error_event(self) -> tuple[bytes, Kind]:
        return self._event("error", error={"type": "overloaded_error", "message": "Overloaded"}), "overloaded"

    def system_of(self, body: Any) -> str:
        assert {turn["role"] for turn in body["messages"]} <= {"user", "assistant"}
        return str(body.get("system", ""))


class Chat(Dialect):
    kind = "OpenAI"
    finishes: ClassVar[Mapping[str, FinishReason]] = openai.FINISH
    finish = "stop"
    whole_after = 2  # the usage and [DONE] come after the finish reason

    def answer(self, text: str, finish: str) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": text or None}, "finish_reason": finish}
        return dumps({"object": "chat.completion", "choices": [choice], "usage": self._usage})

    _usage: ClassVar[Any] = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        begin = {"role": "assistant", "content": ""}
        return [
            *(self._chunk({"delta": delta}) for delta in [begin, *({"content": text} for text in texts)]),
            self._chunk({"delta": {}, "finish_reason": finish}),
            data({"object": "chat.completion.chunk", "choices": [], "usage": self._usage}),
            b"data: [DONE]\n\n",
        ]

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        choices = [{"index": 0, "finish_reason": None, **choice}]
        return data({"object": "chat.completion.chunk", "choices": choices, "usage": None})

    def error_event(self) -> tuple[bytes, Kind]:
        error = {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
        return data({"error": error}), "rate_limited"

    def system_of(self, body: Any) -> str:
        return "\n\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system")

    def embeddings(self, vectors: list[list[float]]) -> bytes:
        items = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        return dumps({"object": "list", "data": items[::-1], "usage": {"prompt_tokens": 7, "total_tokens": 7}})


class CompatibleChat(Chat):
    kind = "OpenAICompatible"
    finishes = openai.FINISH | openai_compatible.ALSO_FINISH

    def error_event(self) -> tuple[bytes, Kind]:
        """With `[DONE]` behind it, as vLLM ends every stream."""
        error = {"object": "error", "message": "maximum context length", "type": "BadRequestError", "code": 400}
        return data(error) + b"data: [DONE]\n\n", "too_long"

    def system_of(self, body: Any) -> str:
        assert all(turn["role"] != "system" for turn in body["messages"][1:])
        return super().system_of(body)


class CompatibleFim(CompatibleChat):
    def call(self, *messages: Message, stream: bool = False) -> Call:
        return Call(self.model, fim=Fim("a = ", "\n", "Qwen"), stream=stream)

    def answer(self, text: str, finish: str) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": finish}
        return dumps({"object": "text_completion", "choices": [choice], "usage": self._usage})

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        return [
            *(self._chunk({"text": text}) for text in texts),
            self._chunk({"text": "", "finish_reason": finish}),
            data({"object": "text_completion", "choices": [], "usage": self._usage}),
            b"data: [DONE]\n\n",
        ]

    def system_of(self, body: Any) -> str:
        raise NotImplementedError


class VertexGemini(Dialect):
    kind = "VertexAI"
    model = "gemini-2.5-flash"
    finishes = gemini.FINISH
    finish = "STOP"

    _usage: ClassVar[Any] = {"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}

    def answer(self, text: str, finish: str) -> bytes:
        return dumps(self._response(text, finish))

    def _response(self, text: str, finish: str = "") -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": text}]} if text else {}
        candidate = {"content": content} | ({"finishReason": finish} if finish else {})
        return {"candidates": [candidate]} | ({"usageMetadata": self._usage} if finish else {})

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        return [*(data(self._response(text)) for text in texts), data(self._response("", finish))]

    def error_event(self) -> tuple[bytes, Kind]:
        return data({"error": {"code": 504, "message": "Deadline", "status": "DEADLINE_EXCEEDED"}}), "timeout"

    def system_of(self, body: Any) -> str:
        assert {turn["role"] for turn in body["contents"]} <= {"user", "model"}
        return "\n\n".join(part["text"] for part in body.get("systemInstruction", {"parts": []})["parts"])

    def embeddings(self, vectors: list[list[float]]) -> bytes:
        counts = [7.0, *(0 for _ in vectors[1:])]
        items = [
            {"embeddings": {"values": vector, "statistics": {"token_count": count, "truncated": False}}}
            for vector, count in zip(vectors, counts, strict=True)
        ]
        return dumps({"predictions": items, "metadata": {"billableCharacterCount": 20}})


class VertexClaude(Claude):
    kind = "VertexAI"
    model = "claude-sonnet-4@20250514"

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        return [self._event("vertex_event", usage={"input_tokens": 7}), *super().events(texts, finish)]


class Echo(Dialect):
    kind = "Echo"
    finishes: ClassVar[Mapping[str, FinishReason]] = {"stop": "stop", "length": "length"}
    finish = "stop"

    _usage: ClassVar[Any] = {"input_tokens": 7, "output_tokens": 5}

    def answer(self, text: str, finish: str) -> bytes:
        return dumps({"text": text, "finish_reason": finish, "usage": self._usage})

    def events(self, texts: list[str], finish: str) -> list[bytes]:
        deltas = [dumps({"t": "delta", "text": text}) + b"\n" for text in texts]
        return [*deltas, dumps({"t": "end", "finish_reason": finish, "usage": self._usage}) + b"\n"]

    def error_event(self) -> tuple[bytes, Kind]:
        return dumps({"t": "broken", "failure": {"kind": "overloaded"}}) + b"\n", "overloaded"

    def system_of(self, body: Any) -> str:
        return "\n\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system")

    def embeddings(self, vectors: list[list[float]]) -> bytes:
        return dumps({"vectors": vectors, "usage": {"input_tokens": 7}})


DIALECTS: dict[str, Dialect] = {
    "Anthropic": Claude(),
    "OpenAI": Chat(),
    "OpenAICompatible": CompatibleChat(),
    "OpenAICompatible-fim": CompatibleFim(),
    "VertexAI-gemini": VertexGemini(),
    "VertexAI-claude": VertexClaude(),
    "Echo": Echo(),
}
