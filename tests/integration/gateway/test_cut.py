# SPDX-License-Identifier: Apache-2.0
"""An upstream that breaks off mid-stream never looks like a good end to the client."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.asking import CODE, completion, encode, envelope, prompt, proxied
from gateway.running import RunningGateway, until
from gateway.wire import Cut, Wire
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

FAMILIES = {"anthropic": "claude", "openai": "gpt", "vertex-ai": "gemini"}
DIES = "die-after-3--pace-20"
FALLS_SILENT = "hang-after-3"


def events(body: bytes) -> list[Any]:
    """The data of the server-sent events that are whole."""
    blocks = body.replace(b"\r\n", b"\n").split(b"\n\n")
    lines = [line for block in blocks[:-1] for line in block.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


def is_error(provider: str, event: Any) -> bool:
    """Whether the provider's own SDK takes the event for an error."""
    error = event.get("error", {})
    if provider == "anthropic":
        return event["type"] == "error" and "message" in error
    return "message" in error if provider == "openai" else {"code", "status"} <= set(error)


class TestCode:
    @pytest.mark.parametrize("family", ["claude", "gpt", "gemini", "mistral"])
    @pytest.mark.parametrize("behaviour", [DIES, "truncate-after-3", "error-event-after-3"])
    def test_raw_text_is_cut(self, client: httpx.Client, family: str, behaviour: str) -> None:
        """Raw text has no error event: the body ends before its end."""
        pieces: list[bytes] = []
        asked = envelope(completion(model_name=f"{family}--{behaviour}", stream=True))
        with client.stream("POST", CODE, json=asked) as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                pieces.extend(answer.iter_raw())
        assert b"".join(pieces).startswith(b"Hello")

    def test_silence_is_cut_too(self, gateway: RunningGateway) -> None:
        with Wire(gateway.url) as wire:
            wire.post(CODE, gateway.headers, encode(envelope(prompt(f"mistral--{FALLS_SILENT}", stream=True))))
            with pytest.raises(Cut) as cut:
                wire.answer()
        assert not cut.value.got.endswith(b"0\r\n\r\n")

    @pytest.mark.parametrize("family", ["claude", "gpt", "gemini", "mistral"])
    @pytest.mark.parametrize("behaviour", [DIES, "truncate-after-3"])
    def test_half_an_answer_is_none(self, client: httpx.Client, family: str, behaviour: str) -> None:
        """Not streamed, so another candidate can still answer."""
        answer = client.post(CODE, json=envelope(prompt(f"{family}--{behaviour}"), prompt("echo")))
        assert answer.json()["response"] == "echo: hi"

    def test_log_says_why(self, client: httpx.Client, gateway: RunningGateway) -> None:
        body, headers = envelope(prompt(f"gpt--{DIES}", stream=True)), {"x-request-id": "was-cut"}
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(CODE, json=body, headers=headers)
        (line,) = gateway.access_lines("router", "was-cut")
        assert (line["status"], line["cut"]) == (200, True)
        assert line["failures"] == ["cut: the connection was lost"]


class TestProxy:
    @pytest.mark.parametrize("provider", FAMILIES)
    def test_death_ends_in_an_error_event(self, client: httpx.Client, provider: str) -> None:
        path, headers, body = proxied(provider, f"{FAMILIES[provider]}--{DIES}", stream=True)
        answer = client.post(path, headers=headers, json=body)
        told = [is_error(provider, event) for event in events(answer.content)]
        assert told[:3] == [False, False, False]
        assert any(told[3:])

    def test_silence_too(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        def fall_silent(provider: str) -> bool:
            model = f"{FAMILIES[provider]}--{FALLS_SILENT}"
            path, headers, body = proxied(provider, model, stream=True)
            answer = client.post(path, headers=headers, json=body)
            upstream.wait_for("disconnected", model)
            return any(is_error(provider, event) for event in events(answer.content)[-2:])

        with ThreadPoolExecutor(len(FAMILIES)) as pool:
            assert list(pool.map(fall_silent, FAMILIES)) == [True, True, True]

    @pytest.mark.parametrize("provider", FAMILIES)
    def test_providers_own_error_event_passes_through(
        self, client: httpx.Client, upstream: RunningUpstream, provider: str
    ) -> None:
        self._same_as_direct(client, upstream, provider, "error-event-after-3")

    @pytest.mark.parametrize("provider", FAMILIES)
    def test_clean_end_passes_through(self, client: httpx.Client, upstream: RunningUpstream, provider: str) -> None:
        """For HTTP nothing is wrong with it: whether an end is missing only the dialect knows."""
        self._same_as_direct(client, upstream, provider, "truncate-after-3")

    def _same_as_direct(self, client: httpx.Client, upstream: RunningUpstream, provider: str, behaviour: str) -> None:
        path, headers, body = proxied(provider, f"{FAMILIES[provider]}--{behaviour}", stream=True)
        through = client.post(path, headers=headers, json=body).content
        keys = {"x-api-key": "test-anthropic-key"} if provider == "anthropic" else {}
        bearer = {"openai": "test-openai-key", "vertex-ai": "test-vertex-token"}.get(provider)
        keys |= {"authorization": f"Bearer {bearer}"} if bearer else {}
        seen = upstream.requests()[-1]
        url = f"{upstream.url}{seen['path']}?{seen['query']}"
        assert through == httpx.post(url, headers=headers | keys, json=body, trust_env=False).content

    @pytest.mark.parametrize("provider", FAMILIES)
    def test_half_a_whole_answer_is_cut(self, client: httpx.Client, provider: str) -> None:
        """Not a stream of events, so there is no place for an error event."""
        path, headers, body = proxied(provider, f"{FAMILIES[provider]}--{DIES}")
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(path, headers=headers, json=body)

    @pytest.mark.parametrize(("behaviour", "status"), [("die-before", 503)])
    @pytest.mark.parametrize("provider", FAMILIES)
    def test_death_before_the_answer(self, client: httpx.Client, provider: str, behaviour: str, status: int) -> None:
        path, headers, body = proxied(provider, f"{FAMILIES[provider]}--{behaviour}", stream=True)
        answer = client.post(path, headers=headers, json=body)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error["message"]
        assert ("type" in error) != (provider == "vertex-ai")


class TestGatewaysOwnParts:
    """A provider service that is killed is like an upstream that dies."""

    @pytest.mark.parametrize("way", ["v3", "proxy"])
    def test_provider_service_dies(self, gateway: RunningGateway, upstream: RunningUpstream, way: str) -> None:
        model = "gpt--pace-50--chunks-200"
        with Wire(gateway.url) as wire:
            if way == "v3":
                wire.post(CODE, gateway.headers, encode(envelope(prompt(model, stream=True))))
            else:
                path, headers, body = proxied("openai", model, stream=True)
                wire.post(path, gateway.headers | headers, encode(body))
            assert wire.some().startswith(b"HTTP/1.1 200 OK")
            dead = gateway.pids()["provider-openai"]
            os.kill(dead, signal.SIGKILL)
            rest = wire.to_end()
        assert not rest.endswith(b"0\r\n\r\n")
        upstream.wait_for("disconnected", model)
        until(lambda: gateway.pids().get("provider-openai", dead) != dead, 5, "the service is started again")
        with gateway.client() as client:
            assert client.post(CODE, json=envelope(prompt("gpt"))).status_code == 200
