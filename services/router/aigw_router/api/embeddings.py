# SPDX-License-Identifier: Apache-2.0
"""`POST /internal/embeddings`, the blueprint's."""

from aigw_contract.calls import Embeddings
from aigw_contract.envelope import read_json
from aigw_contract.failures import UpstreamFailed
from aigw_kit.request import Request
from aigw_router.api.parts import Parts
from aigw_router.callers import require_scope
from aigw_router.clients import Passed
from aigw_router.dispatch import exhausted
from aigw_router.features import embeddings, requested

SCOPES = frozenset({"semantic_search_issue", "documentation_search", "duo_chat", "ai_gateway_model_provider_proxy"})


class EmbeddingsApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def embed(self, request: Request) -> None:
        parts, table = self._parts, self._parts.tables.current
        caller = await parts.callers.require(request)
        require_scope(caller, SCOPES, "embeddings", user_tokens=False)
        asked = read_json(await request.body(table.max_body_bytes), embeddings.EmbeddingsRequest)
        plan = embeddings.plan(asked, table)
        request.fields["model"] = plan.model
        if plan.call.at is not None:
            request.fields["model_host"] = requested.host_of(plan.call.at)
        client = parts.tables.client(table, plan.route.provider)
        try:
            given: Embeddings = await client.embed(plan.call, Passed.of(request, parts.key), plan.timeout)
        except UpstreamFailed as failed:
            request.fields["failures"] = [str(failed)]
            raise exhausted([failed.failure]) from None
        await request.respond(200, embeddings.answer(plan.route, given, table, request.id))
