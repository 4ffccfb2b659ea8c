# SPDX-License-Identifier: Apache-2.0
"""`POST /v3/code/completions` as a stream: raw text, as it comes."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest

from gateway.asking import CODE, completion, component, envelope, generation, prompt
from gateway.running import RunningGateway
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

FAMILIES = ["claude", "gpt", "gemini", "mistral"]


class Arrival(NamedTuple):
    """One piece of a body, and when it came, in seconds after the request was sent."""

    text: bytes
    at: float


def arrivals(client: httpx.Client, asked: Any) -> list[Arrival]:
    began = time.monotonic()
    with client.stream("POST", CODE, json=envelope(asked)) as answer:
        return [Arrival(text, time.monotonic() - began) for text in answer.iter_raw()]


@pytest.mark.parametrize("family", FAMILIES)
def test_raw_text(client: httpx.Client, family: str) -> None:
    answer = client.post(CODE, json=envelope(completion(model_name=family, stream=True)))
    assert (answer.status_code, answer.text) == (200, f"Hello from {family}-x.")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "asked",
    [
        prompt("claude", stream=True),
        generation(stream=True, prompt="sort"),
        component("editor_content", before_cursor="def f(", stream=True),
    ],
    ids=["blueprint", "generation", "editor_content"],
)
def test_each_dialect_streams(client: httpx.Client, asked: Any) -> None:
    answer = client.post(CODE, json=envelope(asked))
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.startswith("Hello from ")


def test_fill_in_the_middle(client: httpx.Client, upstream: RunningUpstream) -> None:
    assert client.post(CODE, json=envelope(completion(stream=True))).text == "Hello from qwen-x."
    assert upstream.requests()[0]["path"] == "/vllm/v1/completions"


def test_pieces_arrive_as_they_are_sent(client: httpx.Client) -> None:
    """Eight pieces, 100 ms apart: none waits for the next."""
    asked = [prompt(f"{family}--pace-100--chunks-8", stream=True) for family in FAMILIES]
    asked.append(completion(model_name="qwen-paced", stream=True))
    with ThreadPoolExecutor(len(asked)) as pool:
        for pieces in pool.map(lambda component: arrivals(client, component), asked):
            assert len(pieces) >= 7
            assert pieces[-1].at - pieces[0].at > 0.5
            assert pieces[0].at < 0.5


def test_refusals_come_before_the_stream(client: httpx.Client) -> None:
    answer = client.post(CODE, json=envelope(prompt("claude--fail-400", stream=True)))
    assert (answer.status_code, answer.json()["reason"]) == (422, "provider_rejected_request")


def test_empty_stream(client: httpx.Client) -> None:
    answer = client.post(CODE, json=envelope(prompt("claude--empty", stream=True)))
    assert (answer.status_code, answer.content) == (200, b"")


def test_usage_is_logged_once(client: httpx.Client, gateway: RunningGateway) -> None:
    headers = {"x-request-id": "a-stream"}
    client.post(CODE, json=envelope(prompt("gpt", stream=True)), headers=headers)
    (line,) = gateway.access_lines("router", "a-stream")
    assert (line["status"], line["model"], line["output_tokens"]) == (200, "gpt", 5)
