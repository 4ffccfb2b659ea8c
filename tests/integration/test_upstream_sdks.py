# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream speaks the providers' formats: their own SDKs, pointed straight at it, say so."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic.types import ToolParam
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google import genai
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as GoogleRequest
from google.genai import errors as google_errors
from google.genai import types
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials as TokenCredentials

from upstream.running import RunningUpstream, running_upstream

pytestmark = pytest.mark.integration

HI: Any = [{"role": "user", "content": "hi"}]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
ARGUMENTS = {"city": "example", "days": 7}
ANTHROPIC_TOOL: ToolParam = {"name": "get_weather", "input_schema": SCHEMA}
FUNCTION: dict[str, Any] = {"name": "get_weather", "parameters": SCHEMA}
CHAT_TOOL: Any = {"type": "function", "function": FUNCTION}
RESPONSES_TOOL: Any = {"type": "function", "strict": False, **FUNCTION}
GOOGLE_CONFIG = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[{"name": "get_weather", "parameters_json_schema": SCHEMA}])],
    automatic_function_calling={"disable": True},
)
VERTEX_MODELS = "/vertex/v1/projects/p/locations/l/publishers"
VERTEX_TOKEN = {"authorization": "Bearer test-vertex-token"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningUpstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture
def claude(upstream: RunningUpstream) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(upstream) as client:
        yield client


@pytest.fixture
def gpt(upstream: RunningUpstream) -> Iterator[openai.OpenAI]:
    with openai_client(f"{upstream.url}/openai/v1", strict=True) as client:
        yield client


@pytest.fixture
def vllm(upstream: RunningUpstream) -> Iterator[openai.OpenAI]:
    with openai_client(f"{upstream.url}/vllm/v1", key="none") as client:
        yield client


@pytest.fixture
def gemini(upstream: RunningUpstream) -> Iterator[genai.Client]:
    client = google_client(upstream, TokenCredentials("test-vertex-token"))
    yield client
    client.close()


@pytest.fixture
def claude_on_vertex(upstream: RunningUpstream) -> Iterator[anthropic.AnthropicVertex]:
    url, token = f"{upstream.url}/vertex/v1", "test-vertex-token"
    with anthropic.AnthropicVertex(
        region="l", project_id="p", access_token=token, base_url=url, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def anthropic_client(upstream: RunningUpstream, key: str = "test-anthropic-key") -> anthropic.Anthropic:
    url = f"{upstream.url}/anthropic"
    return anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, _strict_response_validation=True)


def openai_client(url: str, key: str = "test-openai-key", strict: bool = False) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=url, max_retries=0, _strict_response_validation=strict)


def google_client(upstream: RunningUpstream, credentials: Any) -> genai.Client:
    options = types.HttpOptions(base_url=f"{upstream.url}/vertex")
    return genai.Client(vertexai=True, project="p", location="l", credentials=credentials, http_options=options)


def service_credentials(upstream: RunningUpstream, account: str) -> service_account.Credentials:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    info = {"client_email": f"{account}@p.example", "private_key": pem, "token_uri": f"{upstream.url}/token"}
    return service_account.Credentials.from_service_account_info(info, scopes=["scope"])


