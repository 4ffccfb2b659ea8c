# SPDX-License-Identifier: Apache-2.0
"""Where a client connects to, and how a connection is opened: plain, TLS, or through a proxy."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from aigw_kit.http.connection import Connection
from aigw_kit.http.errors import ConnectFailed, TimedOut

Factory = Callable[[], Connection]
PeerAllowed = Callable[[str], bool]
"""Whether a connection to an IP address may be used."""


class Origin(NamedTuple):
    """A base URL in the pieces that connecting and request heads need."""

    scheme: str
    host: str
    port: int
    path: bytes  # prefix of every target, without a trailing slash

    @classmethod
    def parse(cls, url: str) -> "Origin":
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/").encode())

    @property
    def authority(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return (host if self.port == default else f"{host}:{self.port}").encode()


class Proxy(NamedTuple):
    host: str
    port: int
    authorization: bytes  # a whole header line, or empty

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("only http:// proxies are supported")
        line = b""
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            line = b"proxy-authorization: Basic " + base64.b64encode(pair) + b"\r\n"
        return cls(parts.hostname, parts.port or 80, line)


def environment_proxy(origin: Origin) -> Proxy | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY ask for."""
    proxies = getproxies_environment()
    url = proxies.get(origin.scheme) or proxies.get("all")
    if not url or proxy_bypass_environment(f"{origin.host}:{origin.port}", proxies):
        return None
    return Proxy.parse(url)


async def connect(
    origin: Origin,
    tls: ssl.SSLContext | None,
    proxy: Proxy | None,
    timeout: float,
    factory: Factory,
    peer_allowed: PeerAllowed | None = None,
) -> Connection:
    """Open one connection. Raises ConnectFailed or TimedOut."""
    try:
        async with asyncio.timeout(timeout):
            if proxy is not None and tls is not None:
                return await _tunnel(origin, tls, proxy, factory)
            if proxy is None and peer_allowed is not None:
                return await _checked(origin, tls, factory, peer_allowed)
            return await _direct(origin, tls, proxy, factory)
    except TimeoutError:
        raise TimedOut(f"no connection to {origin.host}:{origin.port} within {timeout:g} s") from None
    except (OSError, ValueError) as error:  # ssl errors are OSErrors; a bad name is a UnicodeError
        raise ConnectFailed(f"cannot connect to {origin.host}:{origin.port}: {error}") from None


async def _direct(origin: Origin, tls: ssl.SSLContext | None, proxy: Proxy | None, factory: Factory) -> Connection:
    host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
    loop = asyncio.get_running_loop()
    name = origin.host if tls else None
    _, connection = await loop.create_connection(factory, host, port, ssl=tls, server_hostname=name)
    return connection


async def _tunnel(origin: Origin, tls: ssl.SSLContext, proxy: Proxy, factory: Factory) -> Connection:
    """CONNECT through the proxy, then TLS with the origin inside."""
    loop = asyncio.get_running_loop()
    authority = f"{origin.host}:{origin.port}".encode()
    transport, opening = await loop.create_connection(_Opening, proxy.host, proxy.port)
    try:
        transport.write(
            b"CONNECT " + authority + b" HTTP/1.1\r\nhost: " + authority + b"\r\n" + proxy.authorization + b"\r\n"
        )
        await opening.opened
        return await _secured(transport, origin, tls, factory)
    except BaseException:
        transport.abort()
        raise


async def _secured(transport: asyncio.Transport, origin: Origin, tls: ssl.SSLContext, factory: Factory) -> Connection:
    """TLS on a connection that is open already."""
    connection = factory()
    loop = asyncio.get_running_loop()
    secured = await loop.start_tls(transport, connection, tls, server_hostname=origin.host)
    if secured is None:
        raise ConnectFailed(f"the TLS handshake with {origin.host} failed")
    connection.connection_made(secured)
    return connection


async def _checked(
    origin: Origin, tls: ssl.SSLContext | None, factory: Factory, peer_allowed: PeerAllowed
) -> Connection:
    """Connect, and send nothing, not even a TLS greeting, before the address is known that the name has led to.

    It is the address of this very connection, so a name that leads elsewhere the next time gains nothing.
    """
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, origin.host, origin.port)
    try:
        peer = transport.get_extra_info("peername")
        if not (peer and peer_allowed(peer[0])):
            raise ConnectFailed(f"{origin.host} leads to an address that is not allowed")
        if transport.is_closing():
            raise ConnectFailed(f"{origin.host}:{origin.port} closed the connection at once")
        if tls is not None:
            return await _secured(transport, origin, tls, factory)
        connection = factory()
        transport.set_protocol(connection)
        connection.connection_made(transport)
    except BaseException:
        transport.abort()
        raise
    return connection


class _Opening(asyncio.Protocol):
    """Reads a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer = b""

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" not in self._answer and len(self._answer) < 16384:
            return
        if self.opened.done():
            return
        if self._answer.split(b" ", 2)[1:2] == [b"200"]:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectFailed("the proxy refused to connect"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectFailed("the proxy closed the connection"))
