# SPDX-License-Identifier: Apache-2.0
"""`POST /v3/code/completions`, in the blueprint's dialect and in GitLab's."""

import logging
import random
import time
from collections.abc import Sequence

from aigw_contract.calls import Broken, End
from aigw_contract.envelope import read_components
from aigw_contract.table import RoutingTable
from aigw_kit.edge import StreamCut
from aigw_kit.request import Headers, Request
from aigw_router.api.parts import Parts
from aigw_router.callers import require_scope
from aigw_router.candidates import Attempt
from aigw_router.clients import Passed
from aigw_router.features import code, code_answer, requested
from aigw_router.streams import TextStream

SCOPES = {
    "code_completions": frozenset({"complete_code", "code_suggestions"}),
    "code_generations": frozenset({"generate_code", "code_suggestions"}),
}
TIMEOUTS = {"code_completions": 3.0, "code_generations": 30.0}  # where the table has no such feature

RAW_TEXT_STREAM: Headers = [
    (b"content-type", b"text/event-stream"),  # what GitLab's clients expect, although the text is not framed
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

log = logging.getLogger(__name__)


class CodeApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def complete(self, request: Request) -> None:
        parts, table = self._parts, self._parts.tables.current
        caller = await parts.callers.require(request)
        envelope = read_components(await request.body(table.max_body_bytes))
        if envelope.notes:
            log.debug("the request was read with notes: %s", "; ".join(envelope.notes))
        asked = code.read(envelope.components, envelope.metadata)
        require_scope(caller, SCOPES[asked.operation], "code suggestions", user_tokens=False)
        attempts = code.plan(asked, table, random.random())  # noqa: S311 - a share of requests, not a secret
        if (at := attempts[0].call.at) is not None:
            request.fields["model_host"] = requested.host_of(at)
        if asked.stream:
            await self._stream(request, table, asked, attempts)
        else:
            await self._whole(request, table, asked, attempts)

    async def _whole(
        self, request: Request, table: RoutingTable, asked: code.Asked, attempts: Sequence[Attempt]
    ) -> None:
        passed = Passed.of(request, self._parts.key)
        done = await self._parts.dispatch.first_success(request, table, attempts, _timeout(table, asked), passed)
        _account(request, done.answer.usage.input_tokens, done.answer.usage.output_tokens)
        await request.respond(200, code_answer.answer(asked, done.attempt, done.answer, table, request.id, time.time()))

    async def _stream(
        self, request: Request, table: RoutingTable, asked: code.Asked, attempts: Sequence[Attempt]
    ) -> None:
        passed = Passed.of(request, self._parts.key)
        begun = await self._parts.dispatch.first_stream(request, table, attempts, _timeout(table, asked), passed)
        try:
            await _forward(request, begun.text)
        finally:
            begun.text.close()
        await request.finish()


async def _forward(request: Request, text: TextStream) -> None:
    """Text as it arrives. Raises StreamCut when the stream breaks: raw text has no error event, so its end is cut."""
    first = await text.first()
    await request.start(200, RAW_TEXT_STREAM.copy())
    if first:
        await request.write(first)
    await text.pump(request.write_now, request.drained)
    last = text.last
    if isinstance(last, Broken):
        request.fields["failures"] = [f"{last.failure.kind}: {last.failure.detail}"]
        raise StreamCut
    if isinstance(last, End):
        _account(request, last.usage.input_tokens, last.usage.output_tokens)


def _timeout(table: RoutingTable, asked: code.Asked) -> float:
    if asked.named is not None and asked.named.names_server:
        return requested.timeout(asked.named, table)
    feature = table.features.get(asked.operation)
    return feature.timeout if feature is not None else TIMEOUTS[asked.operation]


def _account(request: Request, input_tokens: int, output_tokens: int) -> None:
    request.fields["input_tokens"] = input_tokens
    request.fields["output_tokens"] = output_tokens
