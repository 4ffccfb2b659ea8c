# SPDX-License-Identifier: Apache-2.0
"""A vLLM server: OpenAI's forms, raw completions (fill-in-the-middle), errors of its own, and no key."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream import openai_chat
from upstream.answer import CREATED, Answer, answer_to
from upstream.calls import Call, Show, Wording, receive, respond
from upstream.openai import model_list
from upstream.wire import Streamed, Whole, event

MODELS = ("codestral-scripted", "mistral-scripted")
LIMIT = 32_768
_TYPES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


async def completions(request: Request) -> Response:
    """`POST /v1/completions`."""
    call = await receive(request, "vllm")
    return respond(call, _WORDING, lambda call: _refuse(call, "prompt"), _complete)


async def chat_completions(request: Request) -> Response:
    """`POST /v1/chat/completions`."""
    call = await receive(request, "vllm")
    return respond(call, _WORDING, lambda call: _refuse(call, "messages"), _chat)


async def list_models(request: Request) -> Response:
    """`GET /v1/models`."""
    call = await receive(request, "vllm", model="")
    return respond(call, _WORDING, lambda _: None, lambda _: Whole.of(_models()))


def _models() -> dict[str, Any]:
    found = model_list(MODELS, "vllm")
    extra = {"parent": None, "max_model_len": LIMIT}
    return {**found, "data": [{**model, "root": model["id"], **extra} for model in found["data"]]}


def _chat(call: Call) -> Show:
    return openai_chat.give(call.body, call.model, call.streaming, _FLAVOUR)


def _complete(call: Call) -> Show:
    answer = answer_to(call.model, [call.body["prompt"], call.body.get("suffix")])
    if call.streaming:
        return _streamed(answer, bool((call.body.get("stream_options") or {}).get("include_usage")))
    return Whole.of({**_chunk(answer, answer.text, "stop"), "usage": openai_chat.usage(answer)})


def _chunk(answer: Answer, text: str, reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason, "stop_reason": None}
    return {**_head(answer), "choices": [choice]}


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": answer.id("cmpl-"), "object": "text_completion", "created": CREATED, "model": answer.model}


@lru_cache(maxsize=1024)
def _streamed(answer: Answer, with_usage: bool) -> Streamed:
    last = event({**_head(answer), "choices": [], "usage": openai_chat.usage(answer)}) if with_usage else b""
    return Streamed(
        content=tuple(event(_chunk(answer, piece, None)) for piece in answer.pieces),
        closing=event(_chunk(answer, "", "stop")) + last + openai_chat.DONE,
        error=_error_event,
    )


def _error(status: int, message: str) -> dict[str, Any]:
    kind = _TYPES.get(status, _TYPES[500] if status >= 500 else _TYPES[400])
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def _error_event(_: int) -> bytes:
    """The in-band error of a stream, which vLLM ends with `[DONE]` all the same."""
    return event(_error(500, "Internal server error")) + openai_chat.DONE


def _refusal(call: Call, status: int, message: str = "") -> Whole:
    usual = f"The model `{call.model}` does not exist." if status == 404 else "The server could not answer."
    asked = call.script.retry_after
    headers = {"retry-after": str(asked or 1)} if status == 429 else {}
    return Whole.of(_error(status, message or usual), status, headers)


def _too_long(call: Call) -> Whole:
    message = (
        f"This model's maximum context length is {LIMIT} tokens. However, you requested {LIMIT + 5_000} tokens "
        f"({LIMIT + 4_000} in the messages, 1000 in the completion). Please reduce the length of the messages or "
        "completion."
    )
    return _refusal(call, 400, message)


def _refuse(call: Call, *required: str) -> Whole | None:
    missing = [name for name in ("model", *required) if name not in call.body]
    return _refusal(call, 400, f"Field required: {missing[0]}") if missing else None


_STOP_REASON: Mapping[str, Any] = {"logprobs": None, "stop_reason": None}
_FLAVOUR = openai_chat.Flavour(whole={}, choice=_STOP_REASON, message={}, error=_error_event)
_WORDING = Wording(status=_refusal, too_long=_too_long, overloaded=503)

ROUTES = [
    Route("/vllm/v1/completions", completions, methods=["POST"]),
    Route("/vllm/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/vllm/v1/models", list_models, methods=["GET"]),
]
