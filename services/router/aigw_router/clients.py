# SPDX-License-Identifier: Apache-2.0
"""The router's only sockets: to the auth service and to the provider services."""

import ssl
from typing import NamedTuple, TypeVar

import msgspec

from aigw_contract.calls import Answer, Call, EmbedCall, Embeddings
from aigw_contract.decisions import Credentials, Decision
from aigw_contract.errors import UNREADABLE, Unavailable
from aigw_contract.failures import Failure, UpstreamFailed
from aigw_contract.headers import DEADLINE_MS, REQUEST_ID, TRACEPARENT, TRACESTATE
from aigw_contract.probes import ProviderState
from aigw_kit.guard import InternalKey
from aigw_kit.http import ConnectFailed, HttpClient, HttpError, Response, TimedOut
from aigw_kit.request import Headers, Request
from aigw_kit.trunk import Trunking
from aigw_router.streams import TextStream

JSON = (b"content-type", b"application/json")
AUTH_TIMEOUT = 5.0
GRACE = 0.05  # seconds by which a provider service's own word on a deadline may come later
FAILED = 502

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class Passed(NamedTuple):
    """What goes along on each hop: the internal key, the request id, the trace context, the time that is left."""

    headers: Headers

    @classmethod
    def of(cls, request: Request, key: InternalKey) -> "Passed":
        headers = [key.header, (REQUEST_ID, request.id.encode("latin-1"))]
        if request.trace:
            headers.append((TRACEPARENT, request.trace))
            if (state := request.headers.get(TRACESTATE)) is not None:
                headers.append((TRACESTATE, state))
        return cls(headers)

    def within(self, seconds: float) -> Headers:
        return [*self.headers, (DEADLINE_MS, b"%d" % (seconds * 1000)), JSON]


class AuthClient:
    """Asks the auth service for decisions."""

    def __init__(self, url: str, key: InternalKey, tls: ssl.SSLContext | None) -> None:
        self._client = HttpClient(url, tls=tls)
        self._key = key
        self._decoder = msgspec.json.Decoder(Decision)

    async def decide(self, credentials: Credentials) -> Decision:
        """Raises Unavailable: without an answer nobody is let in."""
        headers = [self._key.header, JSON]
        try:
            response, body = await self._client.request(
                b"POST", b"/decisions", headers, _encode(credentials), AUTH_TIMEOUT
            )
            if response.status == 200:
                return self._decoder.decode(body)
        except (HttpError, *UNREADABLE):
            pass
        raise Unavailable("Authentication is unavailable", reason="auth_unavailable", retry_after=1.0)

    async def ready(self) -> bool:
        try:
            response, _ = await self._client.request(b"GET", b"/readyz", [], b"", 1.0)
        except HttpError:
            return False
        return response.status == 200


class ProviderClient:
    """Calls one provider service. All verbs raise UpstreamFailed; `timeout` is in seconds."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        self._client = HttpClient(url, tls=tls)
        self._trunking = Trunking(self._client)
        self._answers = msgspec.json.Decoder(Answer)
        self._states = msgspec.json.Decoder(ProviderState)
        self._embeddings = msgspec.json.Decoder(Embeddings)

    async def generate(self, call: Call, passed: Passed, timeout: float) -> Answer:
        return _decode(self._answers, await self._post(b"/generate", call, passed, timeout))

    async def embed(self, call: EmbedCall, passed: Passed, timeout: float) -> Embeddings:
        return _decode(self._embeddings, await self._post(b"/embed", call, passed, timeout))

    async def stream(self, call: Call, passed: Passed, timeout: float) -> TextStream:
        """Text as it arrives; the service answers 200 only once there is content."""
        response = await self._open(b"/generate", passed.within(timeout), _encode(call), timeout + GRACE)
        if response.status != 200:
            raise UpstreamFailed(_failure(response.status, await _read(response)))
        response.allow_silence(3600.0)  # the provider service decides how long its upstream may be silent
        return TextStream(response, _unreached)

    async def probe(self, passed: Passed, timeout: float) -> ProviderState:
        return _decode(self._states, await self._post(b"/probe", None, passed, timeout))

    async def forward(self, target: bytes, headers: Headers, body: bytes, timeout: float) -> Response:
        """A proxied request, bytes through."""
        return await self._open(target, headers, body, timeout)

    def close(self) -> None:
        self._trunking.close()
        self._client.close()

    async def _post(self, target: bytes, call: Call | EmbedCall | None, passed: Passed, timeout: float) -> bytes:
        try:
            response, body = await self._client.request(
                b"POST", target, passed.within(timeout), _encode(call), timeout + GRACE
            )
        except HttpError as error:
            raise UpstreamFailed(_unreached(error)) from None
        if response.status != 200:
            raise UpstreamFailed(_failure(response.status, body))
        return body

    async def _open(self, target: bytes, headers: Headers, body: bytes, timeout: float) -> Response:
        try:
            return await self._trunking.stream(b"POST", target, headers, body, timeout)
        except HttpError as error:
            raise UpstreamFailed(_unreached(error)) from None


def _decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except UNREADABLE:
        raise UpstreamFailed(Failure("cut", "the provider service's answer could not be read")) from None


async def _read(response: Response) -> bytes:
    try:
        return await response.read()
    except HttpError:
        return b""


def _unreached(error: HttpError) -> Failure:
    if isinstance(error, TimedOut):
        return Failure("timeout", "the provider service did not answer in time")
    if isinstance(error, ConnectFailed):
        return Failure("unreachable", "the provider service cannot be reached")
    return Failure("cut", "the connection to the provider service was lost")


def _failure(status: int, body: bytes) -> Failure:
    if status == FAILED:
        try:
            return msgspec.json.decode(body, type=Failure)
        except UNREADABLE:
            pass
    return Failure("unreachable", f"the provider service answered {status}")
