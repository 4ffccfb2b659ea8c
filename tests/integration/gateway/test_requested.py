# SPDX-License-Identifier: Apache-2.0
"""Models that GitLab names in a request, with an address and a key: that one answers, or none."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import objects
from gateway.asking import CODE, EMBEDDINGS, completion, encode, envelope, generation
from gateway.running import RunningGateway
from gateway.wire import Wire
from upstream.running import RunningUpstream, running_upstream

pytestmark = pytest.mark.integration

CONFIGURED = "configured-s3cr3t"
ONE, TWO = "s3cr3t-of-one", "s3cr3t-of-two"
OPENAI = objects.KEYS["openai"]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RunningUpstream]:
    """A second model server."""
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def taking(
    running_upstream_process: RunningUpstream, elsewhere: RunningUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway with a configured model server that takes others beside, and a provider that takes more."""
    url = running_upstream_process.url
    vllm = {
        "name": "vllm",
        "type": "OpenAICompatible",
        "endpoint": f"{url}/vllm/v1",
        "credentials": {"secretRef": {"name": "vllm", "key": "key"}},
        "requestEndpoints": [f"{url}/vllm/v1", f"{url}/openai"],
        "timeout": "2s",
    }
    custom = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["*", f"{elsewhere.url}/vllm/v1"]}
    models = [{"name": "mistral", "provider": "vllm", "id": "mistral-x"}]
    features = {"codeCompletions": objects.feature("2s", "mistral")}
    documents = objects.manifest([vllm, custom], models, features, {"vllm": CONFIGURED})
    with RunningGateway(tmp_path_factory.mktemp("requested"), documents, extra={"AIGW_LOG_LEVEL": "DEBUG"}) as running:
        yield running


@pytest.fixture
def client(taking: RunningGateway) -> Iterator[httpx.Client]:
    with taking.client() as asking:
        yield asking


@pytest.fixture(autouse=True)
def _forget(upstream: RunningUpstream, elsewhere: RunningUpstream) -> None:
    elsewhere.reset()


def naming(endpoint: str, identifier: str = "custom_openai/mistral-x", **more: Any) -> dict[str, Any]:
    return {"provider": "litellm", "name": "mistral", "endpoint": endpoint, "identifier": identifier, **more}


def ask(client: httpx.Client, metadata: Any, asked: Any = None, **headers: str) -> httpx.Response:
    body = envelope(asked or completion()) | {"model_metadata": metadata}
    return client.post(CODE, json=body, headers=headers)


def shown(server: RunningUpstream) -> list[str | None]:
    """The credentials that a server was shown."""
    return [request["headers"].get("authorization") for request in server.requests()]


