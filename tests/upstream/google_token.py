# SPDX-License-Identifier: Apache-2.0
"""Google's OAuth token endpoint, for service accounts which sign a JWT.

Behaviours are read from the service account's name: an assertion of `robot--expires-5@project.example` gets a token
for five seconds. Signatures are not checked.
"""

import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upstream.calls import Call, Wording, recorder, respond
from upstream.script import script_of
from upstream.wire import Whole, decode

TOKEN = "test-vertex-token"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIMIT = 10_000
_ERRORS = {400: "invalid_grant", 401: "invalid_client", 403: "access_denied", 429: "rate_limit_exceeded"}


class Tokens:
    """The access tokens which are worth something: the fixed one, and those issued until they expire."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._numbers = count(1)

    def issue(self, seconds: int) -> str:
        """A new token for so many seconds."""
        token = f"ya29.scripted-{next(self._numbers)}"
        self._until[token] = time.monotonic() + seconds
        if len(self._until) > _LIMIT:
            self._until.popitem(last=False)
        return token

    def accept(self, token: str) -> bool:
        """Whether a call with this token is let in."""
        return token == TOKEN or self._until.get(token, 0.0) > time.monotonic()


async def issue(request: Request) -> Response:
    """`POST /token`."""
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
    recorder(request).request("google_token", request, form)
    claims = _claims(form.get("assertion", ""))
    account = str(claims.get("iss", "")).partition("@")[0]
    call = Call(request, "google_token", form, account, script_of(account), False)
    return respond(call, _WORDING, lambda call: _refuse(call, claims), _token)


def _token(call: Call) -> Whole:
    tokens: Tokens = call.request.app.state.tokens
    seconds = call.script.expires
    return Whole.of({"access_token": tokens.issue(seconds), "expires_in": seconds, "token_type": "Bearer"})


def _refuse(call: Call, claims: dict[str, Any]) -> Whole | None:
    if call.body.get("grant_type") != _JWT_BEARER:
        return Whole.of({"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}, 400)
    missing = [name for name in ("iss", "aud", "iat", "exp") if name not in claims]
    return _refusal(call, 400, f"Invalid JWT: claim {missing[0]} is missing.") if missing else None


def _refusal(call: Call, status: int, message: str = "") -> Whole:
    error = _ERRORS.get(status, "internal_failure")
    return Whole.of({"error": error, "error_description": message or "Invalid JWT Signature."}, status)


def _claims(assertion: str) -> dict[str, Any]:
    """The claims of a JWT, none when it is not one."""
    try:
        _, payload, _ = assertion.split(".")
        claims = decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


_WORDING = Wording(status=_refusal, too_long=lambda call: _refusal(call, 400), overloaded=503)

ROUTES = [Route("/token", issue, methods=["POST"])]
