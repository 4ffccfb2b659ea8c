# SPDX-License-Identifier: Apache-2.0
"""From an AIGateway spec to what the services read. Pure: the same spec gives the same bytes everywhere."""

import hashlib
from collections.abc import Mapping

from msgspec import json

from aigw_contract.gateway import Feature, GatewaySpec, Issuer, Provider
from aigw_contract.shape import seconds
from aigw_contract.table import (
    PROXY_NAMES,
    AuthSettings,
    Choice,
    FeatureRoute,
    IssuerTrust,
    ModelRoute,
    ProviderRoute,
    ProviderSettings,
    RequestedRoute,
    RoutingTable,
)


def plan_table(spec: GatewaySpec, urls: Mapping[str, str]) -> RoutingTable:
    """The router's table. `urls`: provider name -> where its service listens."""
    table = RoutingTable(
        region=spec.region,
        max_body_bytes=spec.limits.max_body_bytes,
        decision_cache_seconds=min(60.0, seconds(spec.auth.decision_cache)),
        providers={p.name: ProviderRoute(p.type, urls[p.name]) for p in spec.providers},
        models={m.name: ModelRoute(m.provider, m.id, m.fim) for m in spec.models},
        aliases=_aliases(spec),
        features=_features(spec),
        proxies=_proxies(spec),
        requested=_requested(spec),
    )
    table.revision = revision(json.encode(table, order="deterministic"))
    return table


def plan_provider(spec: GatewaySpec, provider: Provider, credential_file: str, ca_bundle_file: str) -> ProviderSettings:
    """What one provider service reads; the two files may be empty strings for none."""
    return ProviderSettings(
        name=provider.name,
        type=provider.type,
        endpoint=str(provider.endpoint).rstrip("/") if provider.endpoint else "",
        credential_file=credential_file,
        project=provider.project or "",
        location=provider.location or "",
        ca_bundle_file=ca_bundle_file,
        timeout=seconds(provider.timeout),
        max_body_bytes=spec.limits.max_body_bytes,
        request_endpoints=list(provider.request_endpoints),
    )


def plan_auth(spec: GatewaySpec, *, signing_key_file: str, validation_key_file: str = "") -> AuthSettings:
    """What the auth service reads; key files are PEM, an empty string for none."""
    return AuthSettings(
        audience=spec.auth.audience,
        issuers=[_trust(issuer) for issuer in spec.auth.issuers],
        stale_keys_seconds=seconds(spec.auth.stale_keys),
        signing_key_file=signing_key_file,
        validation_key_file=validation_key_file,
    )


def _trust(issuer: Issuer) -> IssuerTrust:
    url = str(issuer.url).rstrip("/")
    return IssuerTrust(
        name=issuer.name,
        issuer=issuer.issuer or url,
        url=url,
        jwks_uri=str(issuer.jwks_uri) if issuer.jwks_uri else "",
        realms=list(issuer.realms),
        algorithms=list(issuer.algorithms),
        required=issuer.required,
    )


def revision(content: bytes) -> str:
    """A short name for a content: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:12]


def _aliases(spec: GatewaySpec) -> dict[str, str]:
    """Retired names win over provider ids: who wrote `replaces` meant it."""
    ids = {m.id: m.name for m in reversed(spec.models)}
    return ids | {old: m.name for m in reversed(spec.models) for old in m.replaces}


def _features(spec: GatewaySpec) -> dict[str, FeatureRoute]:
    named = ((name, getattr(spec.features, name)) for name in type(spec.features).model_fields)
    return {name: _feature(feature) for name, feature in named if feature is not None}


def _feature(feature: Feature) -> FeatureRoute:
    return FeatureRoute(seconds(feature.timeout), [Choice(m.name, m.weight) for m in feature.models])


def _proxies(spec: GatewaySpec) -> dict[str, str]:
    """The first provider of the type serves the proxy of that name."""
    first = {p.type: p.name for p in reversed(spec.providers)}
    return {name: first[kind] for name, kind in PROXY_NAMES.items() if kind in first}


def _requested(spec: GatewaySpec) -> list[RequestedRoute]:
    return [
        RequestedRoute(p.name, list(p.request_endpoints), seconds(p.timeout))
        for p in spec.providers
        if p.request_endpoints
    ]
