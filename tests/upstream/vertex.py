# SPDX-License-Identifier: Apache-2.0
"""Vertex AI: Gemini, text embeddings, and Claude, each behind the access token of a service account."""

from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream import anthropic, anthropic_errors, anthropic_messages, gemini, google_errors
from upstream.answer import prompt_tokens
from upstream.calls import Call, Show, Wording, receive, respond
from upstream.google_token import Tokens
from upstream.vertex_embeddings import embed_content, predict
from upstream.wire import Whole

CLAUDE_VERSION = "vertex-2023-10-16"
_COUNT_TOKENS = "count-tokens"
# What Google itself refuses before Claude is asked.
_REFUSED_BY_GOOGLE = (401, 403, 404, 429)


async def google_model(request: Request) -> Response:
    """`POST .../publishers/google/models/MODEL:ACTION`."""
    action = request.path_params["action"]
    streaming = action == "streamGenerateContent"
    call = await receive(request, "vertex", request.path_params["model"], streaming)
    give = _ACTIONS.get(action, lambda call: google_errors.refusal(call, 404))
    return respond(call, google_errors.WORDING, _unauthorized, give)


async def anthropic_model(request: Request) -> Response:
    """`POST .../publishers/anthropic/models/MODEL:rawPredict` and `:streamRawPredict`."""
    model = request.path_params["model"]
    counting = model == _COUNT_TOKENS
    call = await receive(request, "vertex", None if counting else model)
    return respond(call, _CLAUDE_WORDING, _refuse_claude, anthropic.counted if counting else _claude)


def _generate(call: Call) -> Show:
    if not call.body.get("contents"):
        return google_errors.refusal(call, 400, "Unable to submit request because at least one contents is required.")
    as_events = call.request.query_params.get("alt") == "sse"
    return gemini.give(call.body, call.model, call.streaming, as_events)


def _count_tokens(call: Call) -> Show:
    count = prompt_tokens(gemini.prompt(call.body))
    details = gemini.prompt_usage(count)["promptTokensDetails"]
    return Whole.of({"totalTokens": count, "totalBillableCharacters": count * 4, "promptTokensDetails": details})


def _claude(call: Call) -> Show:
    return anthropic.with_id(anthropic_messages.give(call.body, call.model, call.streaming, "msg_vrtx_"))


def _unauthorized(call: Call) -> Whole | None:
    tokens: Tokens = call.request.app.state.tokens
    token = call.header("authorization").removeprefix("Bearer ")
    return None if tokens.accept(token) else google_errors.refusal(call, 401)


def _refuse_claude(call: Call) -> Whole | None:
    if refused := _unauthorized(call):
        return refused
    counting = call.request.path_params["model"] == _COUNT_TOKENS
    version = call.body.get("anthropic_version")
    if version not in (CLAUDE_VERSION, *anthropic.VERSIONS):
        problem = "Field required" if version is None else f'"{version}" is not a valid version'
        return anthropic_errors.refusal(call, 400, f"anthropic_version: {problem}")
    if "model" in call.body and not counting:
        return anthropic_errors.refusal(call, 400, "model: Extra inputs are not permitted")
    required = ("model", "messages") if counting else ("max_tokens", "messages")
    return anthropic.refuse_fields(call, version, *required)


def _claude_refusal(call: Call, status: int, message: str = "") -> Whole:
    """Google's refusal or Claude's, each in its own form."""
    refusal = google_errors.refusal if status in _REFUSED_BY_GOOGLE else anthropic_errors.refusal
    return refusal(call, status, message)


_CLAUDE_WORDING: Wording = replace(anthropic_errors.WORDING, status=_claude_refusal)
_ACTIONS: dict[str, Callable[[Call], Show]] = {
    "generateContent": _generate,
    "streamGenerateContent": _generate,
    "countTokens": _count_tokens,
    "predict": predict,
    "embedContent": embed_content,
}
_MODELS = "/projects/{project}/locations/{location}/publishers"

ROUTES = [
    route
    for version in ("v1", "v1beta1")
    for route in (
        Route(f"/vertex/{version}{_MODELS}/google/models/{{model}}:{{action}}", google_model, methods=["POST"]),
        Route(f"/vertex/{version}{_MODELS}/anthropic/models/{{model}}:{{action}}", anthropic_model, methods=["POST"]),
    )
]
