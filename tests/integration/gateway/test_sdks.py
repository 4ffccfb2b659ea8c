# SPDX-License-Identifier: Apache-2.0
"""The providers' own SDKs, pointed at the proxies of a running gateway, and what of their requests goes up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from google.oauth2.credentials import Credentials as TokenCredentials

from gateway import objects
from gateway.asking import CODE, EMBEDDINGS, MESSAGES, PROXY, completion, encode, envelope, prompt, proxied
from gateway.running import RunningGateway
from gateway.tap import Tap
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
ARGUMENTS = {"city": "example", "days": 7}
TOOL: Any = {"name": "get_weather", "input_schema": SCHEMA}
FUNCTION: dict[str, Any] = {"name": "get_weather", "parameters": SCHEMA}
CHAT_TOOL: Any = {"type": "function", "function": FUNCTION}
RESPONSES_TOOL: Any = {"type": "function", "strict": False, **FUNCTION}
GOOGLE_TOOL = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[{"name": "get_weather", "parameters_json_schema": SCHEMA}])],
    automatic_function_calling={"disable": True},
)
DIES = "die-after-3--pace-20"
SILENT = "tell-nobody-of-this"
"""A text in prompts, which must not stand in any log."""
MODELS = [
    {"name": "claude", "provider": "anthropic", "id": "claude-x"},
    {"name": "gpt", "provider": "openai", "id": "gpt-x"},
    {"name": "gpt-fails", "provider": "openai", "id": "gpt-x--fail-500"},
    {"name": "gemini", "provider": "vertex", "id": "gemini-x"},
]
OF_OURS = {
    "Cookie": "session=of-the-caller",
    "X-Gitlab-Global-User-Id": "user-of-the-caller",
    "X-Gitlab-Host-Name": "host-of-the-caller",
    "X-Gitlab-Unit-Primitive": "ai_gateway_model_provider_proxy",
    "X-Gitlab-Future-Header": "future-of-the-caller",
    "X-Forwarded-For": "203.0.113.7",
    "Proxy-Authorization": "Basic of-the-caller",
}


@pytest.fixture(scope="module")
def tap(running_upstream_process: RunningUpstream) -> Iterator[Tap]:
    with Tap(running_upstream_process.url) as tapping:
        yield tapping


@pytest.fixture(scope="module")
def gateway(tap: Tap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One whose way to the upstream is tapped, and that logs all it can."""
    features = {"codeCompletions": objects.feature("3s", "claude"), "embeddings": objects.feature("3s", "gpt")}
    documents = objects.manifest(objects.providers(tap.url)[:3], MODELS, features)
    documents[0]["spec"]["logging"] = {"level": "DEBUG"}
    with RunningGateway(tmp_path_factory.mktemp("tapped"), documents) as running:
        yield running


@pytest.fixture
def token(gateway: RunningGateway) -> str:
    return gateway.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def headers(gateway: RunningGateway) -> dict[str, str]:
    """What a client sends beside its token."""
    return {name: value for name, value in gateway.headers.items() if name != "Authorization"} | OF_OURS


