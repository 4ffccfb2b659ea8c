# SPDX-License-Identifier: Apache-2.0
"""A client that goes away, before or after the first byte: the upstream sees its connection close at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.asking import CODE, completion, encode, envelope, prompt, proxied
from gateway.running import Measured, RunningGateway, open_files, until
from gateway.wire import Wire
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

ALLOWED = 0.5
"""Seconds. The promise is 0.1 s; the rest is for a busy machine. What was measured is in the report as `seconds`."""

FAMILIES = {"anthropic": "claude", "openai": "gpt", "vertex-ai": "gemini"}
WAYS = ["v3", "v3-stream", *FAMILIES, *(f"{name}-stream" for name in FAMILIES)]


def send(gateway: RunningGateway, wire: Wire, way: str, behaviour: str) -> str:
    """Send a request on its way; the model that the upstream will hear of."""
    name = way.removesuffix("-stream")
    streaming = name != way
    if name == "v3":
        model = f"claude--{behaviour}"
        body = envelope(prompt(model, stream=streaming))
        wire.post(CODE, gateway.headers, encode(body))
    else:
        model = f"{FAMILIES[name]}--{behaviour}"
        path, headers, asked = proxied(name, model, stream=streaming)
        wire.post(path, gateway.headers | headers, encode(asked))
    return model


def assert_noticed(upstream: RunningUpstream, model: str, left: float, measured: Measured) -> None:
    seconds = upstream.wait_for("disconnected", model)["at"] - left
    measured("seconds", seconds)
    assert seconds < ALLOWED


@pytest.mark.parametrize("behaviour", ["hang", "slow-5000"])
@pytest.mark.parametrize("way", WAYS)
def test_before_the_first_byte(
    gateway: RunningGateway, upstream: RunningUpstream, measured: Measured, way: str, behaviour: str
) -> None:
    with Wire(gateway.url) as wire:
        model = send(gateway, wire, way, behaviour)
        upstream.wait_for("started", model)
        left = wire.close()
    assert_noticed(upstream, model, left, measured)


@pytest.mark.parametrize("leave", [Wire.close, Wire.reset], ids=["fin", "rst"])
@pytest.mark.parametrize("way", [way for way in WAYS if way.endswith("-stream")])
def test_mid_stream(
    gateway: RunningGateway, upstream: RunningUpstream, measured: Measured, way: str, leave: Callable[[Wire], float]
) -> None:
    with Wire(gateway.url) as wire:
        model = send(gateway, wire, way, "pace-50--chunks-200")
        got = wire.some() + wire.some()
        assert got.startswith(b"HTTP/1.1 200 OK")
        left = leave(wire)
    assert_noticed(upstream, model, left, measured)


def test_in_the_silence_of_a_stream(gateway: RunningGateway, upstream: RunningUpstream, measured: Measured) -> None:
    with Wire(gateway.url) as wire:
        model = send(gateway, wire, "v3-stream", "hang-after-3")
        wire.through(b"laude--")  # the third piece
        left = wire.close()
    assert_noticed(upstream, model, left, measured)


def test_while_a_second_candidate_is_tried(
    gateway: RunningGateway, upstream: RunningUpstream, measured: Measured
) -> None:
    body = envelope(prompt("mistral--fail-503"), prompt("gemini--hang"))
    with Wire(gateway.url) as wire:
        wire.post(CODE, gateway.headers, encode(body))
        upstream.wait_for("started", "gemini--hang")
        left = wire.close()
    assert_noticed(upstream, "gemini--hang", left, measured)


def test_during_the_body(gateway: RunningGateway, upstream: RunningUpstream) -> None:
    """Who leaves before the request is whole is not served."""
    with Wire(gateway.url) as wire:
        wire.send(wire.head("POST", CODE, {**gateway.headers, "Content-Length": "1000"}) + b"{")
        until(lambda: gateway.metric("aigw_requests_in_flight") == 1, 2, "the request is being read")
        wire.close()
    until(lambda: gateway.metric("aigw_requests_in_flight") == 0, 1, "the request is forgotten")
    assert upstream.requests() == []


def test_log_says_so(gateway: RunningGateway, upstream: RunningUpstream) -> None:
    headers = {**gateway.headers, "x-request-id": "who-left"}
    with Wire(gateway.url) as wire:
        wire.post(CODE, headers, encode(envelope(prompt("gpt--hang"))))
        upstream.wait_for("started", "gpt--hang")
        wire.close()
    for service in ("router", "provider-openai"):
        assert [line["status"] for line in gateway.access_lines(service, "who-left")] == [499]


def test_breaker_is_not_told(gateway: RunningGateway, upstream: RunningUpstream) -> None:
    """Clients that leave do not speak against a provider: the sixth request still goes there."""
    for _ in range(6):
        upstream.reset()
        with Wire(gateway.url) as wire:
            wire.post(CODE, gateway.headers, encode(envelope(prompt("mistral--hang"))))
            upstream.wait_for("started", "mistral--hang")


def test_nothing_leaks(gateway: RunningGateway, upstream: RunningUpstream) -> None:
    """Sixty clients leave at once, twice; then all is as it was before the second time."""
    services = {name: pid for name, pid in gateway.pids().items() if name != "provider-echo"}

    def leave(number: int) -> None:
        way = WAYS[number % len(WAYS)]
        streamed = way.endswith("-stream") and number // len(WAYS) % 2
        behaviour = "pace-50--chunks-200" if streamed else "hang"
        with Wire(gateway.url) as wire:
            send(gateway, wire, way, behaviour)
            together.wait()

    def everyone_leaves() -> None:
        with ThreadPoolExecutor(60) as pool:
            list(pool.map(leave, range(60)))
        until(at_rest, 5, "no request is in flight")

    def at_rest() -> bool:
        return not any(gateway.metric("aigw_requests_in_flight", name) for name in services if name != "auth")

    def closed() -> bool:
        return all(open_files(pid) <= before[name] + 3 for name, pid in services.items())

    together = threading.Barrier(60)
    everyone_leaves()
    before = {name: open_files(pid) for name, pid in services.items()}
    everyone_leaves()
    until(closed, 5, f"all that was opened is closed; before: {before}")
    with gateway.client() as client:
        assert client.post(CODE, json=envelope(completion())).status_code == 200
