# SPDX-License-Identifier: Apache-2.0
"""The internal API of a provider service, for the router alone: `/generate`, `/embed`, `/proxy/…`."""

import msgspec

from aigw_contract.calls import Broken, Call, EmbedCall
from aigw_contract.envelope import read_json
from aigw_contract.failures import Failure, UpstreamFailed
from aigw_contract.headers import DEADLINE_MS, TRACEPARENT, TRACESTATE
from aigw_contract.streams import encode_frames
from aigw_contract.table import ProviderSettings
from aigw_kit.edge import StreamCut
from aigw_kit.request import Headers, Request
from aigw_kit.trunk import Trunks
from aigw_providers.adapter import Adapter
from aigw_providers.metrics import Observed
from aigw_providers.relay import Relay

TEXT = (b"content-type", b"text/plain; charset=utf-8")
DEFAULT_TIMEOUT = 60.0
FAILED = 502

_encode = msgspec.json.Encoder().encode


class ProviderService:
    """Handlers of the endpoints that translate calls."""

    def __init__(
        self, settings: ProviderSettings, adapter: Adapter, relay: Relay, observed: Observed, trunks: Trunks
    ) -> None:
        self._settings = settings
        self._adapter = adapter
        self._relay = relay
        self._observed = observed
        self._trunks = trunks

    async def generate(self, request: Request) -> None:
        call = read_json(await request.body(self._settings.max_body_bytes), Call)
        if call.stream:
            await self._stream(request, call)
        else:
            await self._whole(request, call)

    async def embed(self, request: Request) -> None:
        call = read_json(await request.body(self._settings.max_body_bytes), EmbedCall)
        if not self._adapter.embeds:
            await self._failed(request, Failure("bad_request", "this provider has no embeddings"))
            return
        await self._whole(request, call)

    async def _whole(self, request: Request, call: Call | EmbedCall) -> None:
        try:
            answer = await self._relay.send(call, trace_headers(request), seconds_left(request))
        except UpstreamFailed as failed:
            await self._failed(request, failed.failure)
            return
        self._observed.answered(answer.usage)
        await request.respond(200, _encode(answer))

    async def _stream(self, request: Request, call: Call) -> None:
        try:
            begun = await self._relay.stream(call, trace_headers(request), seconds_left(request))
        except UpstreamFailed as failed:
            await self._failed(request, failed.failure)
            return
        try:
            await request.start(200, [TEXT, *self._trunks.lead(request)])
            await request.write(encode_frames(begun.first))
            sink = request.sink
            await begun.rest.pump(lambda frames: sink(encode_frames(frames)), request.drained)
        finally:
            begun.rest.close()
        self._observed.ended(begun.rest.last)
        if isinstance(begun.rest.last, Broken):
            raise StreamCut
        await request.finish()

    async def _failed(self, request: Request, failure: Failure) -> None:
        self._observed.failed(failure)
        request.fields["failure"] = failure.kind
        request.fields["failure_detail"] = failure.detail
        await request.respond(FAILED, _encode(failure))


def seconds_left(request: Request) -> float:
    """What the router says is left for this request; never less than a millisecond, so that timers can run out."""
    given = request.headers.get(DEADLINE_MS)
    return max(0.001, int(given) / 1000) if given is not None and given.isdigit() else DEFAULT_TIMEOUT


def trace_headers(request: Request) -> Headers:
    """The W3C trace context, passed on."""
    if not request.trace:
        return []
    state = request.headers.get(TRACESTATE)
    return [(TRACEPARENT, request.trace)] + ([(TRACESTATE, state)] if state else [])
