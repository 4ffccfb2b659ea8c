# SPDX-License-Identifier: Apache-2.0
"""Keys of a gateway on one machine: those that nobody gave are made at each start and gone at its end."""

import json
import secrets
from pathlib import Path
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

LOCAL_ISSUER = "aigw-local"
KEY_ID = "aigw-local"
NAMES = ("issuer.pem", "issuer.jwks.json", "signing.pem", "internal.key", "validation.pem")


class Keys(NamedTuple):
    """Files in the run directory. `issuer` signs instance tokens, `signing` user tokens.

    `validation`, the signing key before it, is only there if one is given.
    """

    issuer: Path
    jwks: Path
    signing: Path
    internal: Path
    validation: Path


def make(directory: Path) -> Keys:
    keys = Keys(*(directory / name for name in NAMES))
    issuer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_private(keys.issuer, _pem(issuer))
    write_private(keys.signing, _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    write_private(keys.internal, secrets.token_urlsafe(32).encode())
    public = jwt.algorithms.RSAAlgorithm.to_jwk(issuer.public_key(), as_dict=True)
    write_private(keys.jwks, json.dumps({"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}).encode())
    return keys


def write_private(path: Path, content: bytes) -> None:
    """Replace the file in one step, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.replace(path)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
