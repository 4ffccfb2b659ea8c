# SPDX-License-Identifier: Apache-2.0
"""Embeddings, as the blueprint has them: one text in, one vector out, with the model and provider that made it.

Only the feature's first model is ever asked, or the one that the request names: vectors of different models must not
meet in one index.
"""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from aigw_contract.calls import EmbedCall, Embeddings
from aigw_contract.errors import NotFound, NothingUsable, WrongShape
from aigw_contract.model_metadata import GITLAB, ModelMetadata
from aigw_contract.table import ModelRoute, RoutingTable
from aigw_router.features import requested

WELL_KNOWN = {"Anthropic": "anthropic", "VertexAI": "vertex-ai", "OpenAI": "open_ai"}


class EmbeddingsRequest(Struct):
    content: str
    content_type: str = ""
    model_metadata: ModelMetadata | None = None


class EmbeddingsMetadata(Struct):
    identifier: str
    model: str
    provider: str


class EmbeddingsAnswer(Struct):
    response: list[float]
    metadata: EmbeddingsMetadata


class Plan(NamedTuple):
    """The one attempt, and its time in seconds."""

    model: str
    route: ModelRoute
    call: EmbedCall
    timeout: float


def plan(asked: EmbeddingsRequest, table: RoutingTable) -> Plan:
    """Raises WrongShape, NothingUsable (422), Forbidden (403) or NotFound (404)."""
    if not asked.content.strip():
        raise WrongShape("`content` is empty")
    named = asked.model_metadata
    if named is not None and named.names_server:
        route = requested.route(named, table)
        call = EmbedCall(route.id, [asked.content], requested.server(named))
        return Plan(requested.NAME, route, call, requested.timeout(named, table))
    feature = table.features.get("embeddings")
    if feature is None:
        raise NotFound("This gateway has no embeddings", reason="feature_not_configured")
    name = feature.models[0].model
    if named is not None:
        _require_same(named, name, table)
    return Plan(name, table.models[name], EmbedCall(table.models[name].id, [asked.content]), feature.timeout)


def _require_same(named: ModelMetadata, name: str, table: RoutingTable) -> None:
    """Another model than the one that the request means would spoil an index."""
    meant = table.resolve(named.identifier) if named.identifier else name
    if named.provider not in (None, GITLAB) or meant != name:
        raise NothingUsable("The model that is named makes no embeddings here", reason="no_such_model")


def answer(route: ModelRoute, given: Embeddings, table: RoutingTable, identifier: str) -> bytes:
    kind = table.providers[route.provider].type
    metadata = EmbeddingsMetadata(identifier, route.id, WELL_KNOWN.get(kind, route.provider))
    return msgspec.json.encode(EmbeddingsAnswer(given.vectors[0], metadata))
