# SPDX-License-Identifier: Apache-2.0
"""What runs on one machine for a manifest: the services and the content of the files that they read. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aigw_contract.gateway import AIGateway, Provider
from aigw_contract.plan import plan_auth, plan_provider, plan_table
from aigw_contract.table import IssuerTrust
from aigw_standalone.keys import LOCAL_ISSUER, Keys
from aigw_standalone.manifest import Manifest, Secrets

KEY_VARIABLES = {"Anthropic": "ANTHROPIC_API_KEY", "OpenAI": "OPENAI_API_KEY"}
"""Variables that GitLab's own image reads; used where the manifest gives no credential."""
GOOGLE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


class Credential(NamedTuple):
    """A secret to write to a file, or a file that is there already; neither means none."""

    content: bytes | None = None
    file: str = ""


def credential(provider: Provider, secrets: Secrets, environment: Mapping[str, str]) -> Credential:
    if provider.credentials is not None:
        reference = provider.credentials.secret_ref
        content = secrets.get(reference.name, {}).get(reference.key)
        if content is not None:
            return Credential(content)
    variable = environment.get(KEY_VARIABLES.get(provider.type, ""), "")
    if variable:
        return Credential(variable.encode())
    return Credential(file=environment.get(GOOGLE_VARIABLE, "") if provider.type == "VertexAI" else "")


def warnings(manifest: Manifest, environment: Mapping[str, str]) -> list[str]:
    """Credentials that are asked for and not there: the gateway runs, but that provider will refuse."""
    found = []
    for at, provider in enumerate(manifest.gateway.spec.providers):
        needs = provider.credentials is not None or provider.type in ("Anthropic", "OpenAI")
        if needs and credential(provider, manifest.secrets, environment) == Credential():
            variable = KEY_VARIABLES.get(provider.type)
            also = f" and {variable} is not set" if variable else ""
            found.append(f"spec.providers[{at}].credentials: there is no such Secret beside the manifest{also}")
    return found


def warnings_of_keys(manifest: Manifest) -> list[str]:
    """Keys of one's own that are asked for and not there: user tokens are then not what they seem to be."""
    keys = manifest.gateway.spec.keys
    missing = [n for n in ("signing", "validation") if getattr(keys, n) and manifest.secret(getattr(keys, n)) is None]
    return [f"spec.keys.{name}: there is no such Secret beside the manifest, so it has no effect" for name in missing]


def table_file(gateway: AIGateway, urls: Mapping[str, str]) -> bytes:
    return msgspec.json.encode(plan_table(gateway.spec, urls))


def auth_file(manifest: Manifest, keys: Keys) -> bytes:
    """The manifest's issuers, and the local one whose key is thrown away at the end."""
    spec = manifest.gateway.spec
    validation = "" if manifest.secret(spec.keys.validation) is None else str(keys.validation)
    settings = plan_auth(spec, signing_key_file=str(keys.signing), validation_key_file=validation)
    settings.issuers.append(IssuerTrust("local", LOCAL_ISSUER, jwks_file=str(keys.jwks)))
    return msgspec.json.encode(settings)


def provider_file(gateway: AIGateway, provider: Provider, credential_file: str) -> bytes:
    return msgspec.json.encode(plan_provider(gateway.spec, provider, credential_file, ""))
