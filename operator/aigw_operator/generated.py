# SPDX-License-Identifier: Apache-2.0
"""Secrets that the operator makes: the internal credential, the key for user tokens, the authority and certificates.

Pure but for the randomness of keys: from what is there to what should be there. A value that exists is kept, whoever
made it; only certificates that are due, or not signed by the authority, are made anew.
"""

import base64
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aigw_operator import pki
from aigw_operator.desired.context import Context
from aigw_operator.pki import Authority, Pair

Values = dict[str, bytes]
Found = Mapping[str, Values]
"""Secret name -> key -> value."""


def wanted(context: Context, found: Found, now: datetime) -> dict[str, Values]:
    """Every Secret of the gateway that the operator keeps, with the values it should have."""
    authority = authority_of(context, found, now)
    made = {
        context.object_name("ca"): _authority_values(authority),
        context.object_name("tls-router"): {"ca.crt": authority.bundle},
    }
    keys = context.gateway.spec.keys
    if keys.internal is None:
        made |= _once(context.object_name("internal"), "key", found, lambda: secrets.token_urlsafe(32).encode())
    if keys.signing is None:
        made |= _once(context.object_name("signing"), "signing.pem", found, _rsa_key)
    for part in context.parts():
        if part.name != "router":
            made[context.object_name(f"tls-{part.name}")] = _certificate(context, part.name, authority, found, now)
    return made


def names(context: Context) -> list[str]:
    """Of the Secrets in `wanted`."""
    keys = context.gateway.spec.keys
    made = ["internal"] if keys.internal is None else []
    made += ["signing"] if keys.signing is None else []
    return [context.object_name(name) for name in ("ca", *(f"tls-{part.name}" for part in context.parts()), *made)]


def authority_of(context: Context, found: Found, now: datetime) -> Authority:
    values = found.get(context.object_name("ca"), {})
    known = None
    if "ca.key" in values:
        other = Pair(values["other.crt"], values["other.key"]) if "other.key" in values else None
        known = Authority(Pair(values["ca.crt"], values["ca.key"]), other)
    return pki.rotated(known, f"AI Gateway {context.name}", now, context.lives)


def manifests(context: Context, found: Found, now: datetime) -> list[dict[str, Any]]:
    """All of `wanted` as objects."""
    return [manifest(context, name, values) for name, values in wanted(context, found, now).items()]


def certificates(context: Context, parts: Iterable[str], found: Found, now: datetime) -> list[dict[str, Any]]:
    """The Secrets of these parts alone, signed by the authority in `found`."""
    authority = authority_of(context, found, now)
    made = {part: _certificate(context, part, authority, found, now) for part in parts}
    return [manifest(context, context.object_name(f"tls-{part}"), values) for part, values in made.items()]


def manifest(context: Context, name: str, values: Values) -> dict[str, Any]:
    part = name.removeprefix(f"{context.name}-")
    data = {key: base64.b64encode(value).decode() for key, value in sorted(values.items())}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": context.metadata(part),
        "type": "Opaque",
        "data": data,
    }


def values_of(secret: Mapping[str, Any]) -> Values:
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _authority_values(authority: Authority) -> Values:
    values = {"ca.crt": authority.signing.certificate, "ca.key": authority.signing.key}
    if authority.other is not None:
        values |= {"other.crt": authority.other.certificate, "other.key": authority.other.key}
    return values


def _certificate(context: Context, part: str, authority: Authority, found: Found, now: datetime) -> Values:
    values = found.get(context.object_name(f"tls-{part}"), {})
    pair = Pair(values.get("tls.crt", b""), values.get("tls.key", b""))
    if not pki.is_good(pair, authority, context.host(part), now):
        pair = pki.certificate(authority, context.host(part), now, context.lives)
    return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.bundle}


def _once(name: str, key: str, found: Found, make: Any) -> dict[str, Values]:
    values = dict(found.get(name, {}))
    if not values.get(key):
        values[key] = make()
    return {name: values}


def _rsa_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
