# SPDX-License-Identifier: Apache-2.0
"""The AIGateway object that variables of GitLab's image make, as a document. Pure.

`variables` has the table. What that image knows by itself stands here: what its providers are, which models they have
and which features these serve. It is the same as in the chart `ai-gateway`, so that both ways lead to one gateway.
"""

import re
from collections.abc import Mapping
from typing import Any

from aigw_contract.gateway import API_VERSION, KIND
from aigw_standalone.manifest import Secrets
from aigw_standalone.variables import Honoured

GITLAB_COM = "https://gitlab.com"

ENTRIES: dict[str, dict[str, Any]] = {
    "gitlab": {"realms": ["self-managed"]},
    "customers": {"realms": ["self-managed"], "required": False},  # without its keys GitLab's own are good enough
    "anthropic": {"type": "Anthropic"},
    "openai": {"type": "OpenAI"},
    "vertex": {"type": "VertexAI", "location": "global"},
    "custom": {"type": "OpenAICompatible"},
    "echo": {},
}
"""What an issuer or a provider has beside what the variables say of it, which comes first."""

MODELS: dict[str, dict[str, Any]] = {
    "anthropic": {"name": "claude", "id": "claude-sonnet-4-20250514", "replaces": ["claude-2", "claude-2.1"]},
    "openai": {"name": "gpt", "id": "gpt-4.1"},
    "vertex": {"name": "gemini", "id": "gemini-2.5-flash", "replaces": ["code-gecko", "codestral-2501"]},
    "echo": {"name": "echo", "id": "echo"},
}
"""Provider -> its model. `replaces`: retired names that GitLab versions still send. `custom` has those of requests."""

FEATURES = {"codeCompletions": "3s", "codeGenerations": "30s", "chat": "60s"}
"""Feature -> its timeout, for all attempts together. All models serve each, in the order of their providers."""

Said = dict[Honoured, Any]
"""Rows whose variable says something -> what it says."""

_STEP = re.compile(r"(\w+)(?:\[(\w+)\])?")


def document(said: Said) -> tuple[dict[str, Any], Secrets]:
    """The object and the Secrets that it refers to. Without a provider it has no `spec.providers`."""
    made: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "ai-gateway"},
        "spec": {"deployment": "SelfManaged"},
    }
    secrets: Secrets = {}
    for row, value in said.items():
        _put(made, row.place, _kept(row.secret, value, secrets) if row.secret else value)
    _complete(made["spec"])
    return made, secrets


def _kept(secret: str, value: bytes, secrets: Secrets) -> dict[str, str]:
    """Keep the value as a Secret; the reference to it."""
    name, _, key = secret.partition("/")
    secrets.setdefault(name, {})[key] = value
    return {"name": name, "key": key}


def _put(made: dict[str, Any], place: str, value: Any) -> None:
    *steps, last = place.split(".")
    for step in steps:
        made = _entered(made, step)
    made[last] = value


def _entered(made: dict[str, Any], step: str) -> dict[str, Any]:
    """What is below `field` or `field[name]`, made if it is not there."""
    found = _STEP.fullmatch(step)
    assert found is not None, step  # noqa: S101 - places are ours, a test goes through all of them
    field, name = found.groups()
    if name is None:
        below: dict[str, Any] = made.setdefault(field, {})
        return below
    entries: list[dict[str, Any]] = made.setdefault(field, [])
    if all(entry["name"] != name for entry in entries):
        entries.append({"name": name} | ENTRIES[name])
    return next(entry for entry in entries if entry["name"] == name)


def _complete(spec: dict[str, Any]) -> None:
    """What follows from what the variables have said: realms, models, features."""
    for issuer in spec.get("auth", {}).get("issuers", []):
        if issuer["url"] == GITLAB_COM:
            issuer["realms"] = ["saas"]
    names = [provider["name"] for provider in spec.get("providers", [])]
    spec["models"] = [_model(name, MODELS[name]) for name in names if name in MODELS]
    if not spec["models"]:
        del spec["models"]
        return
    features = spec.setdefault("features", {})
    for feature, timeout in FEATURES.items():
        said = features.get(feature, {})
        features[feature] = {"timeout": timeout} | said | {"models": [{"name": m["name"]} for m in spec["models"]]}


def _model(provider: str, model: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": model["name"], "provider": provider, **model}
