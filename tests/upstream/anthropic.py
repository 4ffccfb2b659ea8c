# SPDX-License-Identifier: Apache-2.0
"""Anthropic's API: messages and token counting.

The key is taken from `x-api-key` or, as the SDK sends it since 2.0, from `Authorization: Bearer`.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream import anthropic_messages as messages
from upstream.answer import prompt_tokens
from upstream.anthropic_errors import WORDING, refusal, request_id
from upstream.calls import Call, Show, receive, respond
from upstream.wire import Whole

API_KEY = "test-anthropic-key"
SAMPLING_REMOVED = "2026-10-21"
VERSIONS = ("2023-01-01", "2023-06-01", SAMPLING_REMOVED)
_SAMPLING = ("temperature", "top_p", "top_k")


async def create_message(request: Request) -> Response:
    """`POST /v1/messages`."""
    call = await receive(request, "anthropic")
    return respond(call, WORDING, lambda call: _refuse(call, "max_tokens", "messages"), _message)


async def count_tokens(request: Request) -> Response:
    """`POST /v1/messages/count_tokens`."""
    call = await receive(request, "anthropic")
    return respond(call, WORDING, lambda call: _refuse(call, "messages"), counted)


def counted(call: Call) -> Show:
    """The answer to a token count."""
    return with_id(Whole.of({"input_tokens": prompt_tokens(messages.prompt(call.body))}))


def with_id(show: Show) -> Show:
    """An answer with the headers of a success."""
    return replace(show, headers={"request-id": request_id(), "anthropic-organization-id": "org-scripted"})


def refuse_fields(call: Call, version: str, *required: str) -> Whole | None:
    """What the API refuses about a body: fields it lacks, and those which its version does not know any more."""
    missing = [name for name in required if name not in call.body]
    if missing:
        return refusal(call, 400, f"{missing[0]}: Field required")
    removed = [name for name in _SAMPLING if name in call.body] if version == SAMPLING_REMOVED else []
    return refusal(call, 400, f"{removed[0]}: Extra inputs are not permitted") if removed else None


def _message(call: Call) -> Show:
    return with_id(messages.give(call.body, call.model, call.streaming))


def _refuse(call: Call, *required: str) -> Whole | None:
    key = call.header("x-api-key") or call.header("authorization").removeprefix("Bearer ")
    if key != API_KEY:
        return refusal(call, 401, "" if key else "x-api-key header is required")
    version = call.header("anthropic-version")
    if version not in VERSIONS:
        wrong = f'"{version}" is not a valid version' if version else "header is required"
        return refusal(call, 400, f"anthropic-version: {wrong}")
    return refuse_fields(call, version, "model", *required)


ROUTES = [
    Route("/anthropic/v1/messages", create_message, methods=["POST"]),
    Route("/anthropic/v1/messages/count_tokens", count_tokens, methods=["POST"]),
]
