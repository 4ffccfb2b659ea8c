# SPDX-License-Identifier: Apache-2.0
"""`POST /probe`: the operator's synthetic request. Asks for the internal key and for a token that auth accepts."""

import asyncio

import msgspec

from aigw_contract.failures import UpstreamFailed
from aigw_contract.probes import Probed, ProviderState
from aigw_contract.table import RoutingTable
from aigw_kit.request import Request
from aigw_router.api.parts import Parts
from aigw_router.clients import Passed

TIMEOUT = 2.0  # seconds for each provider service


class ProbeApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def probe(self, request: Request) -> None:
        self._parts.key.require(request)
        await self._parts.callers.require(request)
        table = self._parts.tables.current
        passed = Passed.of(request, self._parts.key)
        states = await asyncio.gather(*(self._one(table, name, passed) for name in table.providers))
        found = dict(zip(table.providers, states, strict=True))
        known = {name: state for name, state in found.items() if state is not None}
        probed = Probed(table.revision, known, sorted(set(found) - set(known)))
        await request.respond(200, msgspec.json.encode(probed))

    async def _one(self, table: RoutingTable, provider: str, passed: Passed) -> ProviderState | None:
        try:
            return await self._parts.tables.client(table, provider).probe(passed, TIMEOUT)
        except UpstreamFailed:
            return None
