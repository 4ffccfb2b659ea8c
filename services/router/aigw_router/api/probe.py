# SPDX-License-Identifier: Apache-2.0
"""`POST /probe`: the operator's synthetic request. Asks for the internal key and for a token that auth accepts.

It costs nothing at a provider, unless it names models: these are asked, for a few tokens.
"""

import asyncio

import msgspec

from aigw_contract.calls import Call, Fim, Message
from aigw_contract.envelope import read_json
from aigw_contract.failures import UpstreamFailed
from aigw_contract.probes import Probe, Probed, ProviderState
from aigw_contract.table import ModelRoute, RoutingTable
from aigw_kit.request import Request
from aigw_router.api.parts import Parts
from aigw_router.clients import Passed

TIMEOUT = 2.0  # seconds for each provider service
MODEL_TIMEOUT = 20.0  # seconds for a model that is asked: the first answer of a model server may take its time
MOST_TOKENS = 16  # fewer are refused by some
MOST_BODY_BYTES = 64 * 1024


class ProbeApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def probe(self, request: Request) -> None:
        self._parts.key.require(request)
        await self._parts.callers.require(request)
        body = await request.body(MOST_BODY_BYTES)
        asked = read_json(body, Probe) if body else Probe()
        table = self._parts.tables.current
        passed = Passed.of(request, self._parts.key)
        states = await asyncio.gather(*(self._one(table, name, passed) for name in table.providers))
        found = dict(zip(table.providers, states, strict=True))
        known = {name: state for name, state in found.items() if state is not None}
        answers = await asyncio.gather(*(self._ask(table, name, passed) for name in asked.models))
        models = dict(zip(asked.models, answers, strict=True))
        probed = Probed(table.revision, known, sorted(set(found) - set(known)), models)
        await request.respond(200, msgspec.json.encode(probed))

    async def _one(self, table: RoutingTable, provider: str, passed: Passed) -> ProviderState | None:
        try:
            return await self._parts.tables.client(table, provider).probe(passed, TIMEOUT)
        except UpstreamFailed:
            return None

    async def _ask(self, table: RoutingTable, model: str, passed: Passed) -> str:
        """Why the model gave no answer, or empty."""
        route = table.models.get(model)
        if route is None:
            return "there is no such model"
        try:
            await self._parts.tables.client(table, route.provider).generate(small_call(route), passed, MODEL_TIMEOUT)
        except UpstreamFailed as failed:
            return str(failed)
        return ""


def small_call(route: ModelRoute) -> Call:
    """The least that can be asked of a model."""
    call = Call(route.id, max_tokens=MOST_TOKENS)
    if route.fim is None:
        call.messages = [Message("user", "Say hello.")]
    else:
        call.fim = Fim("def hello():", "", route.fim)
    return call
