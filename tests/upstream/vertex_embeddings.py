# SPDX-License-Identifier: Apache-2.0
"""Text embeddings on Vertex: `predict` for the text models, `embedContent` for the Gemini ones."""

from typing import Any

from upstream.answer import prompt_tokens
from upstream.calls import Call
from upstream.gemini import prompt_usage
from upstream.google_errors import refusal
from upstream.vectors import vector
from upstream.wire import Whole

_DIMENSIONS = 768


def predict(call: Call) -> Whole:
    """The answer to `predict`."""
    texts = [instance.get("content") for instance in call.body.get("instances") or ()]
    if not texts or not all(isinstance(text, str) for text in texts):
        return refusal(call, 400, "The text content is empty.")
    dimensions = (call.body.get("parameters") or {}).get("outputDimensionality") or _DIMENSIONS
    predictions = [{"embeddings": _embedding(text, dimensions)} for text in texts]
    billable = sum(len(text) for text in texts)
    return Whole.of({"predictions": predictions, "metadata": {"billableCharacterCount": billable}})


def embed_content(call: Call) -> Whole:
    """The answer to `embedContent`."""
    text = "".join(part.get("text", "") for part in (call.body.get("content") or {}).get("parts") or ())
    config = call.body.get("embedContentConfig") or call.body
    values = vector(text, config.get("outputDimensionality") or _DIMENSIONS)
    usage = prompt_usage(prompt_tokens(text))
    return Whole.of({"embedding": {"values": values}, "truncated": False, "usageMetadata": usage})


def _embedding(text: str, dimensions: int) -> dict[str, Any]:
    statistics = {"truncated": False, "token_count": prompt_tokens(text)}
    return {"values": vector(text, dimensions), "statistics": statistics}
