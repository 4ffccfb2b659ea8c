# SPDX-License-Identifier: Apache-2.0
"""What the auth service answers.

`POST /decisions` and `POST /user-tokens` are for the gateway's own router and ask for the internal key. `/check` is for
a proxy that someone already has (nginx `auth_request`, Envoy `ext_authz` over HTTP) and asks for none: such a proxy
sends what its caller sent, and could not keep a key apart from that. It tells a caller only about the caller's own
token, as the router would. Who may reach it at all is for the network policy to say.
"""

from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from msgspec import Struct
from starlette.routing import Route

from aigw_auth import policy
from aigw_auth.service import AuthService, Minted
from aigw_contract import headers
from aigw_contract.decisions import Credentials, Decision
from aigw_contract.envelope import read_json
from aigw_contract.errors import Forbidden, Refusal, Unauthenticated, Unavailable
from aigw_kit.app import Described, build_app
from aigw_kit.edge import Edge, Guard, Hot, refuse
from aigw_kit.logs import AccessLog
from aigw_kit.request import Request

MOST_BODY_BYTES = 64 * 1024
RETRY_AFTER_SECONDS = 5.0
REFUSALS: dict[int, type[Refusal]] = {401: Unauthenticated, 403: Forbidden, 503: Unavailable}


class UserTokenRequest(Struct, omit_defaults=True):
    """`extra`: gitlab_project_id, gitlab_namespace_id, gitlab_root_namespace_id; written for realm saas only."""

    credentials: Credentials
    extra: dict[str, str] = {}


class UserToken(Struct):
    """`expires_at`: Unix seconds."""

    token: str
    expires_at: int


DESCRIBED = [
    Described(
        "POST",
        "/decisions",
        "Whether credentials are good, and what they permit; 200 for yes and no alike",
        Credentials,
        Decision,
        {401: "internal_credential_required", 413: "body_too_large", 422: "wrong_shape"},
    ),
    Described(
        "POST",
        "/user-tokens",
        "A token for one user; a refusal has the status and the body of the decision",
        UserTokenRequest,
        UserToken,
        {401: "internal_credential_required, or a Decision", 403: "a Decision", 503: "a Decision"},
    ),
    Described(
        "GET",
        "/check",
        "For auth_request and ext_authz, at any method and below any path: 200, or the refusal; `scope` may be given",
        None,
        None,
        {401: "the token is not good", 403: "scope_missing", 503: "issuer_keys_unavailable"},
    ),
]


def build(service: AuthService, access_log: AccessLog, guard: Guard | None) -> Edge:
    """The ASGI application. `guard` protects all but `/check` and the probes."""
    app = build_app("AI Gateway auth", version("ai-gateway"), DESCRIBED, service.issuers.missing, service.revision)
    check = _Check(service)
    for path in ("/check", "/check/{below:path}"):
        app.router.routes.append(Route(path, endpoint=check, include_in_schema=False))
    endpoints = _Endpoints(service)
    hot = (Hot("POST", "/decisions", endpoints.decide), Hot("POST", "/user-tokens", endpoints.mint))
    return Edge(app, hot, access_log, guard)


class _Endpoints:
    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def decide(self, request: Request) -> None:
        credentials = read_json(await request.body(MOST_BODY_BYTES), Credentials)
        decision = (await self._service.judge(credentials)).decision
        _note(request, decision)
        await request.respond(200, msgspec.json.encode(decision))

    async def mint(self, request: Request) -> None:
        asked = read_json(await request.body(MOST_BODY_BYTES), UserTokenRequest)
        minted = await self._service.mint(asked.credentials, asked.extra)
        if isinstance(minted, Minted):
            await request.respond(200, msgspec.json.encode(UserToken(minted.token, minted.expires_at)))
            return
        _note(request, minted)
        await request.respond(minted.status, msgspec.json.encode(minted))


class _Check:
    """A plain ASGI endpoint, so that it takes every method: Envoy asks with its caller's own."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request: Request = scope["state"]["request"]
        decision = (await self._service.judge(_credentials(scope["headers"]))).decision
        decision = policy.check_scopes(decision, _scopes(scope["query_string"]))
        _note(request, decision)
        if decision.allowed:
            await request.respond(200, b"", _identity(decision))
        else:
            await refuse(request, _refusal(decision))


def _credentials(received: list[tuple[bytes, bytes]]) -> Credentials:
    """A header that comes twice is joined, and so agrees with nothing: which one the proxy goes by is not known."""
    joined: dict[bytes, str] = {}
    for name, value in received:
        text = value.decode("latin-1")
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return Credentials(
        authorization=joined.get(headers.AUTHORIZATION, ""),
        authentication_type=joined.get(headers.AUTHENTICATION_TYPE, ""),
        realm=joined.get(headers.REALM, ""),
        instance_id=joined.get(headers.INSTANCE_ID, ""),
        global_user_id=joined.get(headers.GLOBAL_USER_ID, ""),
    )


def _scopes(query: bytes) -> list[str]:
    """Every `scope` that is given is needed: a caller whose query comes through can ask for more, never for less."""
    return parse_qs(query.decode("latin-1")).get("scope", [])


def _identity(decision: Decision) -> list[tuple[bytes, bytes]]:
    """Claims as headers; whatever could break out of a header is percent-encoded."""
    shown = {"subject": decision.subject, "issuer": decision.issuer, "realm": decision.realm}
    return [(b"x-aigw-" + name.encode(), quote(value, safe=_PRINTABLE).encode()) for name, value in shown.items()]


_PRINTABLE = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")


def _refusal(decision: Decision) -> Refusal:
    retry_after = RETRY_AFTER_SECONDS if decision.status == 503 else None
    return REFUSALS[decision.status](decision.message, reason=decision.reason, retry_after=retry_after)


def _note(request: Request, decision: Decision) -> None:
    """Into the access log: the only place where a refused token's reason is found together with its request."""
    request.fields["decision"] = decision.reason or "allowed"
    if decision.issuer:
        request.fields["issuer"] = decision.issuer
