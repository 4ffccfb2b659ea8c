# SPDX-License-Identifier: Apache-2.0
"""The proxy's side of each adapter: what may go through and where to, and errors in the provider's own format."""

import json
from typing import Any, get_args
from urllib.parse import quote

import pytest

from aigw_contract.calls import Broken
from aigw_contract.failures import CONSEQUENCES, Kind
from aigw_contract.table import ProviderSettings
from aigw_kit.sse import EventReader
from aigw_providers.adapter import Adapter
from aigw_providers.registry import BUILT_IN, adapter_class
from conformance.dialects import DIALECTS, adapter_of
from golden.reading import read

ADAPTERS: dict[str, Adapter] = {kind: adapter_of(kind) for kind in BUILT_IN}

OURS = "/projects/our-project/locations/europe-west1"
THEIRS = "/projects/theirs/locations/us-central1"
GEMINI = "/publishers/google/models/gemini-2.5-flash"
CLAUDE = "/publishers/anthropic/models/claude-sonnet-4@20250514"

ALLOWED = [
    ("Anthropic", "/v1/messages", b"", "/v1/messages"),
    ("Anthropic", "/v1/messages", b"beta=true", "/v1/messages?beta=true"),
    ("Anthropic", "/v1/messages/count_tokens", b"", "/v1/messages/count_tokens"),
    ("OpenAI", "/v1/chat/completions", b"", "/chat/completions"),
    ("OpenAI", "/v1/responses", b"", "/responses"),
    ("OpenAI", "/v1/embeddings", b"", "/embeddings"),
    ("OpenAICompatible", "/v1/chat/completions", b"", "/chat/completions"),
    *(
        ("VertexAI", f"/v1{THEIRS}{model}:{verb}", b"", f"/v1{OURS}{model}:{verb}")
        for model, verbs in {
            GEMINI: ("generateContent", "streamGenerateContent", "countTokens", "predict", "serverStreamingPredict"),
            CLAUDE: ("rawPredict", "streamRawPredict"),
        }.items()
        for verb in verbs
    ),
    ("VertexAI", f"/v1{THEIRS}{GEMINI}:predict", b"alt=sse", f"/v1{OURS}{GEMINI}:predict?alt=sse"),
    ("VertexAI", f"/v1beta1{THEIRS}{GEMINI}:generateContent", b"", f"/v1beta1{OURS}{GEMINI}:generateContent"),
    ("VertexAI", f"/v1beta1{GEMINI}:generateContent", b"", f"/v1beta1{OURS}{GEMINI}:generateContent"),
    ("VertexAI", f"/v1{CLAUDE}:rawPredict", b"", f"/v1{OURS}{CLAUDE}:rawPredict"),
    ("VertexAI", f"/v1{THEIRS}{quote(CLAUDE)}%3ArawPredict", b"", f"/v1{OURS}{CLAUDE}:rawPredict"),
]

OTHER_PATHS = [
    "/",
    "",
    "//",
    "/v1/messages/",
    "/v1//messages",
    "/v1/messages/batches",
    "/v1/messages/../models",
    "/v1/messages%2F..%2Fmodels",
    "/v1/complete",
    "/v1/models",
    "/v1/completions",
    "/v1/files",
    "/v1/chat/completions/",
    "/v1/chat/completions/x",
    "/V1/chat/completions",
    "/chat/completions",
    "v1/chat/completions",
    "@evil.example.com/v1/messages",
    "//evil.example.com/v1/messages",
    "http://evil.example.com/v1/messages",
    f"//evil.example.com/v1{THEIRS}/publishers/google/models/g:predict",
    f"/v1{THEIRS}/publishers/mistralai/models/codestral:rawPredict",
    f"/v1{THEIRS}/publishers/google/models/g:embedEverything",
    f"/v1{THEIRS}/publishers/google/models/g:predictLongRunning",
    f"/v1{THEIRS}/publishers/google/models/g",
    f"/v1{THEIRS}/publishers/google/models/../../x/models/g:predict",
    f"/v1{THEIRS}/publishers/google/models/..%2F..%2Fg:predict",
    f"/v1{THEIRS}/publishers/google/models/g%0d%0ax:predict",
    f"/v1{THEIRS}/publishers/google/models/g?x:predict",
    f"/v1{THEIRS}/publishers/google/models/g%3fx:predict",
    f"/v1{THEIRS}/publishers/google/models/g%23:predict",
    f"/v1{THEIRS}/publishers/google/models/:predict",
    f"/v2{THEIRS}/publishers/google/models/g:predict",
    f"/v1{THEIRS}/publishers/google/models/g:predict/x",
    f"/v1{THEIRS}/publishers/google/models/g:predict\n",
    "/v1/projects/a/b/locations/c/publishers/google/models/g:predict",
    "/v1/projects//locations/c/publishers/google/models/g:predict",
    "/v1/projects/a/locations/c/endpoints/1:predict",
    "/v1/projects/a/locations/c/datasets",
    "/v1/publishers/google/models",
]


@pytest.mark.parametrize(("kind", "path", "query", "target"), ALLOWED)
def test_these_paths_go_through(kind: str, path: str, query: bytes, target: str) -> None:
    assert ADAPTERS[kind].proxy_target("POST", path, query) == target.encode()


