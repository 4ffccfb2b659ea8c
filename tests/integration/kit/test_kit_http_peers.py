# SPDX-License-Identifier: Apache-2.0
"""Where a name may lead: looked at after connecting, and before a byte is sent."""

import asyncio
import socket
from typing import Any

import pytest

from aigw_kit.http import ConnectFailed, HttpClient, TimedOut
from aigw_kit.http.origin import Proxy
from aigw_kit.tls import client_context
from integration.kit.authority import Authority
from integration.kit.proxying import ForwardProxy
from integration.kit.scripted import HELLO, Listening, Peer

pytestmark = pytest.mark.integration


async def ask(client: HttpClient) -> bytes:
    _, body = await client.request(b"POST", b"/v1/x", [], b"{}", 3.0)
    return body


@pytest.fixture(params=["http", "https"])
async def server(request: pytest.FixtureRequest, serve: Any, authority: Authority) -> Listening:
    tls = authority.server() if request.param == "https" else None
    listening: Listening = await serve(lambda peer: peer.serve(HELLO), tls=tls)
    return listening


def checking(server: Listening, authority: Authority, seen: list[str], answer: bool, **more: Any) -> HttpClient:
    def peer_allowed(address: str) -> bool:
        seen.append(address)
        return answer

    return HttpClient(server.url, tls=client_context(authority.ca_file), peer_allowed=peer_allowed, **more)


async def test_an_allowed_peer_serves_and_is_looked_at_once_for_each_connection(
    server: Listening, authority: Authority
) -> None:
    seen: list[str] = []
    client = checking(server, authority, seen, True)
    assert [await ask(client), await ask(client)] == [b"hello", b"hello"]
    response = await client.stream(b"POST", b"/", [], b"{}", 3.0)
    assert await response.read() == b"hello"
    assert seen == ["127.0.0.1"]
    client.close()


async def test_to_another_nothing_is_sent(serve: Any, authority: Authority) -> None:
    """Nor a TLS greeting, which would name the host."""
    came: list[bytes] = []

    async def listen(peer: Peer) -> None:
        came.append(await peer.reader.read())

    plain: Listening = await serve(listen)
    for scheme in ("http", "https"):
        url = plain.url.replace("http", scheme, 1)
        client = HttpClient(url, tls=client_context(authority.ca_file), peer_allowed=lambda _: False)
        with pytest.raises(ConnectFailed, match=r"^127\.0\.0\.1 leads to an address that is not allowed$"):
            await ask(client)
        assert client._open == 0
        client.close()
    async with asyncio.timeout(2):
        while len(came) < 2:
            await asyncio.sleep(0.01)
    assert came == [b"", b""]


async def test_it_is_this_very_connection_that_is_looked_at(
    server: Listening, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads to one address when it is looked up first, and to another later, gains nothing."""
    seen: list[str] = []
    client = HttpClient(
        server.url.replace("127.0.0.1", "localhost"),
        tls=client_context(authority.ca_file),
        peer_allowed=lambda address: bool(seen.append(address)) or address != "127.0.0.1",
    )
    with pytest.raises(ConnectFailed):
        await ask(client)
    assert seen == ["127.0.0.1"]
    client.close()


async def test_a_handshake_is_checked_as_ever(serve: Any, authority: Authority) -> None:
    server: Listening = await serve(lambda peer: peer.serve(HELLO), tls=authority.server())
    client = HttpClient(server.url, tls=client_context(), peer_allowed=lambda _: True)
    with pytest.raises(ConnectFailed):
        await ask(client)
    client.close()


async def test_behind_a_proxy_the_peer_is_the_proxy_and_not_looked_at(
    server: Listening, authority: Authority, serve: Any
) -> None:
    forward: Listening = await serve(ForwardProxy())
    seen: list[str] = []
    client = checking(server, authority, seen, False, proxy=Proxy.parse(f"http://127.0.0.1:{forward.port}"))
    assert await ask(client) == b"hello"
    assert seen == []
    client.close()


async def test_a_server_that_says_nothing_has_its_time(serve: Any, authority: Authority) -> None:
    """The handshake is a part of connecting, also here."""
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = HttpClient(url, connect_timeout=0.2, peer_allowed=lambda _: True)
        with pytest.raises(TimedOut):
            await ask(client)
        assert client._open == 0
    finally:
        silent.close()