class TestAnthropic:
    def test_message(self, claude: anthropic.Anthropic) -> None:
        message = claude.messages.create(model="claude-x", max_tokens=9, messages=HI)
        assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello from claude-x."}]
        assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 2, 5)
        assert message._request_id

    def test_streamed_message(self, claude: anthropic.Anthropic) -> None:
        with claude.messages.stream(model="claude-x--chunks-7", max_tokens=9, messages=HI) as stream:
            pieces = list(stream.text_stream)
            message = stream.get_final_message()
        assert len(pieces) == 7
        assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 7)

    def test_event_sequence(self, upstream: RunningUpstream) -> None:
        headers = {"x-api-key": "test-anthropic-key", "anthropic-version": "2023-06-01"}
        body = {"model": "claude-x--chunks-2", "max_tokens": 9, "messages": HI, "stream": True, "temperature": 0}
        lines = httpx.post(f"{upstream.url}/anthropic/v1/messages", json=body, headers=headers).text.splitlines()
        block = ["content_block_start", "ping", *["content_block_delta"] * 2, "content_block_stop"]
        events = ["message_start", *block, "message_delta", "message_stop"]
        assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == events

    @pytest.mark.parametrize("streamed", [False, True])
    def test_tool_call(self, claude: anthropic.Anthropic, streamed: bool) -> None:
        with claude.messages.stream(model="claude-x", max_tokens=9, messages=HI, tools=[ANTHROPIC_TOOL]) as stream:
            message: Any = stream.get_final_message()
        if not streamed:
            message = claude.messages.create(model="claude-x", max_tokens=9, messages=HI, tools=[ANTHROPIC_TOOL])
        assert message.stop_reason == "tool_use"
        assert (message.content[0].name, message.content[0].input) == ("get_weather", ARGUMENTS)

    def test_tool_result_is_answered_in_words(self, claude: anthropic.Anthropic) -> None:
        result: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "sunny"}]}
        message = claude.messages.create(model="claude-x", max_tokens=9, messages=[*HI, result], tools=[ANTHROPIC_TOOL])
        assert message.stop_reason == "end_turn"

    def test_count_tokens(self, claude: anthropic.Anthropic) -> None:
        counted = claude.messages.count_tokens(model="claude-x", messages=HI)
        assert (
            counted.input_tokens
            == claude.messages.create(model="claude-x", max_tokens=9, messages=HI).usage.input_tokens
        )

    def test_wrong_key(self, upstream: RunningUpstream) -> None:
        with anthropic_client(upstream, "wrong") as client, pytest.raises(anthropic.AuthenticationError) as caught:
            client.messages.create(model="claude-x", max_tokens=9, messages=HI)
        assert caught.value.type == "authentication_error"

    @pytest.mark.parametrize(
        ("behaviour", "status", "kind"),
        [
            ("fail-400", 400, "invalid_request_error"),
            ("too-long", 400, "invalid_request_error"),
            ("fail-404", 404, "not_found_error"),
            ("fail-429--retry-after-7", 429, "rate_limit_error"),
            ("fail-500", 500, "api_error"),
            ("fail-529", 529, "overloaded_error"),
            ("no-such-behaviour", 400, "invalid_request_error"),
        ],
    )
    def test_refusals(self, claude: anthropic.Anthropic, behaviour: str, status: int, kind: str) -> None:
        with pytest.raises(anthropic.APIStatusError) as caught:
            claude.messages.create(model=f"claude-x--{behaviour}", max_tokens=9, messages=HI, stream=True)
        assert (caught.value.status_code, caught.value.type) == (status, kind)
        assert caught.value.request_id
        assert caught.value.response.headers.get("retry-after") == ("7" if status == 429 else None)

    def test_sampling_is_refused_by_the_newer_version(self, claude: anthropic.Anthropic) -> None:
        with pytest.raises(anthropic.BadRequestError, match="temperature"):
            claude.messages.create(model="claude-x", max_tokens=9, messages=HI, extra_body={"temperature": 0})

    @pytest.mark.parametrize(("behaviour", "events"), [("error-event-first", 1), ("error-event-after-2", 4)])
    def test_error_in_stream(self, claude: anthropic.Anthropic, behaviour: str, events: int) -> None:
        seen: list[Any] = []
        stream = claude.messages.create(model=f"claude-x--{behaviour}", max_tokens=9, messages=HI, stream=True)
        with pytest.raises(anthropic.APIStatusError) as caught:
            seen.extend(stream)
        assert (caught.value.type, len(seen)) == ("overloaded_error", events)


