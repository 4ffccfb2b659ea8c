# SPDX-License-Identifier: Apache-2.0
"""`POST /probe`: what this service knows of itself, without a call to the AI provider."""

import msgspec

from aigw_contract.probes import ProviderState
from aigw_kit.request import Request
from aigw_providers.credentials import Credential
from aigw_providers.metrics import Observed


class Probe:
    def __init__(self, revision: str, credential: Credential, observed: Observed) -> None:
        self._revision = revision
        self._credential = credential
        self._observed = observed

    async def answer(self, request: Request) -> None:
        observed = self._observed
        state, since = await self._credential.state()
        known = ProviderState(
            self._revision, state, since, observed.last_success, observed.last_error, observed.last_error_at
        )
        await request.respond(200, msgspec.json.encode(known))
