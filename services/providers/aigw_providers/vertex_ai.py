# SPDX-License-Identifier: Apache-2.0
"""Google's Vertex AI: a host of dialects. Gemini, Claude and text embeddings, each under its publisher.

Sources: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models,
https://docs.anthropic.com/en/api/claude-on-vertex-ai and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api.
"""

import re
from typing import Any, ClassVar, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from aigw_contract.calls import Answer, Call, EmbedCall, Embeddings, Usage
from aigw_contract.failures import Failure, Kind, kind_of_status
from aigw_contract.table import ProviderSettings
from aigw_providers.adapter import Adapter, Decoder, UpstreamRequest, decode_as, malformed
from aigw_providers.anthropic import Anthropic, messages_body
from aigw_providers.gemini import ContentDecoder, content_body, decode_content
from aigw_providers.google_errors import error_body, failure_of

CLAUDE_VERSION = "vertex-2023-10-16"
MULTI_REGIONS = ("us", "eu")

PROXY_PATH = re.compile(
    r"/(?P<version>v1|v1beta1)/(?:projects/[^/]+/locations/[^/]+/)?"
    r"publishers/(?P<publisher>google|anthropic)/models/(?P<model>[A-Za-z0-9@._-]+):"
    r"(?P<verb>predict|rawPredict|serverStreamingPredict|streamRawPredict"
    r"|generateContent|streamGenerateContent|countTokens)"
)
"""Without project and location is how google-genai writes paths in express mode, that is with an API key."""


class _Statistics(Struct, frozen=True):
    token_count: float = 0


class _Vector(Struct):
    values: list[float]
    statistics: _Statistics = _Statistics()


class _Prediction(Struct):
    embeddings: _Vector


class _Predictions(Struct):
    predictions: list[_Prediction]


class VertexAI(Adapter):
    embeds = True
    credential_source: ClassVar[Literal["file", "google"]] = "google"
    proxy_up = (b"anthropic-beta",)

    def __init__(self, settings: ProviderSettings) -> None:
        """Raises ValueError without a project or location: they are part of every path."""
        super().__init__(settings)
        if not (settings.project and settings.location):
            raise ValueError("a VertexAI provider needs a project and a location")
        self._claude = Anthropic(settings)

    def base_url(self) -> str:
        """A region, the two multi-regions, and `global` each have their own host."""
        location = self.settings.location
        if location == "global":
            return "https://aiplatform.googleapis.com"
        if location in MULTI_REGIONS:
            return f"https://aiplatform.{location}.rep.googleapis.com"
        return f"https://{location}-aiplatform.googleapis.com"

    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        if isinstance(call, EmbedCall):
            return self._post("google", call.model, "predict", {"instances": [{"content": t} for t in call.inputs]})
        if is_claude(call):
            body = {"anthropic_version": CLAUDE_VERSION} | messages_body(call)
            del body["model"]
            return self._post("anthropic", call.model, "streamRawPredict" if call.stream else "rawPredict", body)
        verb = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        return self._post("google", call.model, verb, content_body(call))

    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        if isinstance(call, EmbedCall):
            return _embeddings(decode_as(_Predictions, body), len(call.inputs))
        return self._claude.decode(call, body) if is_claude(call) else decode_content(body)

    def decoder(self, call: Call) -> Decoder:
        return self._claude.decoder(call) if is_claude(call) else ContentDecoder()

    def decode_error(self, status: int, body: bytes) -> Failure:
        return failure_of(body, kind_of_status(status), f"status {status}")

    def proxy_target(self, method: str, path: str, query: bytes) -> bytes | None:
        """The caller's project and location give way to the settings'."""
        found = PROXY_PATH.fullmatch(unquote(path)) if method == "POST" else None
        if found is None or query not in (b"", b"alt=sse"):
            return None
        target = self._target(found["publisher"], found["model"], found["verb"], found["version"])
        return target + (b"?alt=sse" if query else b"")

    def proxy_error(self, status: int, kind: Kind, detail: str) -> bytes:
        return error_body(status, kind, detail)

    def proxy_error_event(self, kind: Kind, detail: str) -> bytes:
        """Two events, as it is not known here whose stream it is: Google's SDK fails on the first; Anthropic's passes
        over the first, which has no name, and fails on the second."""
        return b"data: " + error_body(503, kind, detail) + b"\n\n" + self._claude.proxy_error_event(kind, detail)

    def _post(self, publisher: str, model: str, verb: str, body: dict[str, Any]) -> UpstreamRequest:
        headers = [(b"content-type", b"application/json")]
        return UpstreamRequest(self._target(publisher, model, verb), headers, msgspec.json.encode(body))

    def _target(self, publisher: str, model: str, verb: str, version: str = "v1") -> bytes:
        project, location = quote(self.settings.project, safe=":"), quote(self.settings.location, safe="")
        where = f"/{version}/projects/{project}/locations/{location}"
        return f"{where}/publishers/{publisher}/models/{quote(model, safe='@')}:{verb}".encode()


def is_claude(call: Call) -> bool:
    return call.model.startswith("claude")


def _embeddings(answer: _Predictions, asked: int) -> Embeddings:
    if len(answer.predictions) != asked:
        raise malformed("the provider's answer holds another number of vectors than asked for")
    vectors = [prediction.embeddings for prediction in answer.predictions]
    tokens = sum(int(vector.statistics.token_count) for vector in vectors)
    return Embeddings([vector.values for vector in vectors], Usage(tokens, 0))
