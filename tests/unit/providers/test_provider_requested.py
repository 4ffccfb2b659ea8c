# SPDX-License-Identifier: Apache-2.0
"""Servers that calls name: which are dialled, with what, and what is told of how they fail. No socket."""

import json
import ssl
from typing import Any

import pytest

from aigw_contract.calls import Answer, Broken, Call, Delta, Message, ModelServer
from aigw_contract.failures import Failure, UpstreamFailed
from aigw_contract.peers import peer_allowed
from aigw_contract.table import ProviderSettings
from aigw_kit.http import HttpClient
from aigw_providers import requested
from aigw_providers.adapter import Headers, UpstreamRequest
from aigw_providers.metrics import Observed
from aigw_providers.openai_compatible import OpenAICompatible
from aigw_providers.relay import HttpUpstream, Relay, Upstream, UpstreamStream
from aigw_providers.requested import MOST_CLIENTS, Discreet, KeyOfRequest, Nowhere, RequestedRelay, Servers

KEY = "s3cr3t"
CALL = Call("m", [Message("user", "hi")])


def settings(*entries: str) -> ProviderSettings:
    return ProviderSettings("custom", "OpenAICompatible", request_endpoints=list(entries))


def dialled(servers: Servers, endpoint: str, key: str = "") -> tuple[HttpClient, Headers]:
    upstream = servers.upstream(ModelServer(endpoint, key))
    assert isinstance(upstream, HttpUpstream)
    assert isinstance(upstream._credential, KeyOfRequest)
    return upstream._client, upstream._credential._headers


def refused(servers: Servers, endpoint: str, key: str = KEY) -> Failure:
    with pytest.raises(UpstreamFailed) as failed:
        servers.upstream(ModelServer(endpoint, key))
    assert KEY not in str(failed.value)
    return failed.value.failure


class TestServers:
    @pytest.mark.parametrize(
        "endpoint", ["http://other", "http://a:81", "http://127.0.0.1", "ftp://a", "http://x@a", ""]
    )
    def test_the_list_is_checked_here_too(self, endpoint: str) -> None:
        assert refused(Servers(settings("http://a", "https://*.b")), endpoint).kind == "bad_request"
        assert not Servers(settings("http://a"))._clients

    @pytest.mark.parametrize("key", [f"{KEY}\r\nx: y", f"{KEY}\n", f"{KEY}\x00", f"{KEY}é", f"{KEY}\x7f"])
    def test_a_key_that_no_header_can_carry(self, key: str) -> None:
        assert refused(Servers(settings("*")), "http://a", key).kind == "bad_request"

    def test_the_key_is_that_of_the_request_and_none_is_none(self) -> None:
        servers = Servers(settings("*"))
        assert dialled(servers, "http://a", KEY)[1] == [(b"authorization", b"Bearer s3cr3t")]
        assert dialled(servers, "http://a")[1] == []

    def test_one_client_for_each_address_however_it_is_written(self) -> None:
        servers = Servers(settings("*"))
        client, _ = dialled(servers, "http://a:80/v1/", "one")
        assert dialled(servers, "HTTP://A/v1", "two")[0] is client
        assert dialled(servers, "http://a/v2")[0] is not client
        assert client.origin.path == b"/v1"

    def test_where_only_a_pattern_covers_the_name_the_peer_is_checked(self) -> None:
        servers = Servers(settings("http://named", "http://*.wild", "*"))
        checks = [
            dialled(servers, url)[0]._peer_allowed for url in ("http://named/v1", "http://a.wild", "http://other")
        ]
        assert checks == [None, peer_allowed, peer_allowed]

    def test_the_latest_are_kept_and_others_closed(self) -> None:
        servers = Servers(settings("*"))
        first, used = dialled(servers, "http://first")[0], dialled(servers, "http://used")[0]
        for number in range(MOST_CLIENTS):
            dialled(servers, f"http://a{number}")
            dialled(servers, "http://used")
        assert len(servers._clients) == MOST_CLIENTS
        assert first._closed
        assert not used._closed
        assert dialled(servers, "http://used")[0] is used

    def test_authorities_that_change_reach_all_clients(self) -> None:
        servers, tls = Servers(settings("*")), ssl.create_default_context()
        before = dialled(servers, "https://before")[0]
        servers.trust(tls)
        assert (before._tls, dialled(servers, "https://after")[0]._tls) == (tls, tls)

    def test_the_proxy_of_the_environment_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("http_proxy", "http://proxy:3128"), ("no_proxy", ".svc"), ("all_proxy", "")):
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.upper(), value)
        servers = Servers(settings("*"))
        proxied, direct = dialled(servers, "http://a.example")[0]._proxy, dialled(servers, "http://a.svc")[0]._proxy
        assert (proxied.host if proxied else None, direct) == ("proxy", None)


