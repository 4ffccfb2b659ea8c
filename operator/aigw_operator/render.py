# SPDX-License-Identifier: Apache-2.0
"""What the operator would apply, as YAML: for GitOps, and for clusters where no operator may run. Pure.

The same builders as in `reconcile`. Missing is what exists nowhere but in a cluster: owners, the operator's notes to
itself, and the Secrets that it makes; unless those are given, they are named in a comment.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from aigw_contract.gateway import GatewaySpec
from aigw_operator.desired.context import Context
from aigw_operator.desired.objects import objects
from aigw_operator.lives import USUAL

WARNING = f"""#
# The Secrets below hold PRIVATE KEYS: keep them where secrets are kept, and not in Git as they are.
# They are new on each run and belong together: apply them once, all of them. Without --with-secrets they are left out.
# Certificates end after {USUAL.certificate.days} days, and nobody but an operator renews them: bring new ones in time.
#"""


class _Dumper(yaml.SafeDumper):
    """No anchors, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def render(context: Context, secrets: Sequence[Any] = ()) -> str:
    """Comments, then a document for each object, in the order in which they are applied."""
    made = [] if secrets else secrets_made(context)
    comment = [
        f"# AIGateway {context.name}: what the operator applies to the namespace {context.namespace}.",
        *_list("Secrets that the operator makes; without it they are yours to make (or --with-secrets):", made),
        *([WARNING] if secrets else []),
        *_list("What it needs and you bring:", sorted(set(brought(context.gateway.spec)))),
    ]
    return "\n".join(comment) + "\n" + to_yaml([*secrets, *objects(context)])


def to_yaml(bodies: Iterable[Any]) -> str:
    text: str = yaml.dump_all(
        bodies, Dumper=_Dumper, sort_keys=False, explicit_start=True, allow_unicode=True, width=1000
    )
    return text


def secrets_made(context: Context) -> list[str]:
    """The Secrets of `generated`, each with its keys."""
    keys = context.gateway.spec.keys
    found = ["ca (ca.crt, ca.key)", "tls-router (ca.crt)"]
    found += [f"tls-{part.name} (tls.crt, tls.key, ca.crt)" for part in context.parts() if part.name != "router"]
    found += [] if keys.internal else ["internal (key)"]
    found += [] if keys.signing else ["signing (signing.pem)"]
    return [context.object_name(name) for name in found]


def brought(spec: GatewaySpec) -> list[str]:
    """What the spec refers to: Secrets, and the ConfigMap of `trust`."""
    given = [provider.credentials.secret_ref for provider in spec.providers if provider.credentials]
    given += [ref for ref in (spec.keys.internal, spec.keys.signing, spec.keys.validation) if ref]
    found = [f"Secret {ref.name} ({ref.key})" for ref in given]
    found += [f"Secret {name} (.dockerconfigjson)" for name in spec.images.pull_secrets]
    if spec.expose.ingress and spec.expose.ingress.tls_secret_name:
        found.append(f"Secret {spec.expose.ingress.tls_secret_name} (tls.crt, tls.key)")
    if spec.trust:
        found.append(f"ConfigMap {spec.trust.ca_bundle.name} ({spec.trust.ca_bundle.key})")
    return found


def _list(title: str, lines: list[str]) -> list[str]:
    return [f"# {title}", *(f"#   {line}" for line in lines)] if lines else []
