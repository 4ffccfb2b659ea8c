# SPDX-License-Identifier: Apache-2.0
"""The file that a part reads: the router's table, or the settings of auth or of a provider.

Router and auth re-read theirs and acknowledge it by its revision. A provider reads it once, at its start, so its pods
are stamped with the revision (see `deployment`).
"""

from pathlib import PurePosixPath
from typing import Any

from msgspec import json

from aigw_contract.gateway import Provider
from aigw_contract.plan import plan_auth, plan_provider, plan_table, revision
from aigw_contract.table import AuthSettings, ProviderSettings, RoutingTable
from aigw_operator.desired import places
from aigw_operator.desired.context import Context, Part


def build(context: Context, part: Part) -> dict[str, Any] | None:
    file = PurePosixPath(places.TABLE_FILE if part.name == "router" else places.SETTINGS_FILE).name
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": context.metadata(part.name),
        "data": {file: content(context, part)},
    }


def content(context: Context, part: Part) -> str:
    """For machines, laid out for people, who look at it with kubectl."""
    return json.format(json.encode(_read_by(context, part), order="deterministic"), indent=2).decode()


def settings_revision(context: Context, part: Part) -> str:
    """Names the content; the same that a provider's pods say in their readiness answer."""
    return revision(content(context, part).encode())


def _read_by(context: Context, part: Part) -> RoutingTable | AuthSettings | ProviderSettings:
    if part.provider is not None:
        return _provider(context, part.provider)
    if part.name == "auth":
        return _auth(context)
    return plan_table(context.gateway.spec, context.provider_urls())


def _provider(context: Context, provider: Provider) -> ProviderSettings:
    credential_file = places.CREDENTIAL_FILE if provider.credentials else ""
    return plan_provider(context.gateway.spec, provider, credential_file, _trust_file(context))


def _auth(context: Context) -> AuthSettings:
    spec = context.gateway.spec
    validation = places.VALIDATION_FILE if spec.keys.validation else ""
    settings = plan_auth(spec, signing_key_file=places.SIGNING_FILE, validation_key_file=validation)
    settings.ca_bundle_file = _trust_file(context)
    return settings


def _trust_file(context: Context) -> str:
    return places.TRUST_FILE if context.gateway.spec.trust else ""