class Scripted(Upstream):
    """Answers one thing, and keeps what it was asked."""

    def __init__(self, status: int, body: Any) -> None:
        self._answer = status, [], json.dumps(body).encode()
        self.asked: list[UpstreamRequest] = []

    async def send(self, request: UpstreamRequest, timeout: float) -> tuple[int, Headers, bytes]:
        self.asked.append(request)
        return self._answer

    async def stream(self, request: UpstreamRequest, timeout: float) -> UpstreamStream:
        raise NotImplementedError


def relay(own: Upstream, named: Upstream, monkeypatch: pytest.MonkeyPatch) -> RequestedRelay:
    found = settings("http://a")
    monkeypatch.setattr(requested, "HttpUpstream", lambda *_: named)
    return RequestedRelay(found, OpenAICompatible(found), own, Servers(found))


GOOD = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}


class TestRelay:
    async def test_a_call_goes_where_it_says_and_nowhere_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own, named = Scripted(200, GOOD), Scripted(200, GOOD)
        both = relay(own, named, monkeypatch)
        assert await both.send(Call("m", at=ModelServer("http://a", KEY)), [], 1.0) == Answer("yes")
        assert (len(own.asked), len(named.asked)) == (0, 1)
        assert KEY.encode() not in named.asked[0].body
        assert await both.send(CALL, [], 1.0) == Answer("yes")
        assert (len(own.asked), len(named.asked)) == (1, 1)

    async def test_a_provider_without_a_list_takes_none(self) -> None:
        own = Scripted(200, GOOD)
        plain = Relay(OpenAICompatible(settings()), own, 1.0)
        with pytest.raises(UpstreamFailed) as failed:
            await plain.send(Call("m", at=ModelServer("http://a", KEY)), [], 1.0)
        with pytest.raises(UpstreamFailed):
            await plain.stream(Call("m", at=ModelServer("http://a", KEY), stream=True), [], 1.0)
        assert failed.value.failure.kind == "bad_request"
        assert own.asked == []

    async def test_a_failure_is_the_requests_and_repeats_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        body = {"error": {"message": f"bad key {KEY}", "type": KEY, "code": KEY}}
        both = relay(Scripted(200, GOOD), Scripted(401, body), monkeypatch)
        with pytest.raises(UpstreamFailed) as failed:
            await both.send(Call("m", at=ModelServer("http://a", KEY)), [], 1.0)
        assert failed.value.failure == Failure("auth", "status 401 ", by_request=True)

    async def test_an_address_that_is_not_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        both = relay(Scripted(200, GOOD), Scripted(200, GOOD), monkeypatch)
        with pytest.raises(UpstreamFailed) as failed:
            await both.send(Call("m", at=ModelServer("http://b", KEY)), [], 1.0)
        assert failed.value.failure == Failure("bad_request", "models at b are not allowed", by_request=True)

    async def test_its_own_endpoint_when_there_is_none(self) -> None:
        plain = Relay(OpenAICompatible(settings()), Nowhere(), 1.0)
        for sent in (plain.send(CALL, [], 1.0), plain.stream(CALL, [], 1.0)):
            with pytest.raises(UpstreamFailed) as failed:
                await sent
            assert failed.value.failure.kind == "unreachable"


class TestDiscreet:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            ({"type": KEY, "code": KEY}, Failure("auth", "status 401 ")),
            (
                {"type": "invalid_request_error", "code": "invalid_api_key"},
                Failure("auth", "status 401 invalid_api_key"),
            ),
            ({"type": "BadRequestError", "code": 400}, Failure("auth", "status 401 400")),
            ({"type": KEY, "code": 12345678}, Failure("auth", "status 401 ")),
        ],
    )
    def test_names_that_are_known_are_told(self, error: dict[str, Any], told: Failure) -> None:
        body = json.dumps({"error": error}).encode()
        assert Discreet(settings()).decode_error(401, body) == told

    def test_a_stream_that_breaks_over_a_key_is_no_fault_of_the_providers_credential(self) -> None:
        decoder = Discreet(settings()).decoder(CALL)
        content = {"choices": [{"delta": {"content": "x"}}]}
        error = {"error": {"message": KEY, "type": KEY, "code": 401}}
        frames = decoder.feed(b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in (content, error)))
        assert frames == [Delta("x"), Broken(Failure("overloaded", "stream error 401"))]


def test_a_failure_of_a_server_that_a_request_named_is_counted_and_no_health_of_the_provider() -> None:
    observed = Observed("custom")
    observed.failed(Failure("auth", by_request=True))
    assert observed.last_error is None
    observed.failed(Failure("auth"))
    assert observed.last_error == "auth"
