# SPDX-License-Identifier: Apache-2.0
"""OpenAI's responses: the JSON of one, and the numbered events of a streamed one."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from upstream.answer import CREATED, Answer, Tool, answer_to
from upstream.openai_errors import SERVER_ERROR
from upstream.wire import Streamed, Whole, typed_event

_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}


def give(body: Mapping[str, Any], model: str, streaming: bool) -> Whole | Streamed:
    """Answer a body of the responses API."""
    answer = answer_to(model, [body.get("instructions"), body.get("input"), body.get("tools")], _tool(body))
    return _Stream(body, answer).streamed() if streaming else Whole.of(_response(body, answer, "completed"))


def _tool(body: Mapping[str, Any]) -> Tool | None:
    offered = [tool for tool in body.get("tools") or () if tool.get("type") == "function"]
    choice = body.get("tool_choice")
    asked = body.get("input")
    last = asked[-1] if isinstance(asked, list) and asked else {}
    if not offered or choice == "none" or last.get("type") == "function_call_output":
        return None
    wanted = choice.get("name") if isinstance(choice, dict) else None
    picked = next((tool for tool in offered if tool["name"] == wanted), offered[0])
    return Tool.of(picked["name"], picked.get("parameters"))


def _response(body: Mapping[str, Any], answer: Answer, status: str) -> dict[str, Any]:
    done = status == "completed"
    return {
        "id": answer.id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "error": {"code": "server_error", "message": SERVER_ERROR} if status == "failed" else None,
        "incomplete_details": None,
        "model": answer.model,
        "output": _output(answer) if done else [],
        "service_tier": "default" if done else "auto",
        "usage": _usage(answer) if done else None,
        "user": None,
        **{name: body.get(name, default) for name, default in _ECHOED.items()},
    }


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.prompt_tokens + answer.output_tokens,
    }


def _output(answer: Answer) -> list[dict[str, Any]]:
    return [_item(answer, "completed", answer.text)]


def _item(answer: Answer, status: str, said: str | None) -> dict[str, Any]:
    """The one output item. It starts without anything said (`None`)."""
    if answer.tool:
        call = {"call_id": answer.id("call_"), "name": answer.tool, "arguments": said or ""}
        return {"id": answer.id("fc_"), "type": "function_call", "status": status, **call}
    content = [] if said is None else [_part(said)]
    return {"id": answer.id("msg_"), "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


class _Stream:
    """The events of one streamed response, numbered from nought as they are made."""

    def __init__(self, body: Mapping[str, Any], answer: Answer) -> None:
        self._body = body
        self._answer = answer
        self._numbers = count()
        self._prefix = "response.function_call_arguments" if answer.tool else "response.output_text"
        self._place = {"item_id": answer.id("fc_" if answer.tool else "msg_"), "output_index": 0}
        if not answer.tool:
            self._place["content_index"] = 0

    def streamed(self) -> Streamed:
        """The events, in the order in which they are numbered."""
        prelude = self._whole("created", "in_progress") + self._whole("in_progress", "in_progress")
        opening = self._opening()
        content = tuple(self._said("delta", delta=piece) for piece in self._answer.pieces)
        return Streamed(content, self._closing(), self._error, prelude, opening)

    def _opening(self) -> bytes:
        added = self._item("added", "in_progress", None)
        return added if self._answer.tool else added + self._content_part("added", "")

    def _closing(self) -> bytes:
        text = self._answer.text
        done = self._said("done", **{"arguments" if self._answer.tool else "text": text})
        part = b"" if self._answer.tool else self._content_part("done", text)
        return done + part + self._item("done", "completed", text) + self._whole("completed", "completed")

    def _error(self, after: int) -> bytes:
        started = 2 if not after else (3 if self._answer.tool else 4) + after
        self._numbers = count(started)
        error = self._event("error", code="server_error", message=SERVER_ERROR, param=None)
        return error + self._whole("failed", "failed")

    def _whole(self, name: str, status: str) -> bytes:
        return self._event(f"response.{name}", response=_response(self._body, self._answer, status))

    def _item(self, name: str, status: str, said: str | None) -> bytes:
        return self._event(f"response.output_item.{name}", output_index=0, item=_item(self._answer, status, said))

    def _content_part(self, name: str, text: str) -> bytes:
        return self._event(f"response.content_part.{name}", **self._place, part=_part(text))

    def _said(self, name: str, **said: str) -> bytes:
        extra: dict[str, Any] = {} if self._answer.tool else {"logprobs": []}
        return self._event(f"{self._prefix}.{name}", **self._place, **said, **extra)

    def _event(self, kind: str, **fields: object) -> bytes:
        return typed_event({"type": kind, "sequence_number": next(self._numbers), **fields})
