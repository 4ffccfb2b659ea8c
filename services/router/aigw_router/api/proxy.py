# SPDX-License-Identifier: Apache-2.0
"""`POST /internal/proxy/{provider}/{path}`: the provider's own API through, as bytes both ways.

The provider service decides which paths it serves and adds the credential; here the caller is checked, and what must
never go further is taken off: the caller's credentials, cookies and `X-Gitlab-*`.
"""

from aigw_contract.errors import NotFound
from aigw_contract.failures import UpstreamFailed
from aigw_contract.headers import TRUNK
from aigw_kit.edge import StreamCut
from aigw_kit.http import HttpError, Response
from aigw_kit.request import Headers, Request
from aigw_router.api.parts import Parts
from aigw_router.callers import require_scope
from aigw_router.clients import Passed
from aigw_router.dispatch import exhausted

PREFIX = "/internal/proxy/"
SCOPES = frozenset({"ai_gateway_model_provider_proxy"})
TIMEOUT = 90.0  # seconds until the head of the answer

STAYS_UP = frozenset((
    b"authorization", b"proxy-authorization", b"cookie", b"x-api-key", b"x-goog-api-key", b"api-key",
    b"host", b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade", b"expect",
    b"content-length", b"accept-encoding", b"x-request-id", b"traceparent", b"tracestate",
))  # fmt: skip
STAYS_UP_PREFIXES = (b"x-gitlab-", b"x-aigw-", b"x-forwarded-", b"cf-")
STAYS_DOWN = frozenset((
    b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"date", b"x-request-id",
    TRUNK,
))  # fmt: skip


class ProxyApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def forward(self, request: Request) -> None:
        parts, table = self._parts, self._parts.tables.current
        caller = await parts.callers.require(request)
        require_scope(caller, SCOPES, "ai_gateway_model_provider_proxy", user_tokens=True)
        name, target = _target(request)
        provider = table.proxies.get(name)
        if provider is None:
            raise NotFound("Not found", reason="no_such_provider")
        request.fields["provider"] = provider
        body = await request.body(table.max_body_bytes)
        headers = _headers_up(request) + Passed.of(request, parts.key).within(TIMEOUT)[:-1]
        try:
            response = await parts.tables.client(table, provider).forward(target, headers, body, TIMEOUT)
        except UpstreamFailed as failed:
            request.fields["failures"] = [str(failed)]
            raise exhausted([failed.failure]) from None
        try:
            response.allow_silence(3600.0)  # the provider service decides how long its upstream may be silent
            await _answer(request, response)
        finally:
            response.close()


def _target(request: Request) -> tuple[str, bytes]:
    """The name in the path and what follows it, as the caller spelled it, for the provider service."""
    rest: bytes = request.scope["raw_path"][len(PREFIX) :]
    name, slash, path = rest.partition(b"/")
    query: bytes = request.scope["query_string"]
    return name.decode("latin-1"), b"/proxy" + slash + path + (b"?" + query if query else b"")


def _headers_up(request: Request) -> Headers:
    return [
        (name, value)
        for name, value in request.scope["headers"]
        if name not in STAYS_UP and not name.startswith(STAYS_UP_PREFIXES)
    ]


async def _answer(request: Request, response: Response) -> None:
    """Bytes through. A body that breaks off is cut here too, so that the caller does not take it for whole."""
    headers = [h for h in response.headers if h[0] not in STAYS_DOWN]
    if response.complete:
        await request.respond(response.status, response.take(), headers)
        return
    await request.start(response.status, headers)
    try:
        while not await response.pump(request.write_now):
            await request.drained()
    except HttpError:
        raise StreamCut from None
    await request.finish()
