# SPDX-License-Identifier: Apache-2.0
"""Requests as clients of the gateway write them."""

import json
from typing import Any

CODE = "/v3/code/completions"
EMBEDDINGS = "/internal/embeddings"
PROXY = "/internal/proxy"

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def component(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": kind, "payload": payload, "metadata": {"source": "GitLab EE", "version": "17.0"}}


def prompt(model: str, content: Any = "hi", **payload: Any) -> dict[str, Any]:
    """The blueprint's component: text written for one model."""
    return component("prompt", model=model, content=content, **payload)


def completion(**payload: Any) -> dict[str, Any]:
    """The component that GitLab sends today."""
    around = {"file_name": "app.py", "content_above_cursor": "def f(", "content_below_cursor": "\n    return 1"}
    return component("code_editor_completion", **(around | payload))


def generation(**payload: Any) -> dict[str, Any]:
    around = {"file_name": "app.py", "content_above_cursor": "# sort a list\n", "content_below_cursor": ""}
    return component("code_editor_generation", **(around | payload))


def envelope(*components: Any) -> dict[str, Any]:
    return {"prompt_components": list(components)}


def encode(body: Any) -> bytes:
    return json.dumps(body).encode()


def proxied(provider: str, model: str, *, stream: bool = False) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Path, headers and body of a generation in the provider's own dialect."""
    if provider == "anthropic":
        headers = {"anthropic-version": "2023-06-01"}
        return f"{PROXY}/anthropic/v1/messages", headers, _chat(model, stream) | {"max_tokens": 9}
    if provider == "openai":
        return f"{PROXY}/openai/v1/chat/completions", {}, _chat(model, stream)
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    path = f"{PROXY}/vertex-ai/v1/projects/theirs/locations/there/publishers/google/models/{model}:{verb}"
    return path, {}, {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def _chat(model: str, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES} | ({"stream": True} if stream else {})
