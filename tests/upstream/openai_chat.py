# SPDX-License-Identifier: Apache-2.0
"""Chat completions as OpenAI words them, and everyone else who is compatible with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from upstream.answer import CREATED, Answer, Tool, answer_to
from upstream.openai_errors import error_event
from upstream.wire import Streamed, Whole, event

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Flavour:
    """What one server adds to the common form."""

    whole: Mapping[str, Any]
    choice: Mapping[str, Any]
    message: Mapping[str, Any]
    error: Callable[[int], bytes] = error_event

    __hash__ = object.__hash__


OPENAI = Flavour(
    whole={"service_tier": "default", "system_fingerprint": "fp_scripted"},
    choice={"logprobs": None},
    message={"refusal": None},
)


def give(body: Mapping[str, Any], model: str, streaming: bool, flavour: Flavour = OPENAI) -> Whole | Streamed:
    """Answer a body of the chat completions API."""
    answer = answer_to(model, [body.get("messages"), body.get("tools")], _tool(body))
    if streaming:
        return _streamed(answer, bool((body.get("stream_options") or {}).get("include_usage")), flavour)
    return Whole.of(_completion(answer, flavour))


def usage(answer: Answer) -> dict[str, Any]:
    """The tokens of an answer."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.prompt_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _tool(body: Mapping[str, Any]) -> Tool | None:
    offered = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    choice = body.get("tool_choice")
    messages = body.get("messages") or [{}]
    if not offered or choice == "none" or messages[-1].get("role") == "tool":
        return None
    wanted = choice["function"]["name"] if isinstance(choice, dict) and "function" in choice else ""
    picked = next((tool for tool in offered if tool["name"] == wanted), offered[0])
    return Tool.of(picked["name"], picked.get("parameters"))


def _head(answer: Answer, kind: str, flavour: Flavour) -> dict[str, Any]:
    return {
        "id": answer.id("chatcmpl-"),
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        **flavour.whole,
    }


def _completion(answer: Answer, flavour: Flavour) -> dict[str, Any]:
    said = {"content": None, "tool_calls": [_call(answer, answer.text)]} if answer.tool else {"content": answer.text}
    message = {"role": "assistant", **said, **flavour.message}
    choice = {"index": 0, "message": message, **flavour.choice, "finish_reason": _reason(answer)}
    return {**_head(answer, "chat.completion", flavour), "choices": [choice], "usage": usage(answer)}


def _call(answer: Answer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": arguments}
    return {"id": answer.id("call_"), "type": "function", "function": function}


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.tool else "stop"


@lru_cache(maxsize=1024)
def _streamed(answer: Answer, with_usage: bool, flavour: Flavour) -> Streamed:
    head = _head(answer, "chat.completion.chunk", flavour) | ({"usage": None} if with_usage else {})

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, **flavour.choice, "finish_reason": reason}
        return event({**head, "choices": [choice]})

    last = event({**head, "choices": [], "usage": usage(answer)}) if with_usage else b""
    return Streamed(
        opening=chunk(_first(answer, flavour)),
        content=tuple(chunk(_delta(answer, piece)) for piece in answer.pieces),
        closing=chunk({}, _reason(answer)) + last + DONE,
        error=flavour.error,
    )


def _first(answer: Answer, flavour: Flavour) -> dict[str, Any]:
    calls = {"content": None, "tool_calls": [{"index": 0, **_call(answer, "")}]}
    return {"role": "assistant", **(calls if answer.tool else {"content": ""}), **flavour.message}


def _delta(answer: Answer, piece: str) -> dict[str, Any]:
    if answer.tool:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"content": piece}
