# SPDX-License-Identifier: Apache-2.0
"""The FastAPI app of a service: its cold endpoints, and one OpenAPI document for them and the hot ones."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest

from aigw_contract.errors import MethodNotAllowed, NotFound, Refusal
from aigw_kit.page import SECURITY, page

Ready = Callable[[], Awaitable[list[str]]]
"""Says what is still missing; an empty list means ready."""
Revision = Callable[[], str]
"""Names the configuration that is in use, so that whoever changed it sees when it has arrived."""

ERROR_SCHEMA = {
    "type": "object",
    "required": ["reason", "request_id"],
    "properties": {
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "error": {"type": "string", "description": "In place of `detail` when authentication fails (401)."},
        "reason": {"type": "string", "description": "What is wrong, for machines: stable."},
        "request_id": {"type": "string"},
    },
}


class Described(NamedTuple):
    """A hot endpoint in the OpenAPI document. `takes` and `gives` are msgspec types, or None for bytes through."""

    method: str
    path: str
    summary: str
    takes: Any
    gives: Any
    refusals: dict[int, str]  # status -> reasons


def build_app(title: str, version: str, described: Iterable[Described], ready: Ready, revision: Revision) -> FastAPI:
    """An app with probes, documentation and the translation of refusals."""
    app = FastAPI(title=title, version=version, docs_url=None, redoc_url=None)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_route)
    _add_probes(app, ready, revision)
    document_once = _Document(app, list(described))
    app.openapi = document_once  # type: ignore[method-assign]
    app.add_api_route("/docs", lambda: HTMLResponse(page(app.openapi()), headers=SECURITY), include_in_schema=False)
    return app


async def _refused(request: StarletteRequest, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    body = error.body(request.state.request.id)
    return Response(body, error.status, error.headers(), "application/json")


async def _no_route(request: StarletteRequest, error: Exception) -> Response:
    """What Starlette says of a path or method that it does not know, in the shape of all refusals."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return await _refused(request, MethodNotAllowed("Method not allowed", allow))
    return await _refused(request, NotFound("Not found"))


def _add_probes(app: FastAPI, ready: Ready, revision: Revision) -> None:
    async def livez() -> dict[str, str]:
        """The process answers. Depends on nothing."""
        return {"status": "ok"}

    async def readyz() -> JSONResponse:
        """Requests can be served, or 503 and what is missing; and which configuration is in use."""
        missing = await ready()
        body: dict[str, Any] = {"status": "unavailable" if missing else "ok", "revision": revision()}
        if missing:
            body["missing"] = missing
        return JSONResponse(body, 503 if missing else 200)

    for path, probe in (
        ("/livez", livez),
        ("/monitoring/healthz", livez),
        ("/readyz", readyz),
        ("/monitoring/ready", readyz),
    ):
        app.add_api_route(path, probe, tags=["probes"], response_model=None)
        app.add_api_route(path, probe, methods=["HEAD"], include_in_schema=False, response_model=None)


class _Document:
    """FastAPI's OpenAPI document with the hot endpoints merged in, built at the first call."""

    def __init__(self, app: FastAPI, described: list[Described]) -> None:
        self._plain = app.openapi
        self._described = described
        self._made: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> dict[str, Any]:
        document = self._plain()
        types = [kind for d in self._described for kind in (d.takes, d.gives) if kind is not None]
        schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        document.setdefault("components", {}).setdefault("schemas", {}).update(components | {"Refusal": ERROR_SCHEMA})
        known = iter(schemas)
        for entry in self._described:
            takes = next(known) if entry.takes is not None else None
            gives = next(known) if entry.gives is not None else None
            document["paths"].setdefault(entry.path, {})[entry.method.lower()] = _operation(entry, takes, gives)
        return document


def _operation(entry: Described, takes: Any, gives: Any) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    responses: dict[str, Any] = {"200": {"description": "OK", "content": _content(gives)}}
    responses |= {str(status): {"description": why, "content": refused} for status, why in entry.refusals.items()}
    operation: dict[str, Any] = {"summary": entry.summary, "responses": responses}
    if entry.method == "POST":
        operation["requestBody"] = {"required": True, "content": _content(takes)}
    names = [part[1:-1] for part in entry.path.split("/") if part.startswith("{")]
    if names:
        path = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        operation["parameters"] = path
    return operation


def _content(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema if schema is not None else {}}}
