# SPDX-License-Identifier: Apache-2.0
"""Keys and tokens for tests. Each key is made once a session: RSA is slow."""

import base64
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from aigw_auth.trust import Key, Trusted, make_key
from aigw_contract.decisions import Credentials

AUDIENCE = "gitlab-ai-gateway"
ISSUER = "https://gitlab.example.com"
OTHER_ISSUER = "https://customers.example.com"
INSTANCE = "1f7cb6c2-5b3a-4a0e-9c57-1c9c0a2f7a11"
USER = "uXq3k0d5+ZyQ="
SCOPES = ["complete_code", "duo_chat", "ai_gateway_model_provider_proxy"]


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key of that name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def curve_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def edwards_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def jwk(private: Any, kid: str | None = None, **members: Any) -> dict[str, Any]:
    """The public JWK of a private key; a member that is None is left out."""
    dump = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm: Any = next((a for kind, a in dump.items() if isinstance(private, kind)), OKPAlgorithm)
    entry = algorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} | members
    entry.pop("key_ops", None) if "key_ops" not in members else None
    return {name: value for name, value in entry.items() if value is not None}


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def pem(private: Any) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(private: Any) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def claims(**changes: Any) -> dict[str, Any]:
    """What GitLab's instance tokens say; a change to None leaves the claim out."""
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": INSTANCE,
        "exp": now + 3600,
        "nbf": now - 5,
        "iat": now,
        "jti": "5d1f",
        "gitlab_realm": "self-managed",
        "scopes": SCOPES,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def token(private: Any = None, *, kid: str | None = "a", algorithm: str = "RS256", **changes: Any) -> str:
    """A signed token; by default of ISSUER's key `a`."""
    headers = {"kid": kid} if kid is not None else None
    return jwt.encode(claims(**changes), private or rsa_key("a"), algorithm=algorithm, headers=headers)


def raw_token(header: Any, body: Any, secret: bytes = b"") -> str:
    """A token of any content, with an HMAC signature if there is a secret: what a forger would write."""
    signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, body))
    return f"{signed}.{_encode(hmac.digest(secret, signed.encode(), 'sha256') if secret else b'')}"


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def key(name: str = "a") -> Key:
    """The public key of that name, which is also its kid."""
    return make_key(rsa_key(name).public_key(), name)


def trusted(issuer: str = ISSUER, *names: str, **changes: Any) -> Trusted:
    """An issuer with the keys of those names."""
    whole = {"algorithms": ("RS256",), "keys": tuple(key(name) for name in names or ("a",))} | changes
    return Trusted(issuer=issuer, **whole)


def issuers(*known: Trusted) -> dict[str, Trusted]:
    return {one.issuer: one for one in known or (trusted(),)}


def credentials(presented: str, **changes: str) -> Credentials:
    """What GitLab sends along with an instance token."""
    whole = {
        "authorization": f"Bearer {presented}",
        "authentication_type": "oidc",
        "realm": "self-managed",
        "instance_id": INSTANCE,
        "global_user_id": USER,
    } | changes
    return Credentials(**whole)
