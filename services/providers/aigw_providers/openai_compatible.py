# SPDX-License-Identifier: Apache-2.0
"""Servers that speak like OpenAI (vLLM, Ollama, TGI, llama.cpp, LiteLLM): what they do differently.

Fill-in-the-middle goes raw to `/completions`. Errors come in more shapes: `{"object": "error", ...}` (older
vLLM), `{"error": "text", "error_type": "..."}` (TGI), and the status as a number or a string in `code`.
Sources: docs.vllm.ai (OpenAI-compatible server), huggingface.co/docs/text-generation-inference,
github.com/ggml-org/llama.cpp/tree/master/tools/server, docs.litellm.ai/docs/exception_mapping.
"""

import re
from typing import Any

import msgspec

from aigw_contract.calls import Call, EmbedCall, FinishReason
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Kind
from aigw_providers import fim
from aigw_providers.adapter import UpstreamRequest
from aigw_providers.openai import ERROR_NAMES, FINISH, OpenAI, post, sampling, streaming
from aigw_providers.openai_chunks import ErrorObject

ALSO_FINISH: dict[str, FinishReason] = {"eos_token": "stop", "stop_sequence": "stop"}  # TGI

ALSO_ERRORS: dict[str, Kind] = {
    "BadRequestError": "bad_request",  # vLLM, as the next two
    "NotFoundError": "not_found",
    "InternalServerError": "overloaded",
    "validation": "bad_request",  # TGI, as the next two
    "overloaded": "overloaded",
    "generation": "overloaded",
    "exceed_context_size_error": "too_long",  # llama.cpp, as the next
    "unavailable_error": "overloaded",
    "throttling_error": "rate_limited",  # LiteLLM, as the next
    "budget_exceeded": "rate_limited",
}

TOO_LONG = re.compile(
    r"context (length|size|window)|ContextWindowExceeded|maximum model length|`max_new_tokens` must be", re.IGNORECASE
)


class _AnyErrorBody(msgspec.Struct):
    """The fields of all shapes, as each fills only some."""

    error: ErrorObject | str | None = None
    error_type: str | None = None
    object: str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class OpenAICompatible(OpenAI):
    endpoint = ""
    needs_credential = False
    finish = FINISH | ALSO_FINISH
    error_names = ERROR_NAMES | ALSO_ERRORS
    too_long = TOO_LONG

    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        if isinstance(call, EmbedCall) or call.fim is None:
            return super().encode(call)
        body = {"model": call.model, "prompt": fim.prompt(call.fim)}
        stop = [*call.stop, *fim.TEMPLATES[call.fim.family].stop]
        return post(b"/completions", body | self.options(msgspec.structs.replace(call, stop=stop)))

    def turns(self, call: Call) -> list[dict[str, str]]:
        """The chat templates of many models take one system message, and only as the first."""
        system = "\n\n".join(m.content for m in call.messages if m.role == "system")
        others = [turn for turn in super().turns(call) if turn["role"] != "system"]
        return [{"role": "system", "content": system}, *others] if system else others

    def options(self, call: Call) -> dict[str, Any]:
        return {"max_tokens": call.max_tokens} | sampling(call) | streaming(call)

    def read_error(self, body: bytes) -> ErrorObject | None:
        try:
            told = msgspec.json.decode(body, type=_AnyErrorBody)
        except UNREADABLE:
            return None
        if isinstance(told.error, str):
            return ErrorObject(told.error, told.error_type, told.code)
        if told.error is None and told.object == "error":
            return ErrorObject(told.message, told.type, told.code)
        return told.error
