# SPDX-License-Identifier: Apache-2.0
"""Anthropic's messages: the JSON of one, and the events of a streamed one."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from upstream.answer import Answer, Tool, answer_to
from upstream.anthropic_errors import overloaded_event
from upstream.wire import Streamed, Whole, decode, typed_event


def give(body: Mapping[str, Any], model: str, streaming: bool, prefix: str = "msg_") -> Whole | Streamed:
    """Answer a body of the messages API."""
    answer = answer_to(model, prompt(body), _tool(body))
    return _streamed(answer, prefix) if streaming else Whole.of(_message(answer, prefix))


def prompt(body: Mapping[str, Any]) -> list[Any]:
    """The parts of a body which count as input tokens."""
    return [body.get("system"), body.get("messages"), body.get("tools")]


def _tool(body: Mapping[str, Any]) -> Tool | None:
    choice = body.get("tool_choice") or {}
    offered = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    if not offered or choice.get("type") == "none" or _has_result(body):
        return None
    picked = next((tool for tool in offered if tool["name"] == choice.get("name")), offered[0])
    return Tool.of(picked["name"], picked["input_schema"])


def _has_result(body: Mapping[str, Any]) -> bool:
    messages = body.get("messages") or [{}]
    content = messages[-1].get("content")
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def _message(answer: Answer, prefix: str, started: bool = False) -> dict[str, Any]:
    """A whole message, or the empty one with which a stream starts."""
    reason = "tool_use" if answer.tool else "end_turn"
    return {
        "model": answer.model,
        "id": answer.id(prefix),
        "type": "message",
        "role": "assistant",
        "content": [] if started else _content(answer),
        "stop_reason": None if started else reason,
        "stop_sequence": None,
        "usage": _usage(answer, 1 if started else answer.output_tokens),
    }


def _content(answer: Answer) -> list[dict[str, Any]]:
    if not answer.pieces:
        return []
    if answer.tool:
        return [{**_block(answer), "input": decode(answer.text)}]
    return [{"type": "text", "text": answer.text}]


def _block(answer: Answer) -> dict[str, Any]:
    """The content block as it starts, still empty."""
    if answer.tool:
        return {"type": "tool_use", "id": answer.id("toolu_"), "name": answer.tool, "input": {}}
    return {"type": "text", "text": ""}


def _usage(answer: Answer, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": answer.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


@lru_cache(maxsize=1024)
def _streamed(answer: Answer, prefix: str) -> Streamed:
    ping = typed_event({"type": "ping"})
    start = typed_event({"type": "content_block_start", "index": 0, "content_block": _block(answer)})
    return Streamed(
        prelude=typed_event({"type": "message_start", "message": _message(answer, prefix, started=True)}),
        opening=start + ping if answer.pieces else ping,
        content=tuple(_delta(answer, piece) for piece in answer.pieces),
        closing=_closing(answer),
        error=overloaded_event,
    )


def _delta(answer: Answer, piece: str) -> bytes:
    json = {"type": "input_json_delta", "partial_json": piece}
    delta = json if answer.tool else {"type": "text_delta", "text": piece}
    return typed_event({"type": "content_block_delta", "index": 0, "delta": delta})


def _closing(answer: Answer) -> bytes:
    stop = typed_event({"type": "content_block_stop", "index": 0}) if answer.pieces else b""
    delta = {"stop_reason": "tool_use" if answer.tool else "end_turn", "stop_sequence": None}
    usage = {
        "input_tokens": answer.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": answer.output_tokens,
    }
    last = typed_event({"type": "message_delta", "delta": delta, "usage": usage})
    return stop + last + typed_event({"type": "message_stop"})
