# SPDX-License-Identifier: Apache-2.0
"""The files of a part's pod. Directories are mounted whole, never by subPath, so that changes arrive in running pods.

All are readable by any user id (0444): which one a pod gets is the cluster's choice on OpenShift, and nobody else is in
the pod. A Secret of a provider is mounted into that provider alone.
"""

from typing import Any, NamedTuple

from aigw_contract.workloads import SecretKeyRef
from aigw_operator.desired import places
from aigw_operator.desired.context import Context, Part
from aigw_operator.kinds import CONFIG_MAP, SECRET, Named, Object

MODE = {"defaultMode": 0o444}


class Mount(NamedTuple):
    name: str
    path: str
    source: dict[str, Any]


def mounts(context: Context, part: Part) -> list[Mount]:
    found = [
        Mount("config", places.CONFIG, {"configMap": {"name": context.object_name(part.name), **MODE}}),
        Mount("tls", places.TLS, {"secret": {"secretName": context.object_name(f"tls-{part.name}"), **MODE}}),
        Mount("internal", places.INTERNAL, _internal(context)),
        _signing(context) if part.name == "auth" else None,
        _credentials(part),
        _trust(context) if part.name != "router" else None,
    ]
    return [mount for mount in found if mount is not None]


def _internal(context: Context) -> dict[str, Any]:
    own = context.gateway.spec.keys.internal or SecretKeyRef(name=context.object_name("internal"), key="key")
    return {"secret": {"secretName": own.name, "items": [{"key": own.key, "path": "key"}], **MODE}}


def _signing(context: Context) -> Mount:
    """Two keys that may come from two Secrets, in one directory."""
    keys = context.gateway.spec.keys
    signing = keys.signing or SecretKeyRef(name=context.object_name("signing"), key="signing.pem")
    sources = [_projected(signing, "signing.pem")]
    if keys.validation is not None:
        sources.append(_projected(keys.validation, "validation.pem"))
    return Mount("signing", places.SIGNING, {"projected": {"sources": sources, **MODE}})


def _projected(reference: SecretKeyRef, path: str) -> dict[str, Any]:
    return {"secret": {"name": reference.name, "items": [{"key": reference.key, "path": path}]}}


def _credentials(part: Part) -> Mount | None:
    """Optional: without it the pod starts all the same and says that the credential is missing."""
    if part.provider is None or part.provider.credentials is None:
        return None
    reference = part.provider.credentials.secret_ref
    items = [{"key": reference.key, "path": "credential"}]
    secret = {"secretName": reference.name, "items": items, "optional": True, **MODE}
    return Mount("credentials", places.CREDENTIALS, {"secret": secret})


def _trust(context: Context) -> Mount | None:
    """Not optional: who asks for an authority of their own must not get a pod that goes without."""
    trust = context.gateway.spec.trust
    if trust is None:
        return None
    items = [{"key": trust.ca_bundle.key, "path": "ca.crt"}]
    return Mount("trust", places.TRUST, {"configMap": {"name": trust.ca_bundle.name, "items": items, **MODE}})


def read_by(deployment: Object) -> list[Named]:
    """ConfigMaps and Secrets whose changes running pods notice by themselves."""
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    sources = [source for volume in volumes for source in (volume, *volume.get("projected", {}).get("sources", []))]
    maps = [(CONFIG_MAP.kind, s["configMap"]["name"]) for s in sources if "configMap" in s]
    secrets = [s["secret"].get("secretName") or s["secret"]["name"] for s in sources if "secret" in s]
    return maps + [(SECRET.kind, name) for name in secrets]
