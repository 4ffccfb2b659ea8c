# SPDX-License-Identifier: Apache-2.0
"""All sending: an adapter's request up, the answer or a classified failure back.

An `Upstream` is where requests go: over HTTP for real providers (`HttpUpstream`), in the process for `echo`.
"""

import asyncio
import ssl
from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from aigw_contract.calls import Answer, Broken, Call, EmbedCall, Embeddings, Frame
from aigw_contract.failures import Failure, UpstreamFailed
from aigw_kit.http import ConnectFailed, HttpClient, HttpError, ProtocolViolation, TimedOut
from aigw_providers.adapter import Adapter, Headers, UpstreamRequest, unsupported
from aigw_providers.credentials import Credential, CredentialMissing
from aigw_providers.frames import Chunks, FrameStream

MOST_ERROR_BYTES = 64 * 1024


class UpstreamStream(Chunks, Protocol):
    """An answer that arrives in chunks. `chunk` gives b"" at the end and raises HttpError; `close` at any time."""

    status: int
    headers: Headers

    @property
    def complete(self) -> bool:
        """All of the body has arrived."""

    def take(self) -> bytes:
        """What has arrived and was not read."""

    def allow_silence(self, seconds: float) -> None: ...


class Begun(NamedTuple):
    """A stream that has content: its first frames, and the rest as it comes. To be closed in any case."""

    first: list[Frame]
    rest: FrameStream


class Upstream(ABC):
    """Raises HttpError, CredentialMissing. `timeout`: seconds for the whole answer, or for a stream's head."""

    @abstractmethod
    async def send(self, request: UpstreamRequest, timeout: float) -> tuple[int, Headers, bytes]: ...

    @abstractmethod
    async def stream(self, request: UpstreamRequest, timeout: float) -> UpstreamStream: ...


class HttpUpstream(Upstream):
    """The provider's API over HTTP, with its credential."""

    def __init__(self, client: HttpClient, credential: Credential) -> None:
        self._client = client
        self._credential = credential

    def trust(self, tls: ssl.SSLContext) -> None:
        """Of connections from now on."""
        self._client.trust(tls)

    async def send(self, request: UpstreamRequest, timeout: float) -> tuple[int, Headers, bytes]:
        headers = request.headers + await self._credential.headers(timeout)
        response, body = await self._client.request(b"POST", request.target, headers, request.body, timeout)
        return response.status, response.headers, body

    async def stream(self, request: UpstreamRequest, timeout: float) -> UpstreamStream:
        headers = request.headers + await self._credential.headers(timeout)
        return await self._client.stream(b"POST", request.target, headers, request.body, timeout)


class Relay:
    """Calls through one adapter to one upstream. `silence`: seconds a begun stream may pause."""

    def __init__(self, adapter: Adapter, upstream: Upstream, silence: float) -> None:
        self._adapter = adapter
        self._upstream = upstream
        self._silence = silence

    async def send(self, call: Call | EmbedCall, trace: Headers, timeout: float) -> Answer | Embeddings:
        """The whole answer. Raises UpstreamFailed."""
        request = self._encoded(call, trace)
        try:
            status, headers, body = await self._upstream.send(request, timeout)
        except (HttpError, CredentialMissing) as error:
            raise UpstreamFailed(classify(error)) from None
        if not 200 <= status < 300:
            raise UpstreamFailed(_with_wait(self._adapter.decode_error(status, body), headers))
        return self._adapter.decode(call, body)

    async def stream(self, call: Call, trace: Headers, timeout: float) -> Begun:
        """Begin a stream. `timeout` is until the first content.

        Raises UpstreamFailed as long as no content came, so that another candidate can be tried.
        """
        request = self._encoded(call, trace)
        try:
            async with asyncio.timeout(timeout):
                stream = await self._upstream.stream(request, timeout)
                begun = await self._first_content(call, stream)
        except TimeoutError:
            raise UpstreamFailed(Failure("timeout", "no content in time")) from None
        except (HttpError, CredentialMissing) as error:
            raise UpstreamFailed(classify(error)) from None
        stream.allow_silence(self._silence)
        return begun

    def _encoded(self, call: Call | EmbedCall, trace: Headers) -> UpstreamRequest:
        if call.at is not None:  # see `requested`; it must not go to the provider's own endpoint in place of that
            raise unsupported("this provider takes no addresses from requests")
        return _traced(self._adapter.encode(call), trace)

    async def _first_content(self, call: Call, stream: UpstreamStream) -> Begun:
        """Read up to the first Delta or End; what comes before (roles, pings) commits nobody to anything."""
        try:
            await self._refuse_error(stream)
            frames = FrameStream(stream, self._adapter.decoder(call), classify)
            first = await frames.first()
            if isinstance(first[0], Broken):
                raise UpstreamFailed(first[0].failure)
        except BaseException:
            stream.close()
            raise
        return Begun(first, frames)

    async def _refuse_error(self, stream: UpstreamStream) -> None:
        if 200 <= stream.status < 300:
            return
        body = b""
        while len(body) < MOST_ERROR_BYTES and (chunk := await stream.chunk()):
            body += chunk
        failure = self._adapter.decode_error(stream.status, body)
        raise UpstreamFailed(_with_wait(failure, stream.headers))


def classify(error: HttpError | CredentialMissing) -> Failure:
    """What a failed exchange means for whoever asked."""
    if isinstance(error, CredentialMissing):
        return Failure("auth", str(error))
    if isinstance(error, TimedOut):
        return Failure("timeout", str(error))
    if isinstance(error, ConnectFailed):
        return Failure("unreachable", str(error))
    if isinstance(error, ProtocolViolation):
        return Failure("cut", str(error))
    return Failure("cut", "the connection was lost")


def _with_wait(failure: Failure, headers: Headers) -> Failure:
    """With the upstream's Retry-After, if it gave one in seconds."""
    given = next((value for name, value in headers if name == b"retry-after"), b"")
    return replace(failure, retry_after=float(given)) if given.isdigit() else failure


def _traced(request: UpstreamRequest, trace: Headers) -> UpstreamRequest:
    return request._replace(headers=request.headers + trace) if trace else request
