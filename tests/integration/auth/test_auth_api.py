# SPDX-License-Identifier: Apache-2.0
"""What a running auth service answers to the router and to other people's proxies."""

import time
from typing import Any

import httpx
import jwt
import msgspec
import pytest

from aigw_contract.decisions import Credentials, Decision
from integration.auth.issuer import Host
from integration.auth.running import Service, until
from unit.auth.making import INSTANCE, SCOPES, USER, credentials, rsa_key, token

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True, scope="module")
def _ready(service: Service) -> None:
    until(lambda: service.ready()[0])


def headers(presented: str, **changes: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {presented}",
        "x-gitlab-authentication-type": "oidc",
        "x-gitlab-realm": "self-managed",
        "x-gitlab-instance-id": INSTANCE,
        "x-gitlab-global-user-id": USER,
    } | changes


def mint(service: Service, presented: str, **body: Any) -> httpx.Response:
    asked = {"credentials": msgspec.to_builtins(credentials(presented))} | body
    return service.client.post("/user-tokens", json=asked)


def test_a_decision(host: Host, service: Service):
    expires = int(time.time()) + 600
    before = service.metric('aigw_decisions_total{reason="allowed"}')
    assert service.decide(host.issuers["gitlab"].token(exp=expires)) == Decision(
        True,
        issuer=host.issuers["gitlab"].url,
        subject=INSTANCE,
        realm="self-managed",
        instance_id=INSTANCE,
        scopes=frozenset(SCOPES),
        expires_at=expires,
    )
    assert service.metric('aigw_decisions_total{reason="allowed"}') == before + 1


def test_a_refusal_is_a_decision_too(host: Host, service: Service):
    refused = service.decide(host.issuers["gitlab"].token(aud="other"))
    assert refused == Decision(False, status=401, reason="token_wrong_audience", message="Forbidden by auth provider")
    assert service.ask(Credentials()).message == "No authorization header presented"
    assert service.metric('aigw_decisions_total{reason="token_wrong_audience"}') >= 1
    until(lambda: '"decision":"token_wrong_audience"' in service.output())


@pytest.mark.parametrize("path", ["/decisions", "/user-tokens"])
@pytest.mark.parametrize("key", [{}, {"x-aigw-internal-key": "wrong"}])
def test_only_the_gateways_own_parts_are_answered(service: Service, path: str, key: dict[str, str]):
    answered = httpx.post(service.url + path, json={"credentials": {}}, headers=key, trust_env=False)
    assert (answered.status_code, answered.json()["reason"]) == (401, "internal_credential_required")


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "reason"),
    [
        ("POST", "/decisions", b"", 400, "invalid_json"),
        ("POST", "/decisions", b"{", 400, "invalid_json"),
        ("POST", "/decisions", b'{"authorization": 5}', 422, "wrong_shape"),
        ("POST", "/decisions", b'"' + b"a" * 70000 + b'"', 413, "body_too_large"),
        ("POST", "/user-tokens", b"{}", 422, "wrong_shape"),
        ("POST", "/user-tokens", b'{"credentials": {}, "extra": {"a": 1}}', 422, "wrong_shape"),
        ("GET", "/decisions", b"", 405, "method_not_allowed"),
    ],
)
def test_what_is_no_question(service: Service, method: str, path: str, content: bytes, status: int, reason: str):
    answered = service.client.request(method, path, content=content)
    assert (answered.status_code, answered.json()["reason"]) == (status, reason)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/check", "/check/", "/check/v1/chat/completions"])
def test_a_proxy_may_ask_with_its_callers_headers_alone(host: Host, service: Service, method: str, path: str):
    sent = headers(host.issuers["gitlab"].token())
    answered = httpx.request(method, service.url + path, headers=sent, trust_env=False)
    assert answered.status_code == 200
    assert answered.content == b""
    assert answered.headers["x-aigw-subject"] == INSTANCE
    assert answered.headers["x-aigw-issuer"] == host.issuers["gitlab"].url
    assert answered.headers["x-aigw-realm"] == "self-managed"
    assert answered.headers["x-request-id"]


