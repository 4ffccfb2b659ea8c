# SPDX-License-Identifier: Apache-2.0
"""What surrounds the code endpoint: who is let in, probes, embeddings, documentation."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.asking import CODE, EMBEDDINGS, PROXY, completion, envelope
from gateway.running import RunningGateway, fetch
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration


@pytest.fixture
def stranger(gateway: RunningGateway) -> Iterator[httpx.Client]:
    """Asks without a token."""
    with gateway.client(headers={}) as client:
        yield client


class TestWithoutToken:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/"),
            ("GET", "/no/such/path"),
            ("POST", "/"),
            ("POST", "/v9/nothing"),
            ("PUT", "/livez/more"),
            ("POST", CODE),
            ("POST", EMBEDDINGS),
            ("POST", f"{PROXY}/anthropic/v1/messages"),
            ("POST", f"{PROXY}/no-such/v1/messages"),
        ],
    )
    def test_401(self, stranger: httpx.Client, method: str, path: str) -> None:
        answer = stranger.request(method, path)
        told = answer.json()
        assert answer.status_code == 401
        assert told.pop("error") == "No authorization header presented"
        assert set(told) == {"reason", "request_id"}
        assert told["request_id"] == answer.headers["x-request-id"]

    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/monitoring/healthz", "/monitoring/ready"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_probes(self, stranger: httpx.Client, path: str, method: str) -> None:
        answer = stranger.request(method, path)
        assert answer.status_code == 200
        assert answer.text.startswith('{"status":"ok"') if method == "GET" else answer.text == ""

    def test_metrics_are_not_public(self, stranger: httpx.Client, gateway: RunningGateway) -> None:
        assert stranger.get("/metrics").status_code == 401
        assert "aigw_requests_in_flight" in fetch(gateway.ready["metrics_url"]).text

    @pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "BREW"])
    def test_odd_methods(self, stranger: httpx.Client, method: str) -> None:
        for path in ("/", "/livez", CODE):
            answer = stranger.request(method, path)
            assert 400 <= answer.status_code < 500
            assert answer.json()["reason"]


class TestToken:
    def test_unknown_paths(self, client: httpx.Client) -> None:
        for path in ("/", "/no/such/path", f"{CODE}/", "/livez/more"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["detail"]) == (404, "Not found")
            assert answer.json()["reason"] == "not_found"

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"Authorization": "Basic x"}, "Invalid authorization header"),
            ({"Authorization": "Bearer nonsense"}, "Forbidden by auth provider"),
            ({"X-Gitlab-Authentication-Type": "basic"}, "Invalid authentication token type - only OIDC is supported"),
            ({"X-Gitlab-Realm": "saas"}, "Header mismatch 'X-Gitlab-Realm'"),
            ({"X-Gitlab-Instance-Id": "another"}, "Header mismatch 'X-Gitlab-Instance-Id'"),
        ],
    )
    def test_what_must_agree(self, gateway: RunningGateway, change: dict[str, str], error: str) -> None:
        with gateway.client(headers=gateway.headers | change) as client:
            answer = client.post(CODE, json=envelope(completion()))
        assert (answer.status_code, answer.json()["error"]) == (401, error)
        assert answer.json()["reason"]

    @pytest.mark.parametrize("options", [("--ttl", "-60"), ("--audience", "another")], ids=["expired", "audience"])
    def test_refused_tokens(self, gateway: RunningGateway, options: tuple[str, ...]) -> None:
        with gateway.client(headers=gateway.mint(*options)) as client:
            answer = client.post(CODE, json=envelope(completion()))
        assert (answer.status_code, answer.json()["error"]) == (401, "Forbidden by auth provider")

    def test_user_tokens_may_use_the_proxies(self, gateway: RunningGateway) -> None:
        with gateway.client(headers=gateway.mint("--user", "someone")) as client:
            answer = client.post(f"{PROXY}/openai/v1/embeddings", json={"model": "e", "input": "x"})
        assert answer.status_code == 200

    def test_proxies_need_their_scope(self, gateway: RunningGateway) -> None:
        with gateway.client(headers=gateway.mint("--scope", "complete_code")) as client:
            answer = client.post(f"{PROXY}/openai/v1/embeddings", json={"model": "e", "input": "x"})
        assert (answer.status_code, answer.json()["reason"]) == (403, "scope_missing")
        assert answer.json()["detail"] == "Unauthorized to access ai_gateway_model_provider_proxy"

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    @pytest.mark.parametrize("path", [CODE, EMBEDDINGS, f"{PROXY}/anthropic/v1/messages"])
    def test_wrong_method(self, client: httpx.Client, method: str, path: str) -> None:
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")

    def test_services_behind_answer_only_the_gateway(self, gateway: RunningGateway) -> None:
        for name, service in gateway.ready["services"].items():
            path = "/decisions" if name == "auth" else "/generate"
            if name == "router":
                continue
            answer = httpx.post(service["url"] + path, headers=gateway.headers, json={}, trust_env=False)
            assert (answer.status_code, answer.json()["reason"]) == (401, "internal_credential_required"), name


class TestEmbeddings:
    def test_answer(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        asked = {"content": "the title", "content_type": "issue_title", "metadata": {"source": "GitLab EE"}}
        answer = client.post(EMBEDDINGS, json=asked)
        body = answer.json()
        assert set(body) == {"response", "metadata"}
        assert len(body["response"]) == 1536
        assert all(isinstance(number, float) for number in body["response"])
        expected = {"model": "text-embedding-x", "provider": "open_ai", "identifier": answer.headers["x-request-id"]}
        assert body["metadata"] == expected
        assert upstream.requests()[0]["body"]["input"] == ["the title"]

    @pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": ["x"]}, {"content": "x", "content_type": 3}])
    def test_refusals(self, client: httpx.Client, body: Any) -> None:
        answer = client.post(EMBEDDINGS, json=body)
        assert (answer.status_code, answer.json()["reason"]) == (422, "wrong_shape")


class TestDocumentation:
    @pytest.fixture
    def document(self, stranger: httpx.Client) -> Any:
        return stranger.get("/openapi.json").json()

    def test_page(self, stranger: httpx.Client) -> None:
        page = stranger.get("/docs")
        assert page.status_code == 200
        assert "/v3/code/completions" in page.text

    def test_every_endpoint_is_there(self, document: Any) -> None:
        listed = {(path, method) for path, operations in document["paths"].items() for method in operations}
        assert listed == {
            (CODE, "post"),
            (EMBEDDINGS, "post"),
            (f"{PROXY}/{{provider}}/{{path}}", "post"),
            ("/livez", "get"),
            ("/readyz", "get"),
            ("/monitoring/healthz", "get"),
            ("/monitoring/ready", "get"),
            ("/schemas", "get"),
            ("/schemas/{name}", "get"),
        }

    def test_shapes_and_errors(self, document: Any) -> None:
        for path in (CODE, EMBEDDINGS):
            operation = document["paths"][path]["post"]
            assert "$ref" in operation["requestBody"]["content"]["application/json"]["schema"]
            assert {"200", "400", "401", "403", "408", "413", "422", "429", "503"} <= set(operation["responses"])
            for status, answer in operation["responses"].items():
                schema = answer["content"]["application/json"]["schema"]["$ref"]
                assert (schema == "#/components/schemas/Refusal") == (status != "200")

    def test_every_reference_leads_somewhere(self, document: Any) -> None:
        references = list(_references(document))
        assert references
        for reference in references:
            assert isinstance(_follow(document, reference), dict), reference

    def test_answers_are_as_documented(self, document: Any, client: httpx.Client) -> None:
        operation = document["paths"][CODE]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        shape = _follow(document, operation["$ref"])
        body = client.post(CODE, json=envelope(completion())).json()
        assert set(shape["required"]) <= set(body) <= set(shape["properties"])

    def test_schemas(self, stranger: httpx.Client) -> None:
        names = stranger.get("/schemas").json()["schemas"]
        known = {"prompt", "editor_content", "code_editor_completion", "code_editor_generation", "code_context"}
        assert known <= set(names)
        for name in names:
            schema = stranger.get(f"/schemas/{name}").json()
            assert schema["$ref"].startswith("#/$defs/")
            assert all(isinstance(_follow(schema, reference), dict) for reference in _references(schema))

    def test_no_such_schema(self, stranger: httpx.Client) -> None:
        answer = stranger.get("/schemas/no-such")
        assert (answer.status_code, answer.json()["reason"]) == (404, "no_such_schema")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        yield from (found for part in value.values() for found in _references(part))
        yield from value.get("discriminator", {}).get("mapping", {}).values()
    elif isinstance(value, list):
        yield from (found for part in value for found in _references(part))


def _follow(document: Any, reference: str) -> Any:
    """What a reference within a document leads to. Raises KeyError."""
    assert reference.startswith("#/")
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document
