# SPDX-License-Identifier: Apache-2.0
"""Gemini's answers: the JSON of one, and the chunks of a streamed one, as server-sent events or as a JSON array."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from upstream.answer import Answer, Tool, answer_to
from upstream.google_errors import unavailable
from upstream.wire import EVENT_STREAM, JSON, Streamed, Whole, decode, encode, event

# Google takes a field's name in either case, and its SDK sends this one as written last.
_SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema")
_CREATED = "2025-10-09T08:53:20.000000Z"
_SEPARATOR = b"\r\n,\r\n"
_TRAFFIC = {"trafficType": "ON_DEMAND"}


def give(body: Mapping[str, Any], model: str, streaming: bool, as_events: bool) -> Whole | Streamed:
    """Answer a body of `generateContent`, or of `streamGenerateContent`."""
    answer = answer_to(model, prompt(body), _tool(body))
    if not streaming:
        return Whole.of(_chunk(answer, _parts(answer), last=True))
    return _events(answer) if as_events else _array(answer)


def prompt(body: Mapping[str, Any]) -> list[Any]:
    """The parts of a body which count as input tokens."""
    return [body.get("systemInstruction"), body.get("contents"), body.get("tools")]


def prompt_usage(count: int) -> dict[str, Any]:
    """How prompt tokens are told."""
    return {"promptTokenCount": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}


def _tool(body: Mapping[str, Any]) -> Tool | None:
    offered = [found for tool in body.get("tools") or () for found in tool.get("functionDeclarations") or ()]
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if not offered or config.get("mode") == "NONE" or _has_result(body):
        return None
    allowed = config.get("allowedFunctionNames") or [offered[0]["name"]]
    picked = next((found for found in offered if found["name"] in allowed), offered[0])
    return Tool.of(picked["name"], next((picked[name] for name in _SCHEMAS if name in picked), None))


def _has_result(body: Mapping[str, Any]) -> bool:
    contents = body.get("contents") or [{}]
    return any("functionResponse" in part for part in contents[-1].get("parts") or ())


def _parts(answer: Answer) -> list[dict[str, Any]]:
    if answer.tool:
        return [{"functionCall": {"name": answer.tool, "args": decode(answer.text)}}]
    return [{"text": answer.text}] if answer.pieces else []


def _chunk(answer: Answer, parts: list[dict[str, Any]], last: bool) -> dict[str, Any]:
    content = {"role": "model", "parts": parts} if parts else {"role": "model"}
    candidate = {"content": content, **({"finishReason": "STOP"} if last else {})}
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(answer) if last else _TRAFFIC,
        "modelVersion": answer.model,
        "createTime": _CREATED,
        "responseId": answer.id("scripted-", 16),
    }


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        **prompt_usage(answer.prompt_tokens),
        "candidatesTokenCount": answer.output_tokens,
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": answer.output_tokens}],
        "totalTokenCount": answer.prompt_tokens + answer.output_tokens,
        **_TRAFFIC,
    }


def _chunks(answer: Answer) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The content chunks (a function call is one, whatever its length) and the closing one."""
    pieces = [_parts(answer)] if answer.tool else [[{"text": piece}] for piece in answer.pieces]
    closing = [{"text": ""}] if pieces and not answer.tool else []
    return [_chunk(answer, parts, last=False) for parts in pieces], _chunk(answer, closing, last=True)


@lru_cache(maxsize=1024)
def _events(answer: Answer) -> Streamed:
    content, closing = _chunks(answer)
    return Streamed(
        content=tuple(event(chunk, newline=b"\r\n") for chunk in content),
        closing=event(closing, newline=b"\r\n"),
        error=lambda _: unavailable() + b"\r\n\r\n",
        media_type=EVENT_STREAM.partition(";")[0],
    )


@lru_cache(maxsize=1024)
def _array(answer: Answer) -> Streamed:
    chunks, closing = _chunks(answer)
    content = tuple((_SEPARATOR if place else b"") + encode(chunk) for place, chunk in enumerate(chunks))
    return Streamed(
        prelude=b"[",
        content=content,
        closing=(_SEPARATOR if content else b"") + encode(closing) + b"\r\n]",
        error=lambda after: (_SEPARATOR if after else b"") + unavailable() + b"\r\n]",
        media_type=f"{JSON}; charset=UTF-8",
    )