@pytest.fixture
def claude(gateway: RunningGateway, token: str, headers: dict[str, str]) -> Iterator[anthropic.Anthropic]:
    url = f"{gateway.url}{PROXY}/anthropic"
    with anthropic.Anthropic(auth_token=token, base_url=url, default_headers=headers, max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(gateway: RunningGateway, token: str, headers: dict[str, str]) -> Iterator[openai.OpenAI]:
    url = f"{gateway.url}{PROXY}/openai/v1"
    with openai.OpenAI(api_key=token, base_url=url, default_headers=headers, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(gateway: RunningGateway, token: str, headers: dict[str, str]) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=f"{gateway.url}{PROXY}/vertex-ai", headers=headers)
    credentials = TokenCredentials(token)  # type: ignore[no-untyped-call]
    client = genai.Client(
        vertexai=True, project="theirs", location="there", credentials=credentials, http_options=options
    )
    yield client
    client.close()


@pytest.fixture
def claude_on_vertex(
    gateway: RunningGateway, token: str, headers: dict[str, str]
) -> Iterator[anthropic.AnthropicVertex]:
    url = f"{gateway.url}{PROXY}/vertex-ai/v1"
    with anthropic.AnthropicVertex(
        region="there",
        project_id="theirs",
        access_token=token,
        base_url=url,
        default_headers=headers,
        max_retries=0,
    ) as client:
        yield client


class TestAnthropic:
    def test_plain(self, claude: anthropic.Anthropic) -> None:
        message: Any = claude.messages.create(model="claude-x", max_tokens=9, messages=MESSAGES)
        assert message.content[0].text == "Hello from claude-x."
        assert message._request_id

    def test_streamed(self, claude: anthropic.Anthropic) -> None:
        with claude.messages.stream(model="claude-x--chunks-7", max_tokens=9, messages=MESSAGES) as stream:
            pieces = list(stream.text_stream)
            assert stream.get_final_message().stop_reason == "end_turn"
        assert len(pieces) == 7

    def test_tool(self, claude: anthropic.Anthropic) -> None:
        asked: Any = {"model": "claude-x", "max_tokens": 9, "messages": MESSAGES, "tools": [TOOL]}
        with claude.messages.stream(**asked) as stream:
            streamed: Any = stream.get_final_message()
        for message in (streamed, claude.messages.create(**asked)):
            assert message.stop_reason == "tool_use"
            assert (message.content[0].name, message.content[0].input) == ("get_weather", ARGUMENTS)

    def test_count_tokens(self, claude: anthropic.Anthropic) -> None:
        assert claude.messages.count_tokens(model="claude-x", messages=MESSAGES).input_tokens == 2
        assert claude.beta.messages.count_tokens(model="claude-x", messages=MESSAGES).input_tokens == 2

    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            ("fail-400", anthropic.BadRequestError),
            ("too-long", anthropic.BadRequestError),
            ("fail-401", anthropic.AuthenticationError),
            ("fail-404", anthropic.NotFoundError),
            ("fail-429--retry-after-7", anthropic.RateLimitError),
            ("fail-500", anthropic.InternalServerError),
            ("die-before", anthropic.InternalServerError),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_errors(self, claude: anthropic.Anthropic, behaviour: str, error: Any, stream: bool) -> None:
        asked: Any = {"model": f"claude-x--{behaviour}", "max_tokens": 9, "messages": MESSAGES, "stream": stream}
        with pytest.raises(error) as caught:
            claude.messages.create(**asked)
        assert caught.value.body["error"]["message"]
        assert caught.value.response.headers.get("retry-after") == ("7" if "429" in behaviour else None)

    @pytest.mark.parametrize("behaviour", [DIES, "error-event-after-3", "error-event-first"])
    def test_end_mid_stream(self, claude: anthropic.Anthropic, behaviour: str) -> None:
        with (
            claude.messages.stream(model=f"claude-x--{behaviour}", max_tokens=9, messages=MESSAGES) as stream,
            pytest.raises(anthropic.APIError),
        ):
            list(stream)

    def test_gateway_refuses(self, gateway: RunningGateway, headers: dict[str, str]) -> None:
        url = f"{gateway.url}{PROXY}/anthropic"
        with (
            anthropic.Anthropic(auth_token="x", base_url=url, default_headers=headers, max_retries=0) as client,
            pytest.raises(anthropic.AuthenticationError),
        ):
            client.messages.create(model="claude-x", max_tokens=9, messages=MESSAGES)


class TestOpenAI:
    def test_plain(self, gpt: openai.OpenAI) -> None:
        answer = gpt.chat.completions.create(model="gpt-x", messages=MESSAGES)
        assert answer.choices[0].message.content == "Hello from gpt-x."

    def test_streamed(self, gpt: openai.OpenAI) -> None:
        usage: Any = {"include_usage": True}
        chunks: list[Any] = list(
            gpt.chat.completions.create(model="gpt-x", messages=MESSAGES, stream=True, stream_options=usage)
        )
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello from gpt-x."
        assert chunks[-1].usage.completion_tokens == 5

    def test_tool(self, gpt: openai.OpenAI) -> None:
        asked: Any = {"model": "gpt-x", "messages": MESSAGES, "tools": [CHAT_TOOL]}
        with gpt.chat.completions.stream(**asked) as stream:
            streamed: Any = stream.get_final_completion()
        for answer in (streamed, gpt.chat.completions.create(**asked)):
            call = answer.choices[0].message.tool_calls[0].function
            assert (call.name, json.loads(call.arguments)) == ("get_weather", ARGUMENTS)

    @pytest.mark.parametrize("tools", [[], [RESPONSES_TOOL]])
    def test_responses(self, gpt: openai.OpenAI, tools: list[Any]) -> None:
        with gpt.responses.stream(model="gpt-x", input="hi", tools=tools) as stream:
            assert [event.sequence_number for event in stream] == list(range(11 if tools else 13))
            answers: list[Any] = [stream.get_final_response()]
        answers.append(gpt.responses.create(model="gpt-x", input="hi", tools=tools))
        for answer in answers:
            if tools:
                assert json.loads(answer.output[0].arguments) == ARGUMENTS
            else:
                assert answer.output_text == "Hello from gpt-x."

    def test_embeddings(self, gpt: openai.OpenAI) -> None:
        found = gpt.embeddings.create(model="embed", input=["one", "two"])
        assert [len(item.embedding) for item in found.data] == [1536, 1536]

    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            ("fail-400", openai.BadRequestError),
            ("too-long", openai.BadRequestError),
            ("fail-401", openai.AuthenticationError),
            ("fail-429--retry-after-7", openai.RateLimitError),
            ("fail-503", openai.InternalServerError),
            ("die-before", openai.InternalServerError),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_errors(self, gpt: openai.OpenAI, behaviour: str, error: Any, stream: bool) -> None:
        asked: Any = {"model": f"gpt-x--{behaviour}", "stream": stream}
        asks: list[Callable[[], Any]] = [
            lambda: gpt.chat.completions.create(messages=MESSAGES, **asked),
            lambda: gpt.responses.create(input="hi", **asked),
        ]
        for ask in asks:
            with pytest.raises(error) as caught:
                ask()
            assert caught.value.response.headers.get("retry-after") == ("7" if "429" in behaviour else None)

    @pytest.mark.parametrize("behaviour", [DIES, "error-event-after-3", "error-event-first"])
    def test_end_mid_stream(self, gpt: openai.OpenAI, behaviour: str) -> None:
        with pytest.raises(openai.APIError):
            list(gpt.chat.completions.create(model=f"gpt-x--{behaviour}", messages=MESSAGES, stream=True))

    def test_responses_end_mid_stream(self, gpt: openai.OpenAI) -> None:
        with pytest.raises(openai.APIError):
            list(gpt.responses.create(model=f"gpt-x--{DIES}", input="hi", stream=True))


class TestGemini:
    def test_plain(self, gemini: genai.Client) -> None:
        assert gemini.models.generate_content(model="gemini-x", contents="hi").text == "Hello from gemini-x."

    def test_streamed(self, gemini: genai.Client) -> None:
        chunks: list[Any] = list(gemini.models.generate_content_stream(model="gemini-x", contents="hi"))
        assert "".join(chunk.text for chunk in chunks) == "Hello from gemini-x."
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP

    @pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # the SDK's own
    async def test_streamed_async(self, gemini: genai.Client) -> None:
        stream = await gemini.aio.models.generate_content_stream(model="gemini-x", contents="hi")
        assert "".join([chunk.text or "" async for chunk in stream]) == "Hello from gemini-x."
        await gemini.aio.aclose()

    def test_tool(self, gemini: genai.Client) -> None:
        asked: Any = {"model": "gemini-x", "contents": "hi", "config": GOOGLE_TOOL}
        whole = gemini.models.generate_content(**asked)
        first = next(iter(list(gemini.models.generate_content_stream(**asked))))
        for answer in (whole, first):
            calls = answer.function_calls or []
            assert [(call.name, call.args) for call in calls] == [("get_weather", ARGUMENTS)]

    def test_count_tokens(self, gemini: genai.Client) -> None:
        assert gemini.models.count_tokens(model="gemini-x", contents="hi").total_tokens == 2

    def test_embeddings(self, gemini: genai.Client) -> None:
        found: Any = gemini.models.embed_content(model="text-embedding-005", contents=["one", "two"]).embeddings
        assert [len(embedding.values) for embedding in found] == [768, 768]

    @pytest.mark.parametrize(
        ("behaviour", "code"),
        [
            ("fail-400", 400),
            ("too-long", 400),
            ("fail-401", 401),
            ("fail-429", 429),
            ("fail-503", 503),
            ("die-before", 503),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_errors(self, gemini: genai.Client, behaviour: str, code: int, stream: bool) -> None:
        asked: Any = {"model": f"gemini-x--{behaviour}", "contents": "hi"}
        ask: Callable[..., Any] = gemini.models.generate_content_stream if stream else gemini.models.generate_content
        with pytest.raises(google_errors.APIError) as caught:
            list(ask(**asked))
        assert caught.value.code == code

    @pytest.mark.parametrize("behaviour", [DIES, "error-event-after-3", "error-event-first"])
    def test_end_mid_stream(self, gemini: genai.Client, behaviour: str) -> None:
        with pytest.raises(google_errors.APIError):
            list(gemini.models.generate_content_stream(model=f"gemini-x--{behaviour}", contents="hi"))

    def test_our_project_goes_up(self, gemini: genai.Client, tap: Tap) -> None:
        tap.forget()
        gemini.models.generate_content(model="gemini-x", contents="hi")
        assert "/projects/ours/locations/here/publishers/google/models/gemini-x:" in tap.requests()[0].line
        assert "theirs" not in tap.requests()[0].line


class TestClaudeOnVertex:
    def test_plain(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        message: Any = claude_on_vertex.messages.create(model="claude-x@1", max_tokens=9, messages=MESSAGES)
        assert message.content[0].text == "Hello from claude-x@1."

    def test_streamed(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        with claude_on_vertex.messages.stream(
            model="claude-x", max_tokens=9, messages=MESSAGES, tools=[TOOL]
        ) as stream:
            message: Any = stream.get_final_message()
        assert message.content[0].input == ARGUMENTS

    def test_count_tokens(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        assert claude_on_vertex.messages.count_tokens(model="claude-x", messages=MESSAGES).input_tokens == 2

    def test_error(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        with pytest.raises(anthropic.RateLimitError):
            claude_on_vertex.messages.create(model="claude-x--fail-429", max_tokens=9, messages=MESSAGES)

    def test_end_mid_stream(self, claude_on_vertex: anthropic.AnthropicVertex) -> None:
        with (
            claude_on_vertex.messages.stream(model=f"claude-x--{DIES}", max_tokens=9, messages=MESSAGES) as stream,
            pytest.raises(anthropic.APIError),
        ):
            list(stream)


class TestWhatGoesUp:
    KEYS = {"anthropic": "test-anthropic-key", "openai": "test-openai-key", "vertex-ai": "test-vertex-token"}
    FAMILIES = {"anthropic": "claude", "openai": "gpt", "vertex-ai": "gemini"}

    @pytest.mark.parametrize("provider", KEYS)
    @pytest.mark.parametrize("through", ["router", "provider service"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_nothing_of_the_caller(
        self, gateway: RunningGateway, tap: Tap, token: str, provider: str, through: str, stream: bool
    ) -> None:
        """Each of the two takes it off, also without the other."""
        path, extra, body = proxied(provider, f"{self.FAMILIES[provider]}-x", stream=stream)
        theirs = {"x-api-key": "of-the-caller", "x-goog-api-key": "of-the-caller", "api-key": "of-the-caller"}
        if through == "provider service":
            name = provider.removesuffix("-ai")
            path = gateway.ready["services"][f"provider-{name}"]["url"] + path.replace(f"{PROXY}/{provider}", "/proxy")
            extra = extra | {"x-aigw-internal-key": (gateway.run_directory / "internal.key").read_text()}
        tap.forget()
        with gateway.client(headers=gateway.headers | OF_OURS | theirs | extra) as client:
            assert client.post(path, json=body).status_code == 200
        (sent,) = tap.requests()
        assert b"of-the-caller" not in sent.raw
        assert token.encode() not in sent.raw
        assert not [name for name in sent.headers if name.startswith(("x-gitlab", "x-aigw", "x-forwarded", "cookie"))]
        assert self.KEYS[provider] in sent.headers["x-api-key" if provider == "anthropic" else "authorization"]
        assert sent.raw.count(self.KEYS[provider].encode()) == 1
        assert set(sent.headers) <= {
            *("host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"),
            *("authorization", "x-api-key", "anthropic-version", "anthropic-beta"),
        }

    def test_nor_with_code_and_embeddings(self, gateway: RunningGateway, tap: Tap, token: str) -> None:
        tap.forget()
        with gateway.client(headers=gateway.headers | OF_OURS) as client:
            for model in ("claude", "gpt", "gemini"):
                assert client.post(CODE, json=envelope(prompt(model))).status_code == 200
            assert client.post(EMBEDDINGS, json={"content": "hi"}).status_code == 200
        sent = tap.requests()
        assert len(sent) == 4
        for secret in ("of-the-caller", token, "x-gitlab", "x-aigw", "cookie"):
            assert not [request.line for request in sent if secret.encode() in request.raw.lower()]

    @pytest.mark.parametrize("provider", KEYS)
    def test_body_is_not_touched(self, gateway: RunningGateway, tap: Tap, provider: str) -> None:
        path, extra, asked = proxied(provider, f"{self.FAMILIES[provider]}-x")
        odd = b'\n {  "zz" : [1.0, 1e2,\t"\\u00e9\xc3\xa9"] ,"zz": null,' + encode(asked).lstrip(b"{") + b" \r\n"
        tap.forget()
        with gateway.client() as client:
            answer = client.post(path, content=odd, headers={"content-type": "application/json", **extra})
        assert answer.status_code == 200
        assert [sent.body for sent in tap.requests()] == [odd]

    @pytest.mark.parametrize("provider", KEYS)
    def test_answer_is_not_touched(
        self, gateway: RunningGateway, tap: Tap, running_upstream_process: RunningUpstream, provider: str
    ) -> None:
        path, extra, asked = proxied(provider, f"{self.FAMILIES[provider]}-x", stream=True)
        tap.forget()
        with gateway.client() as client:
            through = client.post(path, json=asked, headers=extra)
        (sent,) = tap.requests()
        target = sent.line.split(" ")[1]
        up = {name: value for name, value in sent.headers.items() if name not in ("host", "content-length")}
        direct = httpx.post(running_upstream_process.url + target, content=sent.body, headers=up, trust_env=False)
        assert through.content == direct.content
        assert through.headers["content-type"] == direct.headers["content-type"]
        assert through.headers["x-accel-buffering"] == "no"

    def test_rate_limits_are_told(self, gateway: RunningGateway) -> None:
        path, extra, body = proxied("anthropic", "claude-x--fail-429--retry-after-7")
        with gateway.client() as client:
            answer = client.post(path, json=body, headers=extra)
        assert answer.headers["retry-after"] == "7"
        assert [name for name in answer.headers if name.startswith("anthropic-ratelimit-")]

    @pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-x"), ("anthropic", "claude-x")])
    def test_what_a_provider_says_of_our_credential_stays_here(
        self, gateway: RunningGateway, provider: str, model: str
    ) -> None:
        """OpenAI repeats a part of the key."""
        path, extra, body = proxied(provider, f"{model}--fail-401")
        with gateway.client() as client:
            answer = client.post(path, json=body, headers=extra)
        assert answer.status_code == 401
        assert answer.json()["error"]["message"] == "The provider refused the gateway's credential"

    def test_trace_goes_along(self, gateway: RunningGateway, tap: Tap) -> None:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        path, extra, body = proxied("openai", "gpt-x")
        tap.forget()
        with gateway.client() as client:
            client.post(path, json=body, headers=extra | {"traceparent": trace, "tracestate": "a=b"})
        assert tap.requests()[0].headers["traceparent"].split("-")[1] == trace.split("-")[1]


class TestSecrets:
    """Keys, tokens and prompts: in no answer, and in no log, although everything is logged that can be."""

    BEHAVIOURS = ("fail-400", "fail-401", "fail-404", "fail-429", "fail-500", "too-long", "die-before", DIES)

    def test_nowhere(self, gateway: RunningGateway, tap: Tap, token: str) -> None:
        tap.forget()
        answers = b"".join(self._ask_everything(gateway))
        with gateway.client() as client:
            answers += self._raw(client.get("/openapi.json")) + self._raw(client.get(gateway.ready["metrics_url"]))
        assert SILENT.encode() in b"".join(sent.raw for sent in tap.requests())
        logs = gateway.logs()
        assert set(logs) == {"router", "auth", "provider-anthropic", "provider-openai", "provider-vertex"}
        assert '"level":"DEBUG"' in logs["router"]
        logs |= {"out": (gateway.folder / "out.txt").read_text(), "err": (gateway.folder / "err.txt").read_text()}
        for secret in self._secrets(gateway.run_directory, token):
            assert secret.encode() not in answers
            for service, log in logs.items():
                assert secret not in log, (service, secret[:12])
        for service, log in logs.items():
            for private in (SILENT, "of-the-caller"):
                assert private not in log, (service, private)

    def _secrets(self, directory: Path, token: str) -> list[str]:
        """Whatever must be known to nobody, and its telling parts."""
        pems = [
            line
            for name in ("issuer.pem", "signing.pem")
            for line in (directory / name).read_text().splitlines()[1:-1]
            if len(line) > 40
        ]
        return [*objects.KEYS.values(), (directory / "internal.key").read_text(), token, token.split(".")[2], *pems]

    def _ask_everything(self, gateway: RunningGateway) -> Iterator[bytes]:
        with gateway.client(headers=gateway.headers | OF_OURS) as client:
            for provider, family in TestWhatGoesUp.FAMILIES.items():
                for behaviour in ("chunks-3", *self.BEHAVIOURS):
                    for stream in (False, True):
                        yield self._proxied(client, provider, f"{family}--{behaviour}", stream)
            text = f"{SILENT} in a prompt"
            for body in (
                envelope(prompt("claude", text)),
                envelope(prompt("claude", text, stream=True)),
                envelope(prompt("gpt-fails", text), prompt("gemini", text)),
                envelope(prompt(SILENT, text)),
                envelope(completion(content_above_cursor=text, model_name=SILENT, prompt=7)),
                envelope({"type": "prompt", "payload": {"content": [{"role": "user", "content": 7, "text": text}]}}),
                envelope({"type": "prompt", "payload": {"content": [{"role": SILENT, "content": text}]}}),
                envelope({"type": SILENT, "payload": {"content": text}}),
                {"prompt_components": text},
            ):
                yield self._raw(client.post(CODE, json=body))
            yield self._raw(client.post(CODE, content=encode(envelope(prompt("claude", text)))[:-3]))
            yield self._raw(client.post(EMBEDDINGS, json={"content": text}))
        with gateway.client(headers=gateway.headers | {"Authorization": f"Bearer {SILENT}.{SILENT}"}) as client:
            yield self._raw(client.post(CODE, json=envelope(prompt("claude", SILENT))))

    def _proxied(self, client: httpx.Client, provider: str, model: str, stream: bool) -> bytes:
        path, extra, body = proxied(provider, model, stream=stream)
        said = encode(body).replace(b'"hi"', encode(SILENT))
        try:
            return self._raw(client.post(path, content=said, headers=extra | {"content-type": "application/json"}))
        except httpx.RemoteProtocolError:  # half a whole answer
            return b""

    def _raw(self, answer: httpx.Response) -> bytes:
        return b"\n".join(b": ".join(pair) for pair in answer.headers.raw) + b"\n\n" + answer.content
