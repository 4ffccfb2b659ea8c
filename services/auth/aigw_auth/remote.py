# SPDX-License-Identifier: Apache-2.0
"""Keys over the network: discovery and JWKS, bounded in time, size and in where they may lead. Effect."""

import asyncio
import ssl
from collections.abc import Collection

import httpx
import msgspec

from aigw_auth.sources import FetchFailed, usable
from aigw_auth.trust import KeySet, UnreadableKeys, read_jwks
from aigw_contract.table import IssuerTrust
from aigw_kit.tls import client_context

FETCH_SECONDS = 10.0  # for discovery and keys together
MOST_BYTES = 256 * 1024
MOST_REDIRECTS = 3
DISCOVERY_PATH = "/.well-known/openid-configuration"


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: str


class HttpSource:
    """The keys at `trust.jwks_uri`, or where the discovery document below `trust.url` says they are."""

    every = None

    def __init__(self, trust: IssuerTrust, ca_bundle_file: str, refused: Collection[str]) -> None:
        self._trust = trust
        self.ca_bundle_file = ca_bundle_file
        self._refused = refused

    async def fetch(self) -> KeySet:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return usable(read_jwks(await self._fetch(), self._refused))
        except (TimeoutError, httpx.TimeoutException):
            raise FetchFailed("timeout", f"no answer within {FETCH_SECONDS:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed("unreachable", f"{type(error).__name__}: {error}") from None
        except UnreadableKeys as error:
            raise FetchFailed("unreadable", str(error)) from None
        except OSError as error:
            raise FetchFailed("ca_bundle", f"the CA bundle cannot be used: {error}") from None

    async def _fetch(self) -> bytes:
        """A client and its trust are made anew each time: it is rare, and sees a CA bundle that was replaced."""
        context = await asyncio.to_thread(client_context, self.ca_bundle_file)
        async with _client(context) as client:
            return await _get(client, self._trust.jwks_uri or await self._discover(client))

    async def _discover(self, client: httpx.AsyncClient) -> str:
        """OpenID Connect Discovery 1.0, section 4.3: the document must name the very issuer that was asked."""
        content = await _get(client, self._trust.url.rstrip("/") + DISCOVERY_PATH)
        try:
            found = msgspec.json.decode(content, type=_Discovered)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise FetchFailed("unreadable", "the discovery document is not what it should be") from None
        if found.issuer != self._trust.issuer:
            raise FetchFailed("wrong_issuer", f"the discovery document is that of {found.issuer[:100]!r}")
        if self._trust.url.startswith("https:") and not found.jwks_uri.startswith("https:"):
            raise FetchFailed("insecure", "the discovery document leads from https to something else")
        return found.jwks_uri


def _client(context: ssl.SSLContext) -> httpx.AsyncClient:
    """Proxies come from the environment (`trust_env`); redirects are followed by hand, so that each is looked at."""
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    return httpx.AsyncClient(
        verify=context, timeout=FETCH_SECONDS, follow_redirects=False, trust_env=True, headers=headers
    )


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    """The body of a 200, after a bounded number of redirects that stay where they began. Raises FetchFailed."""
    for _ in range(MOST_REDIRECTS + 1):
        async with client.stream("GET", url) as response:
            if response.next_request is None:
                return await _body(response)
            after = response.next_request.url
            if not _same_place(response.url, after):
                raise FetchFailed("redirect", f"it leads to another host, {after.host[:100]}")
            url = str(after)
    raise FetchFailed("redirect", f"more than {MOST_REDIRECTS} of them")


def _same_place(before: httpx.URL, after: httpx.URL) -> bool:
    """The same scheme, host and port; or the same host, upgraded from http to https."""
    if before.host != after.host:
        return False
    if (before.scheme, before.port) == (after.scheme, after.port):
        return True
    return (before.scheme, after.scheme) == ("http", "https") and before.port is None and after.port is None


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise FetchFailed("status", f"HTTP {response.status_code}")
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise FetchFailed("too_large", f"more than {MOST_BYTES} bytes")
    return body