class TestServing:
    def test_the_model_that_is_named_answers(self, client: httpx.Client, elsewhere: RunningUpstream) -> None:
        answer = ask(client, naming(f"{elsewhere.url}/vllm/v1/", api_key=ONE))
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["text"] == "Hello from mistral-x."
        assert answer.json()["model"] == {"engine": "litellm", "name": "mistral-x", "lang": "python"}
        (seen,) = elsewhere.requests()
        assert (seen["path"], seen["headers"]["authorization"]) == ("/vllm/v1/chat/completions", f"Bearer {ONE}")
        assert (seen["body"]["model"], "stream" in seen["body"]) == ("mistral-x", False)

    def test_as_a_stream(self, client: httpx.Client, elsewhere: RunningUpstream) -> None:
        answer = ask(client, naming(f"{elsewhere.url}/vllm/v1", api_key=ONE), completion(stream=True))
        assert (answer.status_code, answer.text) == (200, "Hello from mistral-x.")
        assert answer.headers["content-type"] == "text/event-stream"
        assert shown(elsewhere) == [f"Bearer {ONE}"]

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_completion_of_a_known_family_is_filled_in(
        self, client: httpx.Client, elsewhere: RunningUpstream, stream: bool
    ) -> None:
        named = naming(f"{elsewhere.url}/vllm/v1", "text-completion-custom_openai/codestral-x", name="codestral")
        assert "Hello from codestral-x." in ask(client, named, completion(stream=stream)).text
        (seen,) = elsewhere.requests()
        assert seen["path"] == "/vllm/v1/completions"
        assert seen["body"]["prompt"] == "[SUFFIX]\n    return 1[PREFIX]def f("

    def test_a_generation_with_gitlabs_own_words(self, client: httpx.Client, elsewhere: RunningUpstream) -> None:
        answer = ask(client, naming(f"{elsewhere.url}/vllm/v1"), generation(prompt="sort a list"))
        assert answer.status_code == 200
        assert elsewhere.requests()[0]["body"]["messages"] == [{"role": "user", "content": "sort a list"}]
        assert shown(elsewhere) == [None], "no key, no header"

    def test_two_keys_for_two_servers_do_not_mix(
        self, client: httpx.Client, upstream: RunningUpstream, elsewhere: RunningUpstream
    ) -> None:
        for _ in range(3):
            assert ask(client, naming(f"{upstream.url}/vllm/v1", api_key=ONE)).status_code == 200
            assert ask(client, naming(f"{elsewhere.url}/vllm/v1", api_key=TWO)).status_code == 200
            assert ask(client, naming(f"{upstream.url}/vllm/v1")).status_code == 200
            assert ask(client, None).status_code == 200
        assert shown(upstream) == [f"Bearer {ONE}", None, f"Bearer {CONFIGURED}"] * 3
        assert shown(elsewhere) == [f"Bearer {TWO}"] * 3

    def test_the_configured_credential_goes_to_no_address_of_a_request(
        self, client: httpx.Client, upstream: RunningUpstream
    ) -> None:
        """Not even where that is the configured one."""
        assert ask(client, naming(f"{upstream.url}/vllm/v1")).status_code == 200
        assert shown(upstream) == [None]
        assert ask(client, {"provider": "gitlab", "identifier": "mistral"}).status_code == 200
        assert shown(upstream) == [None, f"Bearer {CONFIGURED}"]

    def test_embeddings(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        named = naming(f"{upstream.url}/openai/v1", "openai/text-embedding-x", api_key=OPENAI)
        answer = client.post(EMBEDDINGS, json={"content": "a text", "model_metadata": named})
        assert (answer.status_code, answer.json()["metadata"]["model"]) == (200, "text-embedding-x")
        assert upstream.requests()[0]["body"]["input"] == ["a text"]

    def test_the_log_has_the_host_and_no_more(self, taking: RunningGateway, elsewhere: RunningUpstream) -> None:
        named = naming(f"{elsewhere.url}/vllm/v1", api_key=ONE)
        with taking.client() as client:
            ask(client, named, **{"x-request-id": "of-a-model"})
        (line,) = taking.access_lines("router", "of-a-model")
        assert (line["model"], line["provider"], line["model_host"]) == ("requested", "custom", "127.0.0.1")
        assert "/vllm/v1" not in json.dumps(line)


class TestFailing:
    def test_its_refusal_of_the_key_is_told_and_no_other_model_asked(
        self, client: httpx.Client, upstream: RunningUpstream
    ) -> None:
        answer = ask(client, naming(f"{upstream.url}/openai/v1", "gpt-x", api_key=ONE))
        assert (answer.status_code, answer.json()["reason"]) == (503, "provider_credentials_refused")
        assert ONE not in answer.text
        (seen,) = upstream.requests()
        assert seen["provider"] == "openai"

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("behaviour", "status", "reason"),
        [
            ("fail-401", 503, "provider_credentials_refused"),
            ("fail-404", 503, "provider_model_not_found"),
            ("fail-429--retry-after-7", 429, "provider_rate_limited"),
            ("fail-500", 503, "provider_overloaded"),
            ("die-before", 503, "provider_connection_cut"),
            ("too-long", 422, "prompt_too_long"),
            ("hang", 503, "provider_timeout"),
        ],
    )
    def test_each_failure_is_the_callers(
        self, client: httpx.Client, upstream: RunningUpstream, behaviour: str, status: int, reason: str, stream: bool
    ) -> None:
        named = naming(f"{upstream.url}/vllm/v1", f"openai/m--{behaviour}", api_key=f"{TWO}{stream}")
        answer = ask(client, named, completion(stream=stream))
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
        assert {request["body"]["model"] for request in upstream.requests()} == {f"m--{behaviour}"}

    def test_a_bad_key_opens_a_breaker_for_itself_alone(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        url = f"{upstream.url}/openai/v1"
        for _ in range(6):
            assert ask(client, naming(url, "gpt-breaker", api_key="bad-s3cr3t")).status_code == 503
        assert len(upstream.requests()) == 5
        assert ask(client, naming(url, "gpt-breaker", api_key=OPENAI)).status_code == 200

    def test_a_stream_that_breaks_is_cut(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        named = naming(f"{upstream.url}/vllm/v1", "m--die-after-3--pace-20", api_key=ONE)
        with pytest.raises(httpx.RemoteProtocolError):
            ask(client, named, completion(stream=True))

    @pytest.mark.parametrize("stream", [False, True])
    def test_who_hangs_up_is_heard_at_the_server(
        self, taking: RunningGateway, elsewhere: RunningUpstream, stream: bool
    ) -> None:
        behaviour = f"m{stream}--" + ("pace-50--chunks-200" if stream else "hang")
        body = envelope(completion(stream=stream)) | {"model_metadata": naming(f"{elsewhere.url}/vllm/v1", behaviour)}
        with Wire(taking.url) as wire:
            wire.post(CODE, taking.headers, encode(body))
            elsewhere.wait_for("started", behaviour)
            if stream:
                assert wire.some().startswith(b"HTTP/1.1 200 OK")
            left = wire.close()
        assert elsewhere.wait_for("disconnected", behaviour)["at"] - left < 0.5


class TestRefusing:
    @pytest.mark.parametrize(
        ("endpoint", "host"),
        [
            ("http://127.0.0.1:1/v1", "127.0.0.1"),
            ("http://localhost:8000/v1", "localhost"),
            ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
            ("http://[::ffff:127.0.0.1]:8000/v1", "::ffff:7f00:1"),
            ("http://2130706433/v1", ""),
            ("file:///etc/passwd", ""),
        ],
    )
    def test_an_address_that_is_not_allowed(
        self, client: httpx.Client, upstream: RunningUpstream, endpoint: str, host: str
    ) -> None:
        answer = ask(client, naming(endpoint, api_key=ONE))
        assert (answer.status_code, answer.json()["reason"]) == (403, "model_endpoint_not_allowed")
        assert host in answer.json()["detail"]
        assert "meta-data" not in answer.text
        assert upstream.requests() == []

    def test_the_parts_of_the_gateway_itself(self, taking: RunningGateway, client: httpx.Client) -> None:
        for part in taking.ready["services"].values():
            assert ask(client, naming(f"{part['url']}/v1")).status_code == 403

    def test_a_path_beside_the_one_that_is_named(self, client: httpx.Client, elsewhere: RunningUpstream) -> None:
        for path in ("/openai/v1", "/vllm/v1x", "/vllm/v1/../../openai/v1"):
            assert ask(client, naming(elsewhere.url + path)).json()["reason"] == "model_endpoint_not_allowed"
        assert elsewhere.requests() == []

    def test_another_dialect(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        answer = ask(client, naming("http://bedrock.invalid", "bedrock/anthropic.claude"))
        assert (answer.status_code, answer.json()["reason"]) == (422, "model_dialect_not_supported")
        assert upstream.requests() == []

    def test_a_key_that_no_header_can_carry(self, client: httpx.Client, elsewhere: RunningUpstream) -> None:
        answer = ask(client, naming(f"{elsewhere.url}/vllm/v1", api_key=f"{ONE}\r\nx-more: 1"))
        assert (answer.status_code, answer.json()["reason"]) == (422, "provider_rejected_request")
        assert elsewhere.requests() == []

    @pytest.mark.parametrize("path", [CODE, EMBEDDINGS])
    def test_users_name_no_servers(self, taking: RunningGateway, elsewhere: RunningUpstream, path: str) -> None:
        named = naming(f"{elsewhere.url}/vllm/v1")
        with taking.client(headers=taking.mint("--user", "someone")) as client:
            body = envelope(completion()) | {"content": "x", "model_metadata": named}
            answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["reason"]) == (403, "user_token_not_accepted")
        assert elsewhere.requests() == []

    def test_a_gateway_that_takes_none_asks_no_model_of_its_own(
        self, gateway: RunningGateway, upstream: RunningUpstream
    ) -> None:
        with gateway.client() as client:
            answer = ask(client, naming(f"{upstream.url}/vllm/v1"))
        assert (answer.status_code, answer.json()["reason"]) == (403, "custom_models_disabled")
        assert upstream.requests() == []

    def test_without_an_endpoint_it_is_as_ever(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        for metadata in ({"provider": "litellm", "identifier": "m"}, "odd", [], {"provider": "gitlab"}, None):
            assert ask(client, metadata).status_code == 200
        assert shown(upstream) == [f"Bearer {CONFIGURED}"] * 5


def test_the_probe_costs_nothing_and_finds_a_provider_without_an_endpoint(
    taking: RunningGateway, client: httpx.Client, upstream: RunningUpstream
) -> None:
    """And what servers of requests have refused speaks against no provider's credential."""
    ask(client, naming(f"{upstream.url}/vllm/v1", "probed--fail-401", api_key=ONE))
    key = (taking.run_directory / "internal.key").read_text().strip()
    upstream.reset()
    found = client.post("/probe", headers={"x-aigw-internal-key": key}).json()["providers"]
    assert {name: state["credential"] for name, state in found.items()} == {"vllm": "present", "custom": "not_needed"}
    assert [state.get("last_error") for state in found.values()].count("auth") == 0
    assert upstream.requests() == []


def test_it_is_described(taking: RunningGateway, client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    request = document["components"]["schemas"]["CodeRequest"]["properties"]["model_metadata"]
    assert "ModelMetadata" in json.dumps(request)
    assert set(document["components"]["schemas"]["ModelMetadata"]["properties"]) >= {
        "endpoint",
        "api_key",
        "identifier",
    }
    refusals = json.dumps(document["paths"]["/v3/code/completions"]["post"]["responses"])
    for reason in ("custom_models_disabled", "model_endpoint_not_allowed", "model_dialect_not_supported"):
        assert reason in refusals


def test_no_key_is_in_any_log_or_metric(
    taking: RunningGateway, client: httpx.Client, upstream: RunningUpstream, elsewhere: RunningUpstream
) -> None:
    """The last of this file: all that was asked above has been logged, too, at DEBUG."""
    for endpoint in (f"{elsewhere.url}/vllm/v1", f"{upstream.url}/openai/v1", f"http://user:{ONE}@models", "http://a"):
        ask(client, naming(endpoint, api_key=ONE))
    taking.access_lines("router", ask(client, naming("http://last", api_key=[ONE])).headers["x-request-id"])
    told = [taking.said(), *taking.logs().values()]
    told += [httpx.get(s["metrics_url"], trust_env=False).text for s in taking.ready["services"].values()]
    assert any("model_host" in text for text in told)
    assert [text for text in told if "s3cr3t" in text or OPENAI in text] == []
    assert [text for text in told if "mistral-x" in text or "m--" in text] == [], "nor what requests call their models"
