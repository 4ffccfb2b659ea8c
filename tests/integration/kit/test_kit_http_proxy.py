# SPDX-License-Identifier: Apache-2.0
"""The lean client behind a proxy, as it is where only a proxy leads outside."""

import base64
import time
from typing import Any

import pytest

from aigw_kit.http import ConnectFailed, HttpClient, HttpError, TimedOut
from aigw_kit.http.origin import Origin, Proxy, environment_proxy
from aigw_kit.tls import client_context
from integration.kit.authority import Authority
from integration.kit.proxying import ForwardProxy
from integration.kit.scripted import HELLO, Listening, Peer, unused_port

pytestmark = pytest.mark.integration

SECRET = (b"x-api-key", b"sesame")


def behind(server: Listening, proxy: Listening, authority: Authority, user: str = "") -> HttpClient:
    address = f"http://{user + '@' if user else ''}127.0.0.1:{proxy.port}"
    return HttpClient(server.url, tls=client_context(authority.ca_file), proxy=Proxy.parse(address))


async def ask(client: HttpClient) -> tuple[int, bytes]:
    response, body = await client.request(b"POST", b"/v1/x?y=z", [SECRET], b"{}", 3.0)
    return response.status, body


@pytest.fixture
async def tls_server(serve: Any, authority: Authority) -> Listening:
    server: Listening = await serve(lambda peer: peer.serve(HELLO), tls=authority.server())
    return server


@pytest.fixture
async def plain_server(serve: Any) -> Listening:
    server: Listening = await serve(lambda peer: peer.serve(HELLO))
    return server


