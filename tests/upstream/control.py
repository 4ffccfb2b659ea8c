# SPDX-License-Identifier: Apache-2.0
"""Looking into the scripted upstream from outside: what it has seen, and forgetting it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream.calls import recorder
from upstream.wire import JSON, encode


async def requests(request: Request) -> Response:
    """`GET /_scripted/requests`."""
    return Response(encode(list(recorder(request).requests)), media_type=JSON)


async def events(request: Request) -> Response:
    """`GET /_scripted/events`."""
    return Response(encode(list(recorder(request).events)), media_type=JSON)


async def reset(request: Request) -> Response:
    """`POST /_scripted/reset`."""
    recorder(request).reset()
    return Response(status_code=204)


ROUTES = [
    Route("/_scripted/requests", requests, methods=["GET"]),
    Route("/_scripted/events", events, methods=["GET"]),
    Route("/_scripted/reset", reset, methods=["POST"]),
]
