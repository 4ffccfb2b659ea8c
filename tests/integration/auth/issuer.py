# SPDX-License-Identifier: Apache-2.0
"""OpenID issuers on a loopback socket, with switches for what issuers do on bad days and counters of what was asked.

with serving() as host:
    gitlab = host.issuer("gitlab")
    gitlab.publish("a")            # the key unit.auth.making.rsa_key("a"), under kid "a"
    gitlab.down = True
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from unit.auth.making import jwk, rsa_key, token


class Issuer:
    """One issuer below its host's URL; `url` is also its `iss`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kids: list[str] = []
        self.discoveries = 0
        self.fetches = 0  # of the keys
        self.down = False  # answers 503
        self.delay = 0.0  # seconds before the keys come
        self.says_issuer = url  # in the discovery document
        self.keys_body: bytes | None = None  # in place of the keys
        self.redirect = ""  # where discovery is sent

    def publish(self, *kids: str) -> None:
        """Publish exactly the keys of these names."""
        self.kids = list(kids)

    def token(self, key: str = "a", **changes: Any) -> str:
        """A token of this issuer, signed with the key of that name, whether it is published or not."""
        return token(rsa_key(key), **({"iss": self.url, "kid": key} | changes))

    def discovery(self) -> Response:
        self.discoveries += 1
        if self.down:
            return Response(status_code=503)
        if self.redirect:
            return RedirectResponse(self.redirect)
        return _json({"issuer": self.says_issuer, "jwks_uri": f"{self.url}/keys"})

    async def keys(self) -> Response:
        self.fetches += 1
        await asyncio.sleep(self.delay)
        if self.down:
            return Response(status_code=503)
        if self.keys_body is not None:
            return Response(self.keys_body)
        return _json({"keys": [jwk(rsa_key(kid), kid) for kid in self.kids]})


class Host:
    """Issuers by name, all below one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.issuers: dict[str, Issuer] = {}

    def issuer(self, name: str, *kids: str) -> Issuer:
        """A new issuer that publishes those keys."""
        self.issuers[name] = made = Issuer(f"{self.url}/{name}")
        made.publish(*kids)
        return made

    def app(self) -> Starlette:
        async def discovery(request: Request) -> Response:
            return self._of(request).discovery()

        async def keys(request: Request) -> Response:
            return await self._of(request).keys()

        return Starlette(
            routes=[Route("/{name}/.well-known/openid-configuration", discovery), Route("/{name}/keys", keys)]
        )

    def _of(self, request: Request) -> Issuer:
        return self.issuers[request.path_params["name"]]


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Host]:
    """A host in a thread of its own; over TLS if there is a PEM file with a certificate and its key."""
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if certificate else "http"
    host = Host(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(
        host.app(), log_config=None, ws="none", lifespan="off", ssl_certfile=str(certificate) if certificate else None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
