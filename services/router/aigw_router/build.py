# SPDX-License-Identifier: Apache-2.0
"""The router from its settings: the parts, put together once."""

import asyncio
from importlib.metadata import version

from aigw_contract.envelope import CodeRequest
from aigw_kit.app import Described, Ready, build_app
from aigw_kit.edge import Edge, Hot
from aigw_kit.files import watch
from aigw_kit.guard import InternalKey
from aigw_kit.logs import AccessLog
from aigw_kit.serve import Service
from aigw_kit.tls import PartsTrust
from aigw_router.api.code import CodeApi
from aigw_router.api.cold import add_cold_endpoints
from aigw_router.api.embeddings import EmbeddingsApi
from aigw_router.api.parts import Parts
from aigw_router.api.probe import ProbeApi
from aigw_router.api.proxy import PREFIX, ProxyApi
from aigw_router.callers import Callers
from aigw_router.clients import AuthClient
from aigw_router.dispatch import Dispatch
from aigw_router.features.code_answer import CodeAnswer
from aigw_router.features.embeddings import EmbeddingsAnswer, EmbeddingsRequest
from aigw_router.settings import RouterSettings
from aigw_router.table import Tables

READY_REMEMBERED = 1.0  # seconds


def build(settings: RouterSettings) -> Service:
    """The app, its log and its background work. Raises OSError, ValueError for files that cannot be used."""
    key = InternalKey(settings.internal_key_file)
    trust = PartsTrust(settings.tls)
    auth = AuthClient(settings.auth_url, key, trust.context)
    tables = Tables(settings.table_file, trust.context)
    parts = Parts(tables, Callers(auth, tables), Dispatch(tables), key)
    app = build_app("AI Gateway", version("ai-gateway"), DESCRIBED, readiness(auth), lambda: tables.current.revision)
    add_cold_endpoints(app, parts.callers)
    access_log = AccessLog("router")
    return Service(
        Edge(app, _hot(parts), access_log), access_log, [tables.keep_fresh, trust.keep_fresh, lambda: watch(key.file)]
    )


def _hot(parts: Parts) -> list[Hot]:
    return [
        Hot("POST", "/v3/code/completions", CodeApi(parts).complete),
        Hot("POST", "/internal/embeddings", EmbeddingsApi(parts).embed),
        Hot("POST", "/probe", ProbeApi(parts).probe),
        Hot("POST", PREFIX, ProxyApi(parts).forward),
    ]


def readiness(auth: AuthClient) -> Ready:
    """Ready when the auth service is; asked at most once a second, whoever asks."""
    known: tuple[float, list[str]] = (0.0, ["auth"])

    async def ready() -> list[str]:
        nonlocal known
        now = asyncio.get_running_loop().time()
        if now >= known[0]:
            known = (now + READY_REMEMBERED, [] if await auth.ready() else ["auth"])
        return known[1]

    return ready


COMMON = {
    400: "invalid_json, bad_request",
    401: "no_authorization_header and others",
    403: "scope_missing, user_token_not_accepted, custom_models_disabled, model_endpoint_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    422: "wrong_shape, nothing_usable, no_such_model, model_dialect_not_supported, prompt_too_long, "
    "provider_rejected_request",
    429: "provider_rate_limited",
    503: "provider_* , auth_unavailable",
}

DESCRIBED = [
    Described("POST", "/v3/code/completions", "Complete or generate code", CodeRequest, CodeAnswer, COMMON),
    Described("POST", "/internal/embeddings", "Embed one text", EmbeddingsRequest, EmbeddingsAnswer, COMMON),
    Described(
        "POST",
        "/internal/proxy/{provider}/{path}",
        "The API of anthropic, openai or vertex-ai, bytes through; streams where the provider streams",
        None,
        None,
        COMMON | {404: "no_such_provider, proxy_path_not_allowed"},
    ),
]