@pytest.mark.parametrize(("kind", "path", "query", "target"), ALLOWED)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "post"])
def test_no_other_method_does(kind: str, path: str, query: bytes, target: str, method: str) -> None:
    assert ADAPTERS[kind].proxy_target(method, path, query) is None


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("path", OTHER_PATHS)
def test_no_other_path_does(kind: str, path: str) -> None:
    assert ADAPTERS[kind].proxy_target("POST", path, b"") is None


@pytest.mark.parametrize("query", [b"key=theirs", b"alt=sse&key=theirs", b"%61lt=sse", b"alt=media", b"access_token=x"])
@pytest.mark.parametrize(("kind", "path", "_query", "target"), ALLOWED)
def test_no_other_query_goes_up(kind: str, path: str, _query: bytes, target: str, query: bytes) -> None:
    found = ADAPTERS[kind].proxy_target("POST", path, query)
    assert found is None or b"?" not in found


def test_the_echo_provider_has_no_proxy() -> None:
    assert all(ADAPTERS["Echo"].proxy_target("POST", path, query) is None for _, path, query, _ in ALLOWED)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_no_header_that_authenticates_goes_up_and_no_cookie_comes_down(kind: str) -> None:
    adapter = ADAPTERS[kind]
    assert not {b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"host"} & set(adapter.proxy_up)
    assert not {b"set-cookie", b"openai-organization"} & set(adapter.proxy_down)
    assert all(name == name.lower() for name in (*adapter.proxy_up, *adapter.proxy_down))


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("provider", ADAPTERS)
def test_an_error_is_told_in_the_providers_format(provider: str, kind: Kind) -> None:
    status = CONSEQUENCES[kind].status
    error = json.loads(ADAPTERS[provider].proxy_error(status, kind, "What went wrong"))["error"]
    assert error["message"] == "What went wrong"
    assert SHOWN[provider](error, status), error


SHOWN: dict[str, Any] = {
    "Anthropic": lambda error, _: error["type"].endswith("_error") or error["type"] == "request_too_large",
    "OpenAI": lambda error, _: set(error) == {"message", "type", "param", "code"},
    "OpenAICompatible": lambda error, _: set(error) == {"message", "type", "param", "code"},
    "VertexAI": lambda error, status: error["code"] == status and error["status"].isupper(),
    "Echo": lambda error, _: True,
}


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "Echo"])
def test_an_error_event_breaks_the_stream_for_who_reads_that_dialect(name: str, kind: Kind) -> None:
    dialect = DIALECTS[name]
    event = dialect.adapter.proxy_error_event(kind, "What went wrong")
    begun = dialect.events(["a"], dialect.finish)[:1]
    *_, last = read(dialect.adapter.decoder(dialect.call(stream=True)), [*begun, b"\n\n", event])
    assert isinstance(last, Broken)


@pytest.mark.parametrize("provider", ADAPTERS)
def test_an_error_event_is_complete_and_says_what_went_wrong(provider: str) -> None:
    event = ADAPTERS[provider].proxy_error_event("cut", "What went wrong")
    assert event.endswith(b"\n\n")
    told = [json.loads(data) for _, data in EventReader().feed(event)]
    assert told
    assert all(each["error"]["message"] == "What went wrong" for each in told)


def test_each_sdk_finds_its_error_in_a_vertex_stream() -> None:
    """google-genai wants `{"error"` first and no event name; anthropic passes over events without a name."""
    google, claude = EventReader().feed(ADAPTERS["VertexAI"].proxy_error_event("cut", "x"))
    assert google.name == b""
    assert google.data.startswith(b'{"error":')
    assert claude.name == b"error"
    assert json.loads(claude.data)["type"] == "error"


def test_each_api_finds_its_error_in_an_openai_stream() -> None:
    """Chat completions: `error` in the data. Responses: an event of the type `error` with flat fields."""
    (event,) = EventReader().feed(ADAPTERS["OpenAI"].proxy_error_event("rate_limited", "x"))
    data = json.loads(event.data)
    assert event.name == b"error"
    assert data["error"]["code"] == data["code"] == "rate_limit_exceeded"
    assert (data["type"], data["message"], data["param"]) == ("error", "x", None)
    assert isinstance(data["sequence_number"], int)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_ai_is_where_its_location_is(location: str, host: str) -> None:
    adapter = adapter_class("VertexAI")(ProviderSettings("v", "VertexAI", project="p", location=location))
    assert adapter.base_url() == host
    assert f"/locations/{location}/".encode() in adapter.encode(DIALECTS["VertexAI-gemini"].call()).target


@pytest.mark.parametrize(("project", "location"), [("", ""), ("p", ""), ("", "global")])
def test_vertex_ai_does_not_start_without_project_and_location(project: str, location: str) -> None:
    with pytest.raises(ValueError, match="a project and a location"):
        adapter_class("VertexAI")(ProviderSettings("v", "VertexAI", project=project, location=location))


@pytest.mark.parametrize(
    ("kind", "url"),
    [("Anthropic", "https://api.anthropic.com"), ("OpenAI", "https://api.openai.com/v1"), ("OpenAICompatible", "")],
)
def test_the_others_are_at_one_place_or_where_the_settings_say(kind: str, url: str) -> None:
    assert ADAPTERS[kind].base_url() == url
