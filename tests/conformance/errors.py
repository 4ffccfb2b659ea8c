# SPDX-License-Identifier: Apache-2.0
"""How each provider words each kind of error: status and body, as documented.

A kind may be worded in several ways; each is a cell of its own.
"""

import json
from typing import Any, NamedTuple

from aigw_contract.failures import Kind


class Told(NamedTuple):
    kind: Kind
    how: str
    status: int
    body: bytes


def _told(kind: Kind, how: str, status: int, body: Any) -> Told:
    return Told(kind, how, status, body if isinstance(body, bytes) else json.dumps(body).encode())


def _claude(kind: Kind, status: int, name: str, message: str = "…") -> Told:
    error = {"details": None, "type": name, "message": message}
    return _told(kind, name, status, {"type": "error", "error": error, "request_id": "req_1"})


def _openai(kind: Kind, status: int, name: str | None, code: str | int | None, message: str = "…") -> Told:
    error = {"message": message, "type": name, "param": None, "code": code}
    return _told(kind, f"{status} {code or name}", status, {"error": error})


def _google(kind: Kind, code: int, status: str, message: str = "…") -> Told:
    return _told(kind, status, code, {"error": {"code": code, "message": message, "status": status}})


def _older_vllm(kind: Kind, status: int, name: str, message: str) -> Told:
    body = {"object": "error", "message": message, "type": name, "param": None, "code": status}
    return _told(kind, f"older vLLM {status} {name}", status, body)


def _tgi(kind: Kind, status: int, name: str, message: str) -> Told:
    return _told(kind, f"TGI {name}", status, {"error": message, "error_type": name})


def _llama_cpp(kind: Kind, status: int, name: str, message: str) -> Told:
    return _told(kind, f"llama.cpp {name}", status, {"error": {"code": status, "message": message, "type": name}})


ANTHROPIC = [
    _claude("rate_limited", 429, "rate_limit_error"),
    _claude("overloaded", 529, "overloaded_error", "Overloaded"),
    _claude("overloaded", 500, "api_error"),
    _claude("bad_request", 400, "invalid_request_error", "max_tokens: Field required"),
    _claude("too_long", 400, "invalid_request_error", "prompt is too long: 205000 tokens > 200000 maximum"),
    _claude("too_long", 413, "request_too_large"),
    _claude("auth", 401, "authentication_error", "invalid x-api-key"),
    _claude("auth", 403, "permission_error"),
    _claude("auth", 402, "billing_error"),
    _claude("not_found", 404, "not_found_error", "model: claude-0"),
    _claude("timeout", 504, "timeout_error"),
]

OPENAI = [
    _openai("rate_limited", 429, "requests", "rate_limit_exceeded", "Rate limit reached for gpt-4o"),
    _openai("rate_limited", 429, "tokens", "rate_limit_exceeded"),
    _openai("rate_limited", 429, "insufficient_quota", "insufficient_quota"),
    _openai("overloaded", 500, "server_error", None),
    _openai("overloaded", 503, "server_error", None, "That model is currently overloaded with other requests."),
    _openai("bad_request", 400, "invalid_request_error", None, "Unsupported parameter: 'temperature'"),
    _openai("bad_request", 400, "invalid_request_error", "unsupported_value"),
    _openai("too_long", 400, "invalid_request_error", "context_length_exceeded"),
    _openai("too_long", 400, "invalid_request_error", None, "This model's maximum context length is 8192 tokens."),
    _openai("too_long", 400, "invalid_request_error", "string_above_max_length"),
    _openai("auth", 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-a***."),
    _openai("auth", 403, "invalid_request_error", None, "You do not have access to this project."),
    _openai("auth", 403, "request_forbidden", "unsupported_country_region_territory"),
    _openai("not_found", 404, "invalid_request_error", "model_not_found"),
    _openai("timeout", 408, "timeout", None),
    _told("timeout", "a gateway before it", 504, b"<html>504 Gateway Time-out</html>"),
]

COMPATIBLE = [
    *OPENAI,
    _older_vllm("too_long", 400, "BadRequestError", "This model's maximum context length is 4096 tokens. However, …"),
    _older_vllm("not_found", 404, "NotFoundError", "The model `x` does not exist."),
    _older_vllm("bad_request", 400, "BadRequestError", "temperature must be non-negative, got -1.0."),
    _openai(
        "too_long", 400, "BadRequestError", 400, "The decoder prompt is longer than the maximum model length of 4096."
    ),
    _told("auth", "vLLM", 401, {"error": "Unauthorized"}),
    _openai("not_found", 404, "api_error", None, "model 'x' not found"),  # Ollama
    _openai("overloaded", 503, "api_error", None, "server busy, please try again. maximum pending requests exceeded"),
    _tgi(
        "too_long", 422, "validation", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. …"
    ),
    _tgi("bad_request", 422, "validation", "Input validation error: `temperature` must be strictly positive"),
    _tgi("overloaded", 429, "overloaded", "Model is overloaded"),
    _tgi("overloaded", 424, "generation", "Request failed during generation: CUDA error"),
    _llama_cpp("too_long", 400, "exceed_context_size_error", "the request exceeds the available context size. …"),
    _llama_cpp("overloaded", 503, "unavailable_error", "Loading model"),
    _llama_cpp("auth", 401, "authentication_error", "Invalid API Key"),
    _openai("too_long", 400, None, "400", "litellm.ContextWindowExceededError: litellm.BadRequestError: …"),  # LiteLLM
    _openai("rate_limited", 429, "throttling_error", "429", "litellm.RateLimitError: …"),
    _openai("rate_limited", 400, "budget_exceeded", "400", "Budget has been exceeded! Current cost: 2, Max budget: 1"),
    _openai("timeout", 408, None, "408", "litellm.Timeout: …"),
]

_LONG = {"code": 400, "message": "The input token count (9) exceeds the maximum …", "status": "INVALID_ARGUMENT"}

VERTEX = [
    _google("rate_limited", 429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com/…"),
    _google("overloaded", 503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    _google("overloaded", 500, "INTERNAL"),
    _google("overloaded", 499, "CANCELLED"),
    _google("bad_request", 400, "INVALID_ARGUMENT", "Please use a valid role: user, model."),
    _google("bad_request", 400, "FAILED_PRECONDITION", "The request is not allowed in this location."),
    _google(
        "too_long", 400, "INVALID_ARGUMENT", "The input token count (1200293) exceeds the maximum number of tokens …"
    ),
    _google("too_long", 400, "INVALID_ARGUMENT", "… the input token count is 2600 but model only supports up to 2048."),
    _told("too_long", "in a list", 400, [{"error": _LONG}]),
    _google("auth", 401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    _google("auth", 403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on resource"),
    _google("not_found", 404, "NOT_FOUND", "Publisher Model `projects/…/models/gemini-0` was not found"),
    _google("timeout", 504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
]

_SCRIPTED: dict[Kind, int] = {
    "rate_limited": 429,
    "overloaded": 503,
    "bad_request": 400,
    "too_long": 413,
    "auth": 401,
    "not_found": 404,
    "timeout": 504,
}

ECHO = [_told(kind, f"--fail-{status}", status, b"{}") for kind, status in _SCRIPTED.items()]

ERRORS: dict[str, list[Told]] = {
    "Anthropic": ANTHROPIC,
    "OpenAI": OPENAI,
    "OpenAICompatible": COMPATIBLE,
    "OpenAICompatible-fim": COMPATIBLE,
    "VertexAI-gemini": VERTEX,
    "VertexAI-claude": VERTEX + ANTHROPIC,
    "Echo": ECHO,
}
