# SPDX-License-Identifier: Apache-2.0
"""Manifests as people write them: YAML documents, one AIGateway and any number of Secrets."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aigw_auth.issue import read_signer, read_verifier
from aigw_contract.checks import Fault, check
from aigw_contract.gateway import API_VERSION, KIND, AIGateway
from aigw_contract.workloads import SecretKeyRef

Secrets = dict[str, dict[str, bytes]]
"""Secret name -> key -> value."""


class BadManifest(Exception):
    """Nothing can be run from this; `faults` are lines for the user."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Manifest(NamedTuple):
    gateway: AIGateway
    secrets: Secrets

    def secret(self, reference: SecretKeyRef | None) -> bytes | None:
        """What a reference of the object means; None if there is no such Secret beside it."""
        return self.secrets.get(reference.name, {}).get(reference.key) if reference is not None else None


ECHO: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "local"},
    "spec": {
        "deployment": "SelfManaged",
        "region": "local",
        "providers": [{"name": "echo", "type": "Echo"}],
        "models": [{"name": "echo", "provider": "echo", "id": "echo"}],
        "features": {
            "codeCompletions": {"timeout": "3s", "models": [{"name": "echo"}]},
            "codeGenerations": {"timeout": "30s", "models": [{"name": "echo"}]},
            "chat": {"timeout": "60s", "models": [{"name": "echo"}]},
            "embeddings": {"timeout": "10s", "models": [{"name": "echo"}]},
        },
    },
}
"""What runs without a file."""


def read(paths: Sequence[Path]) -> Manifest:
    """The one AIGateway of the files, checked, and the Secrets. No path: the built-in echo gateway."""
    if not paths:
        return parse([ECHO])
    return parse([document for path in paths for document in _documents(path)])


def parse(documents: Sequence[Any]) -> Manifest:
    """Raises BadManifest with every fault."""
    gateways = [d for d in documents if isinstance(d, dict) and d.get("kind") == KIND]
    if len(gateways) != 1:
        raise BadManifest([f"one {KIND} is needed, {len(gateways)} found"])
    gateway, faults = check(gateways[0])
    secrets: Secrets = {}
    for document in documents:
        if document is not gateways[0]:
            faults += _add_other(document, secrets)
    if faults or gateway is None:
        raise BadManifest([str(fault) for fault in faults])
    found = Manifest(gateway, secrets)
    check_keys(found)
    return found


def check_keys(found: Manifest) -> None:
    """Keys that sign or signed user tokens, as far as they are beside the object. Raises BadManifest."""
    faults = []
    for name, reference, reader in (
        ("signing", found.gateway.spec.keys.signing, read_signer),
        ("validation", found.gateway.spec.keys.validation, read_verifier),
    ):
        try:
            if (pem := found.secret(reference)) is not None:
                reader(pem)
        except ValueError as refused:  # its text holds nothing of the key
            faults.append(f"spec.keys.{name}: {refused}")
    if faults:
        raise BadManifest(faults)


def _documents(path: Path) -> list[Any]:
    try:
        text = path.read_text()
        return [document for document in yaml.safe_load_all(text) if document is not None]
    except OSError as error:
        raise BadManifest([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadManifest([f"{path}: not UTF-8 text"]) from None
    except RecursionError:
        raise BadManifest([f"{path}: not YAML: nested too deeply"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise BadManifest([f"{where}: not YAML: {getattr(error, 'problem', None) or 'cannot be read'}"]) from None


def _add_other(document: Any, secrets: Secrets) -> list[Fault]:
    """A Secret is kept; anything else is a fault, because it would be ignored without a word."""
    if not isinstance(document, dict) or document.get("kind") != "Secret":
        kind = document.get("kind") if isinstance(document, dict) else type(document).__name__
        return [Fault(f"(document of kind {kind})", f"only {KIND} and Secret have a meaning here")]
    name = str((document.get("metadata") or {}).get("name", ""))
    values = {key: str(value).encode() for key, value in (document.get("stringData") or {}).items()}
    try:
        values |= {k: base64.b64decode(v, validate=True) for k, v in (document.get("data") or {}).items()}
    except (binascii.Error, TypeError, ValueError):
        return [Fault(f"Secret {name}: data", "is not base64 (plain text goes into stringData)")]
    secrets[name] = values
    return []