class TestOpenAI:
    def test_chat_completion(self, gpt: openai.OpenAI) -> None:
        completion = gpt.chat.completions.create(model="gpt-x--bytes-100", messages=HI)
        choice = completion.choices[0]
        assert (len(choice.message.content or ""), choice.finish_reason) == (100, "stop")
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 25

    def test_streamed_chat_completion(self, gpt: openai.OpenAI) -> None:
        usage: Any = {"include_usage": True}
        stream = gpt.chat.completions.create(model="gpt-x", messages=HI, stream=True, stream_options=usage)
        chunks: list[Any] = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello from gpt-x."
        assert [bool(chunk.usage) for chunk in chunks] == [False] * 7 + [True]
        assert chunks[-2].choices[0].finish_reason == "stop"

    @pytest.mark.parametrize("streamed", [False, True])
    def test_tool_call(self, gpt: openai.OpenAI, streamed: bool) -> None:
        asked: Any = {"model": "gpt-x", "messages": HI, "tools": [CHAT_TOOL]}
        if streamed:
            with gpt.chat.completions.stream(**asked) as stream:
                choice: Any = stream.get_final_completion().choices[0]
        else:
            choice = gpt.chat.completions.create(**asked).choices[0]
        assert choice.finish_reason == "tool_calls"
        call = choice.message.tool_calls[0].function
        assert (call.name, call.arguments) == ("get_weather", '{"city":"example","days":7}')

    @pytest.mark.parametrize("tools", [[], [RESPONSES_TOOL]])
    def test_response(self, gpt: openai.OpenAI, tools: list[Any]) -> None:
        response: Any = gpt.responses.create(model="gpt-x", input="hi", tools=tools)
        with gpt.responses.stream(model="gpt-x", input="hi", tools=tools) as stream:
            events = list(stream)
            streamed: Any = stream.get_final_response()
        assert [event.sequence_number for event in events] == list(range(11 if tools else 13))
        for found in (response, streamed):
            said = found.output[0].arguments if tools else found.output_text
            assert said == ('{"city":"example","days":7}' if tools else "Hello from gpt-x.")

    def test_response_fails_in_stream(self, gpt: openai.OpenAI) -> None:
        events = list(gpt.responses.create(model="gpt-x--error-event-after-1", input="hi", stream=True))
        assert [(event.type, event.sequence_number) for event in events[-2:]] == [("error", 5), ("response.failed", 6)]

    def test_embeddings(self, upstream: RunningUpstream) -> None:
        # The SDK asks for base64 on its own, which its own strict validation then refuses: hence not strict.
        with openai_client(f"{upstream.url}/openai/v1") as client:
            asked = client.embeddings.create(model="embed", input=["one", "two"])
            plain = client.embeddings.create(model="embed", input="two", encoding_format="float")
        assert [request["body"]["encoding_format"] for request in upstream.requests()[-2:]] == ["base64", "float"]
        assert len(asked.data[0].embedding) == 1536
        assert asked.data[1].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)

    def test_models(self, gpt: openai.OpenAI) -> None:
        assert "gpt-scripted" in [model.id for model in gpt.models.list()]

    def test_wrong_key(self, upstream: RunningUpstream) -> None:
        with (
            openai_client(f"{upstream.url}/openai/v1", key="wrong") as client,
            pytest.raises(openai.AuthenticationError) as caught,
        ):
            client.chat.completions.create(model="gpt-x", messages=HI)
        assert caught.value.code == "invalid_api_key"

    @pytest.mark.parametrize(
        ("behaviour", "status", "code"),
        [
            ("too-long", 400, "context_length_exceeded"),
            ("fail-404", 404, "model_not_found"),
            ("fail-429--retry-after-7", 429, "rate_limit_exceeded"),
            ("fail-500", 500, None),
            ("fail-503", 503, None),
        ],
    )
    def test_refusals(self, gpt: openai.OpenAI, behaviour: str, status: int, code: str | None) -> None:
        with pytest.raises(openai.APIStatusError) as caught:
            gpt.responses.create(model=f"gpt-x--{behaviour}", input="hi", stream=True)
        assert (caught.value.status_code, caught.value.code) == (status, code)
        assert caught.value.response.headers.get("retry-after") == ("7" if status == 429 else None)

    def test_error_in_stream(self, gpt: openai.OpenAI) -> None:
        stream = gpt.chat.completions.create(model="gpt-x--error-event-after-2", messages=HI, stream=True)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.type == "server_error"


