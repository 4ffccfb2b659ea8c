# SPDX-License-Identifier: Apache-2.0
"""The edge: every request of a service enters and leaves here.

Finds the hot endpoint or hands over to the FastAPI app, translates refusals into answers (the one place that does),
ends the request's task when its client is gone, and accounts for it: access log, metrics. Pure ASGI.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any, NamedTuple

from aigw_contract.errors import MethodNotAllowed, Refusal
from aigw_kit import metrics
from aigw_kit.logs import AccessLog, request_ids
from aigw_kit.request import JSON, ClientGone, Request, new_request_id

Endpoint = Callable[[Request], Awaitable[None]]
Guard = Callable[[Request], None]
CLIENT_CLOSED_REQUEST = 499

log = logging.getLogger(__name__)


class Hot(NamedTuple):
    """A hot endpoint. A path that ends in a slash takes everything below it."""

    method: str
    path: str
    endpoint: Endpoint


class StreamCut(Exception):
    """Ends an answer that has begun, without its proper end, so that the client knows it is not whole."""


class Edge:
    """The ASGI application of a service. `guard` runs before each hot endpoint and raises a Refusal to stop it."""

    def __init__(self, cold: Any, hot: Iterable[Hot], access_log: AccessLog, guard: Guard | None = None) -> None:
        self._cold = cold
        self._exact = {route.path: route for route in hot if not route.path.endswith("/")}
        self._below = [route for route in hot if route.path.endswith("/")]
        self._access_log = access_log
        self._guard = guard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._cold(scope, receive, send)
            return
        began = perf_counter()
        request = Request(scope, receive, send)
        request_ids.set((request.id, _trace_id(request)))  # in the context of the request's own task
        route = self._find(request.path)
        metrics.begun.inc()
        try:
            await self._serve(request, route)
        finally:
            if request.outlet is not None:
                request.outlet.close()
            metrics.ended.inc()
            self._account(request, route, perf_counter() - began)

    async def _serve(self, request: Request, route: Hot | None) -> None:
        try:
            _end_when_lost(request)
            if route is None:
                await self._serve_cold(request)
            else:
                if request.method != route.method:
                    raise MethodNotAllowed(f"{route.path} takes {route.method}", route.method)
                if self._guard is not None:
                    self._guard(request)
                await route.endpoint(request)
        except Refusal as refusal:
            await refuse(request, refusal)
        except (ClientGone, StreamCut):
            request.status = request.status or CLIENT_CLOSED_REQUEST
            request.fields["cut"] = True
        except asyncio.CancelledError:
            if request.exchange is None or not request.exchange.carrier.lost:
                raise
            request.status = CLIENT_CLOSED_REQUEST
        except Exception:
            log.exception("the request failed")
            await self._fail(request)
        finally:
            _end_no_more(request)

    async def _serve_cold(self, request: Request) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                await request.start(message["status"], list(message["headers"]))
            else:
                await request._send(message)

        await self._cold(request.scope | {"state": {"request": request}}, request._receive, send)

    async def _fail(self, request: Request) -> None:
        if not request.started:
            await refuse(request, InternalError("Internal error"))

    def _find(self, path: str) -> Hot | None:
        route = self._exact.get(path)
        if route is None:
            for below in self._below:
                if path.startswith(below.path):
                    return below
        return route

    def _account(self, request: Request, route: Hot | None, duration: float) -> None:
        handler = route.path if route else "other"
        status = request.status or 500
        method = request.method if route else "any"
        metrics.request_duration(handler, method, status).observe(duration)
        line = {
            "level": "INFO",
            "logger": "access",
            "request_id": request.id,
            "trace_id": _trace_id(request),
            "method": request.method,
            "path": request.path,
            "status": status,
            "duration_s": round(duration, 6),
        }
        self._access_log.write(line | request.fields)

    def refused_early(self, status: int, reason: str) -> str:
        """Account for a request that did not get this far, as it was no HTTP or took too long; its id."""
        identifier = new_request_id()
        metrics.REFUSALS.labels(reason).inc()
        metrics.request_duration("other", "any", status).observe(0.0)
        line = {"level": "INFO", "logger": "access", "request_id": identifier, "status": status, "reason": reason}
        self._access_log.write(line)
        return identifier


class InternalError(Refusal):
    status = 500
    reason = "internal_error"


def _end_when_lost(request: Request) -> None:
    """From now on the loss of the connection cancels the request's task. Raises ClientGone if it is lost already."""
    exchange = request.exchange
    if exchange is not None:
        if exchange.carrier.lost:
            raise ClientGone
        exchange.carrier.serving = exchange


def _end_no_more(request: Request) -> None:
    exchange = request.exchange
    if exchange is not None and exchange.carrier.serving is exchange:
        exchange.carrier.serving = None


async def refuse(request: Request, refusal: Refusal) -> None:
    """Answer with the refusal, or cut the answer short if it had begun."""
    metrics.REFUSALS.labels(refusal.reason).inc()
    request.fields["reason"] = refusal.reason
    if request.started:
        return
    headers = [JSON, *((name.encode(), value.encode()) for name, value in refusal.headers().items())]
    await request.respond(refusal.status, refusal.body(request.id), headers)


def _trace_id(request: Request) -> str:
    """The trace id of a W3C `traceparent` (00-<32 hex>-<16 hex>-<2 hex>), or empty."""
    return request.trace[3:35].decode("latin-1") if len(request.trace) >= 55 else ""