def test_a_proxy_gets_gitlabs_refusals(host: Host, service: Service):
    answered = httpx.get(service.url + "/check", trust_env=False)
    assert answered.status_code == 401
    assert answered.json() == {
        "error": "No authorization header presented",
        "reason": "authorization_missing",
        "request_id": answered.headers["x-request-id"],
    }
    mismatch = headers(host.issuers["gitlab"].token(), **{"x-gitlab-realm": "saas"})
    answered = httpx.get(service.url + "/check", headers=mismatch, trust_env=False)
    assert answered.json()["error"] == "Header mismatch 'X-Gitlab-Realm'"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?scope=duo_chat", 200),
        ("?scope=duo_chat&scope=complete_code", 200),
        ("?scope=generate_code", 403),
        ("?scope=generate_code&scope=duo_chat", 403),
        ("?scope=duo_chat&x=1&scope=generate_code", 403),
    ],
)
def test_a_proxy_may_ask_for_scopes(host: Host, service: Service, query: str, status: int):
    answered = httpx.get(
        service.url + "/check" + query, headers=headers(host.issuers["gitlab"].token()), trust_env=False
    )
    assert answered.status_code == status
    if status == 403:
        assert answered.json()["detail"] == "Unauthorized to access generate_code"
        assert answered.json()["reason"] == "scope_missing"


def test_a_header_that_comes_twice_agrees_with_nothing(host: Host, service: Service):
    good = headers(host.issuers["gitlab"].token())
    for name in ("authorization", "x-gitlab-realm", "x-gitlab-authentication-type"):
        twice = [*good.items(), (name, good[name])]
        assert httpx.get(service.url + "/check", headers=twice, trust_env=False).status_code == 401


def test_claims_are_shown_as_headers_can_carry_them(host: Host, service: Service):
    sent = headers(host.issuers["gitlab"].token(sub="caf\u00e9 50%")).items()
    raw = [(name, value.encode() if name != "x-gitlab-instance-id" else b"caf\xe9 50%") for name, value in sent]
    answered = httpx.get(service.url + "/check", headers=raw, trust_env=False)
    assert answered.status_code == 200
    assert answered.headers["x-aigw-subject"] == "caf%C3%A9%2050%25"


def test_a_user_token(host: Host, service: Service):
    answered = mint(service, host.issuers["gitlab"].token(scopes=["complete_code", "duo_chat"]))
    assert answered.status_code == 200
    made = answered.json()
    assert made["expires_at"] - time.time() == pytest.approx(3600, abs=30)
    decision = service.decide(made["token"])
    assert (decision.allowed, decision.user_token, decision.subject) == (True, True, USER)
    assert decision.scopes == {"complete_code"}
    assert decision.expires_at == made["expires_at"]
    assert service.decide(made["token"], global_user_id="other").message == "Header mismatch 'X-Gitlab-Global-User-Id'"


def test_extras_of_a_user_token(host: Host, service: Service):
    given = host.issuers["gitlab"].token(gitlab_realm="saas")
    asked = {
        "credentials": msgspec.to_builtins(credentials(given, realm="saas")),
        "extra": {"gitlab_project_id": "7", "iss": "x"},
    }
    made = service.client.post("/user-tokens", json=asked).json()
    read = jwt.decode(made["token"], rsa_key("own").public_key(), ["RS256"], audience="gitlab-ai-gateway")
    assert (read["gitlab_project_id"], read["iss"]) == ("7", "gitlab-ai-gateway")


def test_who_gets_no_user_token(host: Host, service: Service):
    made = mint(service, host.issuers["gitlab"].token()).json()["token"]
    unauthorized = "Unauthorized to create user access token"
    for presented, status, reason, message in (
        (made, 403, "user_token_cannot_mint", unauthorized),
        (host.issuers["gitlab"].token(scopes=["duo_chat"]), 403, "scope_missing", unauthorized),
        ("rubbish", 401, "token_malformed", "Forbidden by auth provider"),
    ):
        answered = mint(service, presented)
        assert answered.status_code == status
        decision = msgspec.json.decode(answered.content, type=Decision)
        assert (decision.allowed, decision.status, decision.reason) == (False, status, reason)
        assert decision.message == message


def test_nobody_else_makes_user_tokens(host: Host, service: Service):
    forged = token(rsa_key("a"), kid="a", iss="gitlab-ai-gateway", sub=USER)
    assert service.decide(forged).reason == "unknown_key"
    assert service.decide(token(rsa_key("a"), kid=None, iss="gitlab-ai-gateway", sub=USER)).reason == "unknown_key"


def test_probes_and_documentation(service: Service):
    for path in ("/livez", "/readyz", "/monitoring/healthz", "/monitoring/ready"):
        assert httpx.get(service.url + path, trust_env=False).status_code == 200
    document = service.client.get("/openapi.json").json()
    assert {"/decisions", "/user-tokens", "/check"} <= set(document["paths"])
    assert "Decision" in document["components"]["schemas"]
