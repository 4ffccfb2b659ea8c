# SPDX-License-Identifier: Apache-2.0
"""Embeddings, as the blueprint has them: one text in, one vector out, with the model and provider that made it.

Only the feature's first model is ever asked: vectors of different models must not meet in one index.
"""

import msgspec
from msgspec import Struct

from aigw_contract.calls import EmbedCall, Embeddings
from aigw_contract.errors import NotFound, WrongShape
from aigw_contract.table import ModelRoute, RoutingTable

WELL_KNOWN = {"Anthropic": "anthropic", "VertexAI": "vertex-ai", "OpenAI": "open_ai"}


class EmbeddingsRequest(Struct):
    content: str
    content_type: str = ""


class EmbeddingsMetadata(Struct):
    identifier: str
    model: str
    provider: str


class EmbeddingsAnswer(Struct):
    response: list[float]
    metadata: EmbeddingsMetadata


def plan(asked: EmbeddingsRequest, table: RoutingTable) -> tuple[str, ModelRoute, EmbedCall]:
    """The model's name, its route and the call. Raises WrongShape (422) or NotFound (404)."""
    if not asked.content.strip():
        raise WrongShape("`content` is empty")
    feature = table.features.get("embeddings")
    if feature is None:
        raise NotFound("This gateway has no embeddings", reason="feature_not_configured")
    name = feature.models[0].model
    route = table.models[name]
    return name, route, EmbedCall(route.id, [asked.content])


def answer(route: ModelRoute, given: Embeddings, table: RoutingTable, identifier: str) -> bytes:
    kind = table.providers[route.provider].type
    metadata = EmbeddingsMetadata(identifier, route.id, WELL_KNOWN.get(kind, route.provider))
    return msgspec.json.encode(EmbeddingsAnswer(given.vectors[0], metadata))
