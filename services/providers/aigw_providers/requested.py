# SPDX-License-Identifier: Apache-2.0
"""Calls that name their model server: sent there, with their own key, if the provider's list has the address.

The list is checked here again, whatever the router has said of it. The provider's own credential is out of reach of
this module. What such a server says of an error is not repeated, as it could repeat the key.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from aigw_contract import endpoints
from aigw_contract.calls import Answer, Call, EmbedCall, Embeddings, ModelServer
from aigw_contract.endpoints import Endpoint
from aigw_contract.failures import Kind, UpstreamFailed
from aigw_contract.peers import peer_allowed
from aigw_contract.table import ProviderSettings
from aigw_kit.http import ConnectFailed, HttpClient
from aigw_kit.http.origin import Origin, environment_proxy
from aigw_kit.tls import client_context
from aigw_providers.adapter import Adapter, Decoder, Headers, UpstreamRequest, unsupported
from aigw_providers.credentials import Credential
from aigw_providers.openai_chunks import ChunkDecoder, ErrorObject
from aigw_providers.openai_compatible import OpenAICompatible
from aigw_providers.relay import Begun, HttpUpstream, Relay, Upstream, UpstreamStream

MOST_CLIENTS = 64


class Servers:
    """Clients of the servers that were named last. One that gives way ends as its last answer does."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._allowed = settings.request_endpoints
        self._tls = client_context(settings.ca_bundle_file)
        self._clients: dict[Endpoint, HttpClient] = {}

    def trust(self, tls: ssl.SSLContext) -> None:
        """Of connections from now on."""
        self._tls = tls
        for client in self._clients.values():
            client.trust(tls)

    def upstream(self, server: ModelServer) -> Upstream:
        """Raises UpstreamFailed(bad_request) for an address that is not allowed, or a key that no header can carry."""
        try:
            endpoint = endpoints.parse(server.endpoint)
        except ValueError as error:
            raise unsupported(f"the endpoint {error}") from None
        if not endpoints.covered(endpoint, self._allowed):
            raise unsupported(f"models at {endpoint.host} are not allowed")
        return HttpUpstream(self._client(endpoint), KeyOfRequest(server.api_key))

    def _client(self, endpoint: Endpoint) -> HttpClient:
        client = self._clients.pop(endpoint, None) or self._connected(endpoint)
        self._clients[endpoint] = client  # at the end again: the oldest is the first to go
        if len(self._clients) > MOST_CLIENTS:
            self._clients.pop(next(iter(self._clients))).close()
        return client

    def _connected(self, endpoint: Endpoint) -> HttpClient:
        proxy = environment_proxy(Origin.parse(endpoint.url))
        checked = None if endpoints.named(endpoint, self._allowed) else peer_allowed
        return HttpClient(endpoint.url, tls=self._tls, proxy=proxy, peer_allowed=checked)


class KeyOfRequest(Credential):
    """What came along with one request; an empty one means none."""

    def __init__(self, key: str) -> None:
        if not (key.isascii() and key.isprintable()):
            raise unsupported("the key holds characters that no header can carry")
        self._headers: Headers = [(b"authorization", b"Bearer " + key.encode())] if key else []

    async def headers(self, timeout: float) -> Headers:
        return self._headers


class RequestedRelay(Relay):
    """As `Relay`; and calls that name a server go there."""

    def __init__(self, settings: ProviderSettings, adapter: Adapter, upstream: Upstream, servers: Servers) -> None:
        super().__init__(adapter, upstream, settings.timeout)
        self._discreet = Discreet(settings)
        self._servers = servers

    async def send(self, call: Call | EmbedCall, trace: Headers, timeout: float) -> Answer | Embeddings:
        if call.at is None:
            return await super().send(call, trace, timeout)
        with _by_request():
            return await self._to(call.at).send(replace(call, at=None), trace, timeout)

    async def stream(self, call: Call, trace: Headers, timeout: float) -> Begun:
        if call.at is None:
            return await super().stream(call, trace, timeout)
        with _by_request():
            return await self._to(call.at).stream(replace(call, at=None), trace, timeout)

    def _to(self, server: ModelServer) -> Relay:
        return Relay(self._discreet, self._servers.upstream(server), self._silence)


class Discreet(OpenAICompatible):
    """Repeats no more of a server's error than names that are known here."""

    def decoder(self, call: Call) -> Decoder:
        return ChunkDecoder(self.finish, self.read_error, self._kind_of_event)

    def _kind_of_event(self, error: ErrorObject, otherwise: Kind) -> Kind:
        """How a stream ends is kept as the provider's health: of its credential such a server knows nothing."""
        kind = self.kind(error, otherwise)
        return "overloaded" if kind == "auth" else kind

    def read_error(self, body: bytes) -> ErrorObject | None:
        error = super().read_error(body)
        if error is None:
            return None
        code, kind = str(error.code), str(error.type)
        known = code in self.error_names or (code.isdecimal() and len(code) == 3)
        return ErrorObject(error.message, kind if kind in self.error_names else None, code if known else None)


class Nowhere(Upstream):
    """The own endpoint of a provider that has none."""

    async def send(self, request: UpstreamRequest, timeout: float) -> tuple[int, Headers, bytes]:
        raise ConnectFailed("this provider has no endpoint of its own")

    async def stream(self, request: UpstreamRequest, timeout: float) -> UpstreamStream:
        raise ConnectFailed("this provider has no endpoint of its own")


@contextmanager
def _by_request() -> Iterator[None]:
    """A failure says nothing of the provider: neither of its health nor of its credential."""
    try:
        yield
    except UpstreamFailed as failed:
        raise UpstreamFailed(replace(failed.failure, by_request=True)) from None
