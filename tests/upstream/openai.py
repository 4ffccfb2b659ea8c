# SPDX-License-Identifier: Apache-2.0
"""OpenAI's API: chat completions, responses, embeddings and the list of models."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream import openai_chat, openai_responses
from upstream.answer import CREATED, prompt_tokens
from upstream.calls import Call, Show, receive, respond
from upstream.openai_errors import WORDING, refusal, request_id
from upstream.vectors import packed, vector
from upstream.wire import Whole

API_KEY = "test-openai-key"
MODELS = ("gpt-scripted", "text-embedding-scripted")
_DIMENSIONS = 1536
_NO_KEY = "You didn't provide an API key. You need to provide your API key in an Authorization header."


async def chat_completions(request: Request) -> Response:
    """`POST /v1/chat/completions`."""
    return await _answer(request, lambda call: openai_chat.give(call.body, call.model, call.streaming), "messages")


async def responses(request: Request) -> Response:
    """`POST /v1/responses`."""
    return await _answer(request, lambda call: openai_responses.give(call.body, call.model, call.streaming))


async def embeddings(request: Request) -> Response:
    """`POST /v1/embeddings`."""
    return await _answer(request, _embeddings, "input")


async def list_models(request: Request) -> Response:
    """`GET /v1/models`."""
    call = await receive(request, "openai", model="")
    return respond(call, WORDING, _unauthorized, lambda _: Whole.of(model_list(MODELS, "openai")))


def model_list(names: tuple[str, ...], owner: str) -> dict[str, Any]:
    """The list of models, in the form all compatible servers share."""
    models = [{"id": name, "object": "model", "created": CREATED, "owned_by": owner} for name in names]
    return {"object": "list", "data": models}


async def _answer(request: Request, give: Callable[[Call], Show], *required: str) -> Response:
    call = await receive(request, "openai")
    return respond(call, WORDING, lambda call: _refuse(call, *required), lambda call: _with_headers(give(call)))


def _with_headers(show: Show) -> Show:
    headers = {
        "x-request-id": request_id(),
        "openai-organization": "org-scripted",
        "openai-processing-ms": "1",
        "openai-version": "2020-10-01",
    }
    return replace(show, headers=headers)


def _unauthorized(call: Call) -> Whole | None:
    key = call.header("authorization").removeprefix("Bearer ")
    if not key:
        return refusal(call, 401, _NO_KEY)
    return None if key == API_KEY else refusal(call, 401, f"Incorrect API key provided: {key[:4]}****.")


def _refuse(call: Call, *required: str) -> Whole | None:
    if refused := _unauthorized(call):
        return refused
    missing = [name for name in ("model", *required) if name not in call.body]
    if not missing:
        return None
    return refusal(call, 400, f"Missing required parameter: '{missing[0]}'.", missing[0], "missing_required_parameter")


def _embeddings(call: Call) -> Whole:
    texts = _texts(call.body["input"])
    vectors = [vector(text, call.body.get("dimensions") or _DIMENSIONS) for text in texts]
    coded = [packed(found) for found in vectors] if call.body.get("encoding_format") == "base64" else vectors
    data = [{"object": "embedding", "index": index, "embedding": found} for index, found in enumerate(coded)]
    tokens = prompt_tokens(texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Whole.of({"object": "list", "data": data, "model": call.model, "usage": usage})


def _texts(asked: Any) -> list[str]:
    """The inputs to embed: a text, texts, the tokens of a text, or the tokens of texts."""
    if isinstance(asked, str) or (asked and isinstance(asked[0], int)):
        asked = [asked]
    return [str(part) for part in asked]


ROUTES = [
    Route("/openai/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/openai/v1/responses", responses, methods=["POST"]),
    Route("/openai/v1/embeddings", embeddings, methods=["POST"]),
    Route("/openai/v1/models", list_models, methods=["GET"]),
]
