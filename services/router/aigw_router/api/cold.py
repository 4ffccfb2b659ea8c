# SPDX-License-Identifier: Apache-2.0
"""Endpoints that are not hot: JSON Schemas, and the answer to everything that does not exist."""

from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request as StarletteRequest

from aigw_contract import envelope
from aigw_contract.errors import NotFound
from aigw_contract.model_metadata import ModelMetadata
from aigw_router.callers import Callers
from aigw_router.features.code_answer import CodeAnswer
from aigw_router.features.embeddings import EmbeddingsAnswer, EmbeddingsRequest

SCHEMAS: dict[str, Any] = {
    **envelope.COMPONENT_TYPES,
    "model_metadata": ModelMetadata,
    "code_answer": CodeAnswer,
    "embeddings_request": EmbeddingsRequest,
    "embeddings_answer": EmbeddingsAnswer,
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def add_cold_endpoints(app: FastAPI, callers: Callers) -> None:
    """To be called last: the answer for unknown paths takes all that is left."""

    async def schema_names() -> dict[str, list[str]]:
        """The names of the JSON Schemas."""
        return {"schemas": sorted(SCHEMAS)}

    async def schema(name: str) -> Any:
        """The JSON Schema of a component's payload, a request or an answer."""
        if name not in SCHEMAS:
            raise NotFound("Not found", reason="no_such_schema")
        return msgspec.json.schema(SCHEMAS[name])

    async def nothing(request: StarletteRequest) -> None:
        """As on GitLab's own service, who has no token learns only that (401), whatever the path."""
        await callers.require(request.state.request)
        raise NotFound("Not found")

    app.add_api_route("/schemas", schema_names, tags=["schemas"])
    app.add_api_route("/schemas/{name}", schema, tags=["schemas"], response_model=None)
    app.add_api_route("/{path:path}", nothing, methods=METHODS, include_in_schema=False, response_model=None)
