# SPDX-License-Identifier: Apache-2.0
"""The lean client over TLS: whom it believes, and what the parts of the gateway show one another."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from aigw_kit.files import Watched
from aigw_kit.http import ConnectFailed, ConnectionCut, HttpClient
from aigw_kit.settings import TlsSettings
from aigw_kit.tls import PartsTrust, ServerIdentity, client_context
from integration.kit.authority import Authority, always_strict
from integration.kit.scripted import HELLO, OK, Listening, Peer

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def no_trust_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Another Authority")


async def ask(server: Listening, tls: ssl.SSLContext | None, host: str = "127.0.0.1") -> tuple[int, bytes]:
    client = HttpClient(f"https://{host}:{server.port}", tls=tls)
    try:
        response, body = await client.request(b"GET", b"/", [], b"", 3.0)
        return response.status, body
    finally:
        client.close()
        assert client._open <= 1


async def answering(serve: Any, tls: ssl.SSLContext) -> Listening:
    server: Listening = await serve(lambda peer: peer.serve(HELLO), tls=tls)
    return server


class TestOutside:
    async def test_a_certificate_of_a_known_authority(self, serve: Any, authority: Authority) -> None:
        server = await answering(serve, authority.server())
        assert await ask(server, client_context(authority.ca_file)) == (200, b"hello")

    async def test_by_name(self, serve: Any, authority: Authority) -> None:
        server = await answering(serve, authority.server("localhost"))
        assert await ask(server, client_context(authority.ca_file), "localhost") == (200, b"hello")

    @pytest.mark.parametrize(
        ("certificate", "why"),
        [
            ({"expired": True}, "expired"),
            ({"host": "other.example"}, r"mismatch|not valid for"),
            ({"host": "127.0.0.2"}, r"mismatch|not valid for"),
        ],
    )
    async def test_a_certificate_that_is_not_good(
        self, serve: Any, authority: Authority, certificate: dict[str, Any], why: str
    ) -> None:
        server = await answering(serve, authority.server(**certificate))
        with pytest.raises(ConnectFailed, match=why):
            await ask(server, client_context(authority.ca_file))
        assert server.requests == []

    async def test_an_authority_that_nobody_knows(self, serve: Any, authority: Authority, other: Authority) -> None:
        server = await answering(serve, authority.server())
        for tls in (client_context(), client_context(other.ca_file), None):
            with pytest.raises(ConnectFailed, match=r"self-signed|unable to get local issuer"):
                await ask(server, tls)

    async def test_a_bundle_is_added_to_the_system_s_trust(
        self, serve: Any, authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SSL_CERT_FILE stands for the system here: it is what OpenSSL looks at first."""
        monkeypatch.setenv("SSL_CERT_FILE", other.ca_file)
        systems, ours = await answering(serve, other.server()), await answering(serve, authority.server())
        both = client_context(authority.ca_file)
        assert await ask(systems, both) == await ask(ours, both) == (200, b"hello")
        with pytest.raises(ConnectFailed):
            await ask(ours, client_context())

    async def test_a_bundle_for_other_clients_counts_too(
        self, serve: Any, authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", other.ca_file)
        theirs, ours = await answering(serve, other.server()), await answering(serve, authority.server())
        both = client_context(authority.ca_file)
        assert await ask(theirs, both) == await ask(ours, both) == (200, b"hello")

    def test_a_bundle_that_cannot_be_read_is_an_error(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty.pem"
        empty.write_text("no certificate")
        for bundle in (str(tmp_path / "missing"), str(empty)):
            with pytest.raises(OSError, match=r".*"):
                client_context(bundle)

    async def test_whom_it_believes_may_change(self, serve: Any, authority: Authority, other: Authority) -> None:
        server = await answering(serve, authority.server())
        client = HttpClient(f"https://127.0.0.1:{server.port}", tls=client_context(other.ca_file))
        with pytest.raises(ConnectFailed):
            await client.request(b"GET", b"/", [], b"", 3.0)
        client.trust(client_context(authority.ca_file))
        response, _ = await client.request(b"GET", b"/", [], b"", 3.0)
        assert response.status == 200
        client.close()

    async def test_old_protocols_are_refused(self, serve: Any, authority: Authority) -> None:
        context = authority.server()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        server = await answering(serve, context)
        with pytest.raises(ConnectFailed):
            await ask(server, client_context(authority.ca_file))

    async def test_a_server_without_tls(self, serve: Any) -> None:
        async def script(peer: Peer) -> None:
            await peer.reader.read(1)
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        with pytest.raises(ConnectFailed):
            await ask(await serve(script), client_context())

    @pytest.mark.parametrize("then", ["close", "reset"])
    async def test_a_cut_inside_tls(self, serve: Any, authority: Authority, then: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(HELLO[:-1])
            getattr(peer, then)()

        server = await serve(script, tls=authority.server())
        with pytest.raises(ConnectionCut):
            await ask(server, client_context(authority.ca_file))

    async def test_a_body_that_the_end_of_the_connection_ends(self, serve: Any, authority: Authority) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(OK + b"\r\nhel", b"lo")
            peer.close()

        server = await serve(script, tls=authority.server())
        assert await ask(server, client_context(authority.ca_file)) == (200, b"hello")

    async def test_a_kept_connection_and_a_large_body(self, serve: Any, authority: Authority) -> None:
        large = b"x" * 3_000_000
        server = await serve(
            lambda peer: peer.serve(OK + b"content-length: 3000000\r\n\r\n" + large), tls=authority.server()
        )
        client = HttpClient(server.url, tls=client_context(authority.ca_file))
        for _ in range(3):
            assert (await client.request(b"GET", b"/", [], b"", 5.0))[1] == large
            response = await client.stream(b"GET", b"/", [], b"", 5.0)
            assert await response.read() == large
        assert len(server.peers) == 1
        client.close()


class TestLaxAuthorities:
    """A private authority that is not what RFC 5280 asks for, on a Python that insists on it."""

    @pytest.fixture(autouse=True)
    def python_3_13(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ssl, "create_default_context", always_strict(ssl.create_default_context))

    @pytest.fixture
    def lax(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path, "Lax Authority", lax=True)

    @pytest.mark.parametrize("given", ["ca_bundle_file", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    async def test_it_is_believed(
        self, serve: Any, lax: Authority, monkeypatch: pytest.MonkeyPatch, given: str
    ) -> None:
        server = await answering(serve, lax.server())
        with pytest.raises(ConnectFailed, match="verify failed"):
            await ask(server, ssl.create_default_context(cafile=lax.ca_file))
        if given.isupper():
            monkeypatch.setenv(given, lax.ca_file)
        assert await ask(server, client_context("" if given.isupper() else lax.ca_file)) == (200, b"hello")

    @pytest.mark.parametrize(
        ("certificate", "why"), [({"expired": True}, "expired"), ({"host": "other.example"}, r"mismatch|not valid for")]
    )
    async def test_all_else_is_checked(self, serve: Any, lax: Authority, certificate: dict[str, Any], why: str) -> None:
        server = await answering(serve, lax.server(**certificate))
        with pytest.raises(ConnectFailed, match=why):
            await ask(server, client_context(lax.ca_file))

    async def test_another_of_the_kind_is_not_believed(self, serve: Any, lax: Authority, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        server = await answering(serve, Authority(tmp_path / "other", "Lax Authority", lax=True).server())
        with pytest.raises(ConnectFailed, match="verify failed"):
            await ask(server, client_context(lax.ca_file))


class TestParts:
    """Among the gateway's own parts: the gateway's authorities alone are believed, and certificates are renewed."""

    def identity(self, authority: Authority, directory: Path, host: str = "127.0.0.1") -> ServerIdentity:
        self.renew(authority, directory, host)
        return ServerIdentity(TlsSettings(cert_file=str(directory / "tls.crt"), key_file=str(directory / "tls.key")))

    def renew(self, authority: Authority, directory: Path, host: str = "127.0.0.1", parts: str = "crt key") -> None:
        for source, name in zip(authority.files(host), ("crt", "key"), strict=True):
            if name in parts:
                (directory / f"tls.{name}").write_bytes(Path(source).read_bytes())

    def refresh(self, identity: ServerIdentity) -> bool:
        file: Watched[bool] = identity._file
        return file.refresh()

    def trust(self, *authorities: Authority, directory: Path) -> PartsTrust:
        bundle = directory / "ca.crt"
        bundle.write_bytes(b"".join(Path(authority.ca_file).read_bytes() for authority in authorities))
        return PartsTrust(TlsSettings(ca_file=str(bundle)))

    async def test_the_system_s_authorities_are_not_believed(
        self, serve: Any, authority: Authority, other: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", other.ca_file)
        trust = self.trust(authority, directory=tmp_path)
        assert await ask(await answering(serve, authority.server()), trust.context) == (200, b"hello")
        with pytest.raises(ConnectFailed):
            await ask(await answering(serve, other.server()), trust.context)

    async def test_a_renewed_certificate_is_shown_to_new_connections(
        self, serve: Any, authority: Authority, other: Authority, tmp_path: Path
    ) -> None:
        (tmp_path / "own").mkdir()
        identity = self.identity(authority, tmp_path / "own")
        server = await answering(serve, identity.context)
        trust_old, trust_new = client_context(authority.ca_file), client_context(other.ca_file)
        assert await ask(server, trust_old) == (200, b"hello")
        self.renew(other, tmp_path / "own")
        assert self.refresh(identity)
        assert await ask(server, trust_new) == (200, b"hello")
        with pytest.raises(ConnectFailed):
            await ask(server, trust_old)

    async def test_a_certificate_without_its_key_leaves_the_old_one(
        self, serve: Any, authority: Authority, tmp_path: Path
    ) -> None:
        identity = self.identity(authority, tmp_path)
        server = await answering(serve, identity.context)
        self.renew(authority, tmp_path, parts="crt")
        assert not self.refresh(identity)
        assert await ask(server, client_context(authority.ca_file)) == (200, b"hello")
        certificate, key = authority.files()
        (tmp_path / "tls.crt").write_bytes(Path(certificate).read_bytes())
        assert not self.refresh(identity)
        (tmp_path / "tls.key").write_bytes(Path(key).read_bytes())
        assert self.refresh(identity), "the key came later than the certificate"
        assert await ask(server, client_context(authority.ca_file)) == (200, b"hello")

    async def test_during_a_rotation_both_authorities_are_believed(
        self, serve: Any, authority: Authority, other: Authority, tmp_path: Path
    ) -> None:
        old, new = await answering(serve, authority.server()), await answering(serve, other.server())
        trust = self.trust(authority, other, directory=tmp_path)
        assert await ask(old, trust.context) == await ask(new, trust.context) == (200, b"hello")

    def test_without_a_bundle_the_parts_speak_plainly(self) -> None:
        assert PartsTrust(TlsSettings()).context is None
