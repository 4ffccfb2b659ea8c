# SPDX-License-Identifier: Apache-2.0
"""Servers that calls name, over real sockets: where a name leads, redirects, authorities, and clients that give way."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aigw_contract.calls import Answer, Call, Message, ModelServer
from aigw_contract.failures import Failure, UpstreamFailed
from aigw_contract.table import ProviderSettings
from aigw_kit.tls import client_context
from aigw_providers.openai_compatible import OpenAICompatible
from aigw_providers.requested import MOST_CLIENTS, Nowhere, RequestedRelay, Servers
from integration.kit.authority import Authority
from integration.kit.scripted import Listening, Peer, listening

pytestmark = pytest.mark.integration

BODY = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
YES = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
EVENT = b'data: {"choices": [{"delta": {"content": "%s"}, "finish_reason": %s}]}\n\n'


def relay(*entries: str, ca_bundle_file: str = "") -> tuple[RequestedRelay, Servers]:
    settings = ProviderSettings(
        "custom", "OpenAICompatible", request_endpoints=list(entries), ca_bundle_file=ca_bundle_file
    )
    servers = Servers(settings)
    return RequestedRelay(settings, OpenAICompatible(settings), Nowhere(), servers), servers


def call(endpoint: str, *, stream: bool = False) -> Call:
    return Call("m", [Message("user", "hi")], stream=stream, at=ModelServer(endpoint, "s3cr3t"))


async def failure(found: RequestedRelay, endpoint: str) -> Failure:
    with pytest.raises(UpstreamFailed) as failed:
        await found.send(call(endpoint), [], 2.0)
    assert "s3cr3t" not in str(failed.value)
    return failed.value.failure


@pytest.fixture
async def server() -> AsyncIterator[Listening]:
    found = await listening(lambda peer: peer.serve(YES))
    yield found
    await found.stop()


@pytest.fixture
def leads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to this machine, as that of somebody who means ill could."""

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@pytest.mark.usefixtures("leads_here")
@pytest.mark.parametrize("entry", ["*", "http://*.example:{port}"])
async def test_a_name_that_leads_to_this_machine_gets_nothing(server: Listening, entry: str) -> None:
    found, _ = relay(entry.format(port=server.port))
    told = await failure(found, f"http://models.example:{server.port}/v1")
    assert (told.kind, told.detail) == ("unreachable", "models.example leads to an address that is not allowed")
    assert server.requests == []


@pytest.mark.usefixtures("leads_here")
async def test_unless_an_entry_names_it(server: Listening) -> None:
    url = f"http://models.example:{server.port}/v1"
    found, _ = relay("*", url)
    assert await found.send(call(url), [], 2.0) == Answer("yes")
    head, _ = server.requests[0]
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: models.example:")
    assert b"authorization: Bearer s3cr3t\r\n" in head


async def test_a_redirect_is_not_followed(server: Listening) -> None:
    answer = f"HTTP/1.1 307 There\r\nlocation: {server.url}/v1/chat/completions\r\ncontent-length: 0\r\n\r\n"
    sending = await listening(lambda peer: peer.serve(answer.encode()))
    try:
        found, _ = relay(sending.url, server.url)
        assert (await failure(found, f"{sending.url}/v1")).kind == "bad_request"
        assert (len(sending.requests), server.requests) == (1, [])
    finally:
        await sending.stop()


async def test_authorities_of_ones_own_are_believed_also_such_that_come_later(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = await listening(lambda peer: peer.serve(YES), tls=authority.server())
    try:
        found, _ = relay(server.url, ca_bundle_file=str(authority.ca_file))
        assert await found.send(call(server.url), [], 2.0) == Answer("yes")
        found, servers = relay(server.url)
        assert (await failure(found, server.url)).kind == "unreachable"
        servers.trust(client_context(str(authority.ca_file)))
        assert await found.send(call(server.url), [], 2.0) == Answer("yes")
    finally:
        await server.stop()


async def test_an_answer_that_has_begun_is_ended_though_its_client_gives_way(server: Listening) -> None:
    go_on = asyncio.Event()

    async def slowly(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + EVENT % (b"one", b"null"))
        await go_on.wait()
        await peer.send(EVENT % (b"two", b'"stop"') + b"data: [DONE]\n\n")
        peer.close()

    slow = await listening(slowly)
    try:
        found, servers = relay("*", slow.url, server.url)
        begun = await found.stream(call(slow.url, stream=True), [], 2.0)
        for number in range(MOST_CLIENTS):
            servers.upstream(ModelServer(f"http://a{number}"))
        assert all(client.origin.port != slow.port for client in servers._clients.values())
        go_on.set()
        frames: list[Any] = list(begun.first)
        await begun.rest.pump(lambda some: not frames.extend(some), _at_once)
        assert "".join(getattr(frame, "text", "") for frame in frames) == "onetwo"
        begun.rest.close()
    finally:
        await slow.stop()


async def _at_once() -> None:
    return
