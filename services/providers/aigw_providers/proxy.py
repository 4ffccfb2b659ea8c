# SPDX-License-Identifier: Apache-2.0
"""The proxy: a provider's own dialect through, as bytes, with the gateway's credential.

What goes up and comes down is decided by allow-lists: of paths (the adapter's) and of headers (here and the adapter's).
The caller's own credentials and `X-Gitlab-*` are on neither. A stream that breaks ends in the provider's own error.
"""

from urllib.parse import unquote

from aigw_contract.errors import NotFound
from aigw_contract.failures import CONSEQUENCES, Failure
from aigw_contract.headers import TRACEPARENT, TRACESTATE
from aigw_contract.table import ProviderSettings
from aigw_kit.edge import StreamCut
from aigw_kit.http import HttpError
from aigw_kit.request import Headers, Request
from aigw_kit.trunk import Trunks
from aigw_providers.adapter import Adapter, UpstreamRequest
from aigw_providers.credentials import CredentialMissing
from aigw_providers.metrics import Observed
from aigw_providers.relay import Upstream, UpstreamStream, classify
from aigw_providers.service import seconds_left

PREFIX = "/proxy"
UNAUTHENTICATED = 401
UP = (b"accept", b"content-type", b"user-agent", TRACEPARENT, TRACESTATE)
DOWN = frozenset((b"content-type", b"retry-after"))
RATE_LIMIT_PREFIXES = (b"anthropic-ratelimit-", b"x-ratelimit-")


class Proxy:
    """The handler of `/proxy/…`."""

    def __init__(
        self, settings: ProviderSettings, adapter: Adapter, upstream: Upstream, observed: Observed, trunks: Trunks
    ) -> None:
        self._settings = settings
        self._adapter = adapter
        self._upstream = upstream
        self._up = (*UP, *adapter.proxy_up)
        self._down = DOWN | frozenset(adapter.proxy_down)
        self._observed = observed
        self._trunks = trunks

    async def forward(self, request: Request) -> None:
        body = await request.body(self._settings.max_body_bytes)
        upstream = UpstreamRequest(self._target(request), self._headers_up(request), body)
        try:
            stream = await self._upstream.stream(upstream, seconds_left(request))
        except (HttpError, CredentialMissing) as error:
            await self._failed(request, classify(error))
            return
        try:
            stream.allow_silence(self._settings.timeout)
            if stream.status == UNAUTHENTICATED:
                await self._credential_refused(request, stream)
            else:
                await self._answer(request, stream)
        finally:
            stream.close()

    def _target(self, request: Request) -> bytes:
        """Raises NotFound unless the adapter allows it. Encoded slashes and dots are not followed anywhere."""
        raw: str = request.scope["raw_path"].decode("ascii", "replace").removeprefix(PREFIX)
        plain = unquote(raw) == request.path.removeprefix(PREFIX) and "%2f" not in raw.lower() and ".." not in raw
        target = self._adapter.proxy_target(request.method, raw, request.scope["query_string"]) if plain else None
        if target is None:
            raise NotFound("Not found", reason="proxy_path_not_allowed")
        return target

    def _headers_up(self, request: Request) -> Headers:
        headers = [(name, request.headers[name]) for name in self._up if name in request.headers]
        return [*headers, (b"accept-encoding", b"identity")]  # a compressed stream could not end in an error event

    def _headers_down(self, stream: UpstreamStream) -> Headers:
        known, limits = self._down, RATE_LIMIT_PREFIXES
        return [(name, value) for name, value in stream.headers if name in known or name.startswith(limits)]

    async def _answer(self, request: Request, stream: UpstreamStream) -> None:
        headers = self._headers_down(stream)
        is_events = any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in headers)
        if is_events:
            headers.append((b"x-accel-buffering", b"no"))
        if stream.complete:
            await request.respond(stream.status, stream.take(), headers)
            return
        await request.start(stream.status, headers + self._trunks.lead(request) if is_events else headers)
        try:
            while not await stream.pump(request.sink):
                await request.drained()
        except HttpError as error:
            failure = classify(error)
            self._observed.failed(failure)
            request.fields["failure"] = failure.kind
            if is_events:  # a blank line first: the last event may have been cut in the middle
                event = self._adapter.proxy_error_event(failure.kind, "The connection to the provider was lost")
                await request.finish(b"\n\n" + event)
                return
            raise StreamCut from None
        await request.finish()

    async def _credential_refused(self, request: Request, stream: UpstreamStream) -> None:
        """The credential is the gateway's, and some providers repeat a part of it: their words stay here."""
        failure = Failure("auth", "the provider refused the gateway's credential")
        self._observed.failed(failure)
        request.fields["failure"] = failure.kind
        body = self._adapter.proxy_error(stream.status, failure.kind, "The provider refused the gateway's credential")
        await request.respond(stream.status, body)

    async def _failed(self, request: Request, failure: Failure) -> None:
        """The upstream gave no answer at all; its dialect tells it, with the status that the table gives."""
        self._observed.failed(failure)
        request.fields["failure"] = failure.kind
        request.fields["failure_detail"] = failure.detail
        status = CONSEQUENCES[failure.kind].status
        body = self._adapter.proxy_error(status, failure.kind, CONSEQUENCES[failure.kind].detail)
        await request.respond(status, body)