class TestTunnel:
    async def test_to_a_tls_server(self, serve: Any, tls_server: Listening, authority: Authority) -> None:
        forward = ForwardProxy()
        client = behind(tls_server, await serve(forward), authority)
        for _ in range(3):
            assert await ask(client) == (200, b"hello")
        assert forward.asked == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % tls_server.port], "the tunnel is kept"
        assert b"sesame" not in b"".join(forward.heads)
        assert tls_server.requests[0][0].startswith(b"POST /v1/x?y=z HTTP/1.1\r\nhost: 127.0.0.1:")
        client.close()

    async def test_a_stream_through_it(self, serve: Any, tls_server: Listening, authority: Authority) -> None:
        client = behind(tls_server, await serve(ForwardProxy()), authority)
        response = await client.stream(b"POST", b"/", [], b"{}", 3.0)
        assert await response.read() == b"hello"
        client.close()

    async def test_leaving_closes_both_ends(self, serve: Any, authority: Authority) -> None:
        async def silent(peer: Peer) -> None:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            await peer.closed()

        server = await serve(silent, tls=authority.server())
        client = behind(server, await serve(ForwardProxy()), authority)
        response = await client.stream(b"POST", b"/", [], b"{}", 3.0)
        response.close()
        assert await (await server.peer()).left() < 0.1
        assert client._open == 0

    @pytest.mark.parametrize("user", ["user:secret", "user:p%40ss%3Aword"])
    async def test_with_a_password(self, serve: Any, tls_server: Listening, authority: Authority, user: str) -> None:
        forward = ForwardProxy(user=user.replace("%40", "@").replace("%3A", ":"))
        client = behind(tls_server, await serve(forward), authority, user)
        assert await ask(client) == (200, b"hello")
        assert b"proxy-authorization" not in tls_server.requests[0][0]
        client.close()

    @pytest.mark.parametrize("user", ["", "user:wrong"])
    async def test_without_the_right_password(
        self, serve: Any, tls_server: Listening, authority: Authority, user: str
    ) -> None:
        client = behind(tls_server, await serve(ForwardProxy(user="user:secret")), authority, user)
        with pytest.raises(ConnectFailed, match="the proxy refused") as failed:
            await ask(client)
        assert "wrong" not in str(failed.value)
        assert client._open == 0
        assert tls_server.peers == []

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno\n",
            b"HTTP/1.1 403 Forbidden\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"x" * 20_000,
            b"\r\n\r\n",
        ],
    )
    async def test_a_proxy_that_refuses(
        self, serve: Any, tls_server: Listening, authority: Authority, answer: bytes
    ) -> None:
        client = behind(tls_server, await serve(ForwardProxy(refuses=answer)), authority)
        with pytest.raises(ConnectFailed, match="the proxy refused"):
            await ask(client)
        assert client._open == 0

    @pytest.mark.parametrize("then", ["close", "reset"])
    async def test_a_proxy_that_closes(
        self, serve: Any, tls_server: Listening, authority: Authority, then: str
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            getattr(peer, then)()

        client = behind(tls_server, await serve(script), authority)
        with pytest.raises(ConnectFailed, match="proxy closed"):
            await ask(client)
        assert client._open == 0

    async def test_a_proxy_that_is_silent(self, serve: Any, authority: Authority) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.closed()

        proxy = await serve(script)
        client = HttpClient(
            "https://model.internal",
            tls=client_context(authority.ca_file),
            proxy=Proxy.parse(f"http://127.0.0.1:{proxy.port}"),
            connect_timeout=0.05,
        )
        began = time.monotonic()
        with pytest.raises(TimedOut):
            await ask(client)
        assert time.monotonic() - began < 1
        await (await proxy.peer()).left()
        assert client._open == 0

    async def test_no_proxy_there(self, tls_server: Listening, authority: Authority) -> None:
        client = HttpClient(
            tls_server.url,
            tls=client_context(authority.ca_file),
            proxy=Proxy.parse(f"http://127.0.0.1:{unused_port()}"),
        )
        with pytest.raises(ConnectFailed):
            await ask(client)
        assert client._open == 0

    async def test_a_bad_certificate_behind_it(self, serve: Any, authority: Authority) -> None:
        """The proxy cannot stand in for the origin; and each failure frees its place exactly once."""
        server = await serve(lambda peer: peer.serve(HELLO), tls=authority.server("other.example"))
        client = behind(server, await serve(ForwardProxy()), authority)
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await ask(client)
            assert client._open == 0
        assert server.requests == []

    async def test_a_proxy_that_dies_in_the_handshake(
        self, serve: Any, tls_server: Listening, authority: Authority
    ) -> None:
        client = behind(tls_server, await serve(ForwardProxy(dies_after=100)), authority)
        began = time.monotonic()
        with pytest.raises(HttpError):
            await ask(client)
        assert time.monotonic() - began < 1
        assert client._open == 0

    async def test_a_proxy_that_dies_within_an_answer(self, serve: Any, authority: Authority) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000)
            await peer.closed()

        server = await serve(script, tls=authority.server())
        client = behind(server, await serve(ForwardProxy(dies_after=20_000)), authority)
        with pytest.raises(HttpError):
            await ask(client)
        assert client._open == 0


class TestPlain:
    async def test_the_absolute_form(self, serve: Any, plain_server: Listening, authority: Authority) -> None:
        forward = ForwardProxy(user="user:secret")
        client = behind(plain_server, await serve(forward), authority, "user:secret")
        assert await ask(client) == (200, b"hello")
        assert forward.asked == [b"POST http://127.0.0.1:%d/v1/x?y=z HTTP/1.1" % plain_server.port]
        assert base64.b64encode(b"user:secret") in forward.heads[0]
        client.close()

    async def test_a_refusal_is_an_answer(self, serve: Any, plain_server: Listening, authority: Authority) -> None:
        client = behind(plain_server, await serve(ForwardProxy(user="user:secret")), authority)
        assert await ask(client) == (407, b"")
        client.close()


class TestEnvironment:
    @pytest.mark.parametrize(("no_proxy", "tunnels"), [("", 1), ("127.0.0.1", 0), ("other.example", 1), ("*", 0)])
    async def test_no_proxy(
        self,
        serve: Any,
        tls_server: Listening,
        authority: Authority,
        monkeypatch: pytest.MonkeyPatch,
        no_proxy: str,
        tunnels: int,
    ) -> None:
        forward = ForwardProxy()
        proxy = await serve(forward)
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        found = environment_proxy(Origin.parse(tls_server.url))
        client = HttpClient(tls_server.url, tls=client_context(authority.ca_file), proxy=found)
        assert await ask(client) == (200, b"hello")
        assert len(forward.asked) == tunnels
        client.close()
