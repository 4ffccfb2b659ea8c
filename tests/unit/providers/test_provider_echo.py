# SPDX-License-Identifier: Apache-2.0
"""The echo provider: what its model's id scripts, through the relay as a real provider's answers go."""

import asyncio
from time import perf_counter

import pytest

from aigw_contract.calls import Answer, Broken, Call, Delta, EmbedCall, Embeddings, End, Fim, Frame, Message, Usage
from aigw_contract.failures import Kind, UpstreamFailed
from aigw_contract.table import ProviderSettings
from aigw_providers.echo import DIMENSIONS, Echo, EchoUpstream, echo_of, script_of
from aigw_providers.relay import Relay

TIMEOUT = 5.0
ASKED = [Message("system", "Be brief."), Message("user", "one\n  two words 🚀  \n\n")]


@pytest.fixture
def relay() -> Relay:
    return Relay(Echo(ProviderSettings("echo", "Echo")), EchoUpstream(), silence=TIMEOUT)


def call(model: str = "echo", *, stream: bool = False) -> Call:
    return Call(model, ASKED, stream=stream)


async def frames(relay: Relay, model: str, timeout: float = TIMEOUT) -> list[Frame]:
    begun = await relay.stream(call(model, stream=True), [], timeout)
    found = list(begun.first)
    await begun.rest.pump(lambda some: not found.extend(some), lambda: asyncio.sleep(0))
    return found


@pytest.mark.parametrize(
    ("model", "script"),
    [
        (b"echo", {}),
        (b"echo--slow-200", {"slow": 200}),
        (b"echo--slow-200--cut-3", {"slow": 200, "cut": 3}),
        (b"echo--cut-0", {"cut": 0}),
        (b"echo--hang", {"hang": 0}),
        (b"gpt-4--pace-5--fail-429--error-1", {"pace": 5, "fail": 429, "error": 1}),
        (b"echo--unknown-1--slow", {"slow": 0}),
        (b"\xff--cut-1", {"cut": 1}),
        (b"", {}),
    ],
)
def test_a_models_id_is_a_script(model: bytes, script: dict[str, int]) -> None:
    assert script_of(model) == script


@pytest.mark.parametrize(
    ("asked", "echo"),
    [
        (Call("m", ASKED), "echo: two words 🚀"),
        (Call("m", []), "echo: "),
        (Call("m", [Message("user", " \n\t\n")]), "echo: "),
        (Call("m", fim=Fim("import x\n\n  def f(a", ") -> int:\n", "Qwen")), "echo: def f(a"),
        (Call("m", [Message("user", "x" * 1000)]), "echo: " + "x" * 400),
    ],
)
def test_the_echo_is_the_last_line_before_the_cursor(asked: Call, echo: str) -> None:
    assert echo_of(asked) == echo


async def test_it_answers_with_what_it_was_asked(relay: Relay) -> None:
    assert await relay.send(call(), [], TIMEOUT) == Answer("echo: two words 🚀", "stop", Usage(6, 4))


async def test_a_stream_is_the_same_in_pieces(relay: Relay) -> None:
    deltas = [Delta("echo: "), Delta("two "), Delta("words "), Delta("🚀")]
    assert await frames(relay, "echo") == [*deltas, End("stop", Usage(6, 4))]


async def test_embeddings_depend_on_the_text_alone(relay: Relay) -> None:
    found = await relay.send(EmbedCall("echo", ["a", "", "a", "b c"]), [], TIMEOUT)
    assert isinstance(found, Embeddings)
    assert [len(vector) for vector in found.vectors] == [DIMENSIONS] * 4
    assert found.vectors[0] == found.vectors[2] != found.vectors[3]
    assert found.usage.input_tokens == 4


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limited"), (500, "overloaded"), (401, "auth"), (404, "not_found")]
)
async def test_it_fails_as_told(relay: Relay, status: int, kind: Kind) -> None:
    with pytest.raises(UpstreamFailed) as whole:
        await relay.send(call(f"echo--fail-{status}"), [], TIMEOUT)
    with pytest.raises(UpstreamFailed) as streamed:
        await frames(relay, f"echo--fail-{status}")
    assert whole.value.failure.kind == streamed.value.failure.kind == kind


async def test_a_cut_after_content_breaks_the_stream(relay: Relay) -> None:
    *deltas, last = await frames(relay, "echo--cut-2")
    assert deltas == [Delta("echo: "), Delta("two ")]
    assert isinstance(last, Broken)
    assert last.failure.kind == "cut"


@pytest.mark.parametrize("model", ["echo--cut-0", "echo--error-0"])
async def test_what_breaks_before_content_leaves_room_for_another(relay: Relay, model: str) -> None:
    with pytest.raises(UpstreamFailed):
        await frames(relay, model)


async def test_an_error_in_the_stream_breaks_it(relay: Relay) -> None:
    *deltas, last = await frames(relay, "echo--error-1")
    assert deltas == [Delta("echo: ")]
    assert isinstance(last, Broken)
    assert last.failure.kind == "overloaded"


async def test_slow_is_slow_and_paced_is_paced(relay: Relay) -> None:
    began = perf_counter()
    await relay.send(call("echo--slow-10"), [], TIMEOUT)
    await frames(relay, "echo--pace-3")
    assert perf_counter() - began > 0.019


async def test_hanging_ends_with_the_time(relay: Relay) -> None:
    for attempt in (relay.send(call("echo--hang"), [], 0.005), frames(relay, "echo--hang", 0.005)):
        with pytest.raises(UpstreamFailed) as caught:
            await asyncio.wait_for(attempt, 2)
        assert caught.value.failure.kind == "timeout"