class TestVLLM:
    def test_completion(self, vllm: openai.OpenAI) -> None:
        completion = vllm.completions.create(model="codestral", prompt="def f(", suffix="return")
        assert (completion.choices[0].text, completion.object) == ("Hello from codestral.", "text_completion")

    def test_streamed_completion(self, vllm: openai.OpenAI) -> None:
        chunks = list(vllm.completions.create(model="codestral", prompt="def f(", stream=True))
        assert "".join(chunk.choices[0].text for chunk in chunks) == "Hello from codestral."
        assert chunks[-1].choices[0].finish_reason == "stop"

    def test_chat_and_models(self, vllm: openai.OpenAI) -> None:
        completion = vllm.chat.completions.create(model="mistral", messages=HI)
        assert completion.choices[0].message.content == "Hello from mistral."
        assert "codestral-scripted" in [model.id for model in vllm.models.list()]

    def test_errors(self, vllm: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as refused:
            vllm.completions.create(model="codestral--fail-404", prompt="def f(")
        with pytest.raises(openai.APIError) as broken:
            list(vllm.completions.create(model="codestral--error-event-first", prompt="def f(", stream=True))
        assert (refused.value.type, broken.value.type) == ("NotFoundError", "InternalServerError")


class TestGemini:
    def test_generate(self, gemini: genai.Client) -> None:
        answer = gemini.models.generate_content(model="gemini-x", contents="hi")
        assert answer.text == "Hello from gemini-x."
        assert answer.usage_metadata is not None
        assert answer.usage_metadata.total_token_count == 7

    def test_streamed(self, gemini: genai.Client) -> None:
        chunks: list[Any] = list(gemini.models.generate_content_stream(model="gemini-x", contents="hi"))
        assert "".join(chunk.text for chunk in chunks) == "Hello from gemini-x."
        assert (chunks[-1].candidates[0].finish_reason, len(chunks)) == (types.FinishReason.STOP, 6)
        assert chunks[-1].usage_metadata.total_token_count == 7

    async def test_streamed_async(self, gemini: genai.Client) -> None:
        stream = await gemini.aio.models.generate_content_stream(model="gemini-x", contents="hi")
        assert "".join([chunk.text or "" async for chunk in stream]) == "Hello from gemini-x."
        await gemini.aio.aclose()

    def test_function_call(self, gemini: genai.Client) -> None:
        asked: Any = {"model": "gemini-x", "contents": "hi", "config": GOOGLE_CONFIG}
        whole = gemini.models.generate_content(**asked)
        first = next(iter(gemini.models.generate_content_stream(**asked)))
        for calls in (whole.function_calls, first.function_calls):
            assert calls is not None
            assert (calls[0].name, calls[0].args) == ("get_weather", ARGUMENTS)

    def test_count_tokens(self, gemini: genai.Client) -> None:
        assert gemini.models.count_tokens(model="gemini-x", contents="hi").total_tokens == 2

    def test_text_embeddings(self, gemini: genai.Client) -> None:
        found: Any = gemini.models.embed_content(model="text-embedding-005", contents=["one", "two"]).embeddings
        assert [len(embedding.values) for embedding in found] == [768, 768]
        assert found[0].statistics.token_count == 1

    def test_gemini_embedding(self, gemini: genai.Client, upstream: RunningUpstream) -> None:
        config = types.EmbedContentConfig(output_dimensionality=8)
        found: Any = gemini.models.embed_content(model="gemini-embedding-2", contents="one", config=config).embeddings
        assert len(found[0].values) == 8
        assert upstream.requests()[-1]["path"].endswith(":embedContent")

    def test_json_array_without_sse(self, upstream: RunningUpstream) -> None:
        def stream(model: str) -> Any:
            url = f"{upstream.url}{VERTEX_MODELS}/google/models/{model}:streamGenerateContent"
            return httpx.post(url, json={"contents": [{"parts": [{"text": "hi"}]}]}, headers=VERTEX_TOKEN).json()

        assert len(stream("gemini-x")) == 6
        assert stream("gemini-x--error-event-after-2")[2]["error"]["status"] == "UNAVAILABLE"
        assert stream("gemini-x--fail-429")[0]["error"]["status"] == "RESOURCE_EXHAUSTED"

    @pytest.mark.parametrize(
        ("behaviour", "code", "status"),
        [
            ("fail-429", 429, "RESOURCE_EXHAUSTED"),
            ("fail-503", 503, "UNAVAILABLE"),
            ("too-long", 400, "INVALID_ARGUMENT"),
            ("error-event-first", 503, "UNAVAILABLE"),
            ("error-event-after-2", 503, "UNAVAILABLE"),
        ],
    )
    def test_errors(self, gemini: genai.Client, behaviour: str, code: int, status: str) -> None:
        with pytest.raises(google_errors.APIError) as caught:
            list(gemini.models.generate_content_stream(model=f"gemini-x--{behaviour}", contents="hi"))
        assert (caught.value.code, caught.value.status) == (code, status)

    def test_wrong_token(self, upstream: RunningUpstream) -> None:
        client = google_client(upstream, TokenCredentials("wrong"))
        with pytest.raises(google_errors.ClientError) as caught:
            client.models.generate_content(model="gemini-x", contents="hi")
        client.close()
        assert caught.value.status == "UNAUTHENTICATED"


class TestGoogleToken:
    def test_service_account(self, upstream: RunningUpstream) -> None:
        credentials = service_credentials(upstream, "robot")
        client = google_client(upstream, credentials)
        assert client.models.generate_content(model="gemini-x", contents="hi").text
        client.close()
        token = upstream.requests()[-1]["headers"]["authorization"]
        assert token.startswith("Bearer ya29.scripted-")

    def test_token_expires(self, upstream: RunningUpstream) -> None:
        credentials = service_credentials(upstream, "robot--expires-0")
        credentials.refresh(GoogleRequest())
        headers = {"authorization": f"Bearer {credentials.token}"}
        url = f"{upstream.url}{VERTEX_MODELS}/google/models/gemini-x:generateContent"
        assert httpx.post(url, json={"contents": []}, headers=headers).status_code == 401

    def test_refused(self, upstream: RunningUpstream) -> None:
        with pytest.raises(RefreshError, match="invalid_grant"):
            service_credentials(upstream, "robot--fail-400").refresh(GoogleRequest())


class TestClaudeOnVertex:
    def test_message(self, claude_on_vertex: anthropic.AnthropicVertex, upstream: RunningUpstream) -> None:
        message: Any = claude_on_vertex.messages.create(model="claude-x@20250101", max_tokens=9, messages=HI)
        assert message.content[0].text == "Hello from claude-x@20250101."
        seen = upstream.requests()[-1]
        assert seen["path"].endswith("/publishers/anthropic/models/claude-x@20250101:rawPredict")
        assert "model" not in seen["body"]

    def test_streamed_message(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        with claude_on_vertex.messages.stream(
            model="claude-x", max_tokens=9, messages=HI, tools=[ANTHROPIC_TOOL]
        ) as stream:
            message: Any = stream.get_final_message()
        assert message.content[0].input == ARGUMENTS

    def test_count_tokens(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        assert claude_on_vertex.messages.count_tokens(model="claude-x", messages=HI).input_tokens == 2

    def test_older_version(self, upstream: RunningUpstream) -> None:
        url = f"{upstream.url}{VERTEX_MODELS}/anthropic/models/claude-x:rawPredict"
        body = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": HI, "temperature": 0}
        assert httpx.post(url, json=body, headers=VERTEX_TOKEN).status_code == 200
        refused = httpx.post(url, json={**body, "model": "claude-x"}, headers=VERTEX_TOKEN)
        assert refused.json()["error"]["type"] == "invalid_request_error"

    @pytest.mark.parametrize(("behaviour", "status"), [("fail-429", 429), ("fail-529", 529), ("too-long", 400)])
    def test_refusals(self, claude_on_vertex: anthropic.AnthropicVertex, behaviour: str, status: int) -> None:
        with pytest.raises(anthropic.APIStatusError) as caught:
            claude_on_vertex.messages.create(model=f"claude-x--{behaviour}", max_tokens=9, messages=HI)
        assert caught.value.status_code == status


Ask = Callable[[str], httpx.Response]


@pytest.fixture
def ask(upstream: RunningUpstream) -> Iterator[Ask]:
    """Ask for a streamed completion and read it to its end."""
    upstream.reset()
    with httpx.Client(base_url=upstream.url, trust_env=False) as client:
        yield lambda model: client.post("/vllm/v1/completions", json={"model": model, "prompt": "p", "stream": True})


class TestBehaviours:
    def test_times(self, ask: Ask) -> None:
        begun = time.monotonic()
        ask("x--slow-100--pace-20--chunks-5")
        assert 0.2 <= time.monotonic() - begun < 2

    def test_sizes(self, ask: Ask) -> None:
        assert ask("x--chunks-50").text.count('"text"') == 51
        assert len(ask("x--empty").text) < 400

    def test_truncated(self, ask: Ask) -> None:
        text = ask("x--truncate-after-2").text
        assert (text.count('"text"'), "[DONE]" in text) == (2, False)

    @pytest.mark.parametrize(("model", "chunks"), [("x--die-before", 0), ("x--die-after-3", 3)])
    def test_dies(self, ask: Ask, upstream: RunningUpstream, model: str, chunks: int) -> None:
        with pytest.raises(httpx.ReadError):
            ask(model)
        assert upstream.wait_for("aborted", model)["chunks_sent"] == chunks

    @pytest.mark.parametrize("model", ["x--hang", "x--pace-10000", "x--hang-after-2"])
    async def test_notices_at_once_that_the_caller_left(self, upstream: RunningUpstream, model: str) -> None:
        body = {"model": model, "prompt": "p", "stream": True}
        async with httpx.AsyncClient(base_url=upstream.url, trust_env=False) as client:
            asking = asyncio.create_task(client.post("/vllm/v1/completions", json=body))
            await upstream.await_event("started", model)
            await asyncio.sleep(0.05)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            left = time.time()
        event = await upstream.await_event("disconnected", model)
        assert event["at"] - left < 0.2
        assert event["chunks_sent"] == (2 if model == "x--hang-after-2" else 0)

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/anthropic/v1/messages", "invalid_request_error"),
            ("/openai/v1/chat/completions", "missing_required_parameter"),
            ("/vllm/v1/completions", "BadRequestError"),
            (f"{VERTEX_MODELS}/google/models/gemini-2.5-flash:generateContent", "INVALID_ARGUMENT"),
        ],
    )
    def test_a_body_that_is_nested_too_deeply(self, upstream: RunningUpstream, path: str, kind: str) -> None:
        headers = {"x-api-key": "test-anthropic-key", "anthropic-version": "2023-06-01"}
        headers |= VERTEX_TOKEN if "vertex" in path else {"authorization": "Bearer test-openai-key"}
        nested = b'{"model": "x", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        answer = httpx.post(upstream.url + path, headers=headers, content=nested, trust_env=False)
        assert (answer.status_code, kind in answer.text) == (400, True)

    def test_record(self, ask: Ask, upstream: RunningUpstream) -> None:
        ask("x")
        seen = upstream.requests()
        assert [(request["provider"], request["method"], request["path"]) for request in seen] == [
            ("vllm", "POST", "/vllm/v1/completions")
        ]
        assert seen[0]["body"]["prompt"] == "p"
        assert [event["event"] for event in upstream.events()] == ["started", "finished"]
        upstream.reset()
        assert upstream.requests() == upstream.events() == []

    async def test_without_record(self) -> None:
        async with running_upstream(record=False) as silent, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{silent.url}/vllm/v1/models")).status_code == 200
            assert silent.requests() == []
