# SPDX-License-Identifier: Apache-2.0
"""Which key may vouch for what. Pure.

A `Key` verifies only the algorithms of its type (and of its own `alg`, if it names one). `Trusted` binds keys to the
one issuer they belong to: nothing here, or in `policy`, ever mixes the keys of two issuers.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from aigw_auth.known_keys import PUBLISHED

LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 8192  # a larger one makes each verification a burden
MOST_KEYS = 32
MOST_TRIED = 8
"""Keys tried for a token that does not say which key signed it."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVE_ALGORITHMS: dict[str, str] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS = RSA_ALGORITHMS | frozenset(CURVE_ALGORITHMS.values()) | {"EdDSA"}
"""All that an issuer may be allowed. `none` and everything symmetric are not among them."""


class KeyRefused(ValueError):
    """Why a key is not taken. The text never holds key material."""


class UnreadableKeys(ValueError):
    """What should be a JWKS is none."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key. `algorithms`: what it may verify; `thumbprint`: RFC 7638, SHA-256, base64url."""

    kid: str
    public: PublicKey
    algorithms: frozenset[str]
    thumbprint: str


class KeySet(NamedTuple):
    """The keys of one issuer that can be used, and why others cannot (`<kid>: <why>`)."""

    keys: tuple[Key, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trusted:
    """What is known of one issuer at this moment. Empty `keys`: none can be had."""

    issuer: str  # the exact `iss`
    keys: tuple[Key, ...]
    algorithms: tuple[str, ...]
    realms: frozenset[str] = frozenset()  # empty: any
    current: bool = True  # False: the last fetch failed or is under way, so a key may be missing
    own: bool = False  # the gateway itself: its tokens are user tokens


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


def read_jwks(content: bytes, refused_thumbprints: Collection[str] = ()) -> KeySet:
    """The keys of a JWK set (RFC 7517). Raises UnreadableKeys; a single bad key is only left out."""
    try:
        entries = msgspec.json.decode(content, type=_Jwks).keys
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UnreadableKeys("not a JSON object with a list of keys") from None
    keys: list[Key] = []
    refused = [f"{len(entries) - MOST_KEYS} keys beyond the first {MOST_KEYS}"] if len(entries) > MOST_KEYS else []
    for entry in entries[:MOST_KEYS]:
        try:
            keys.append(read_jwk(entry, refused_thumbprints))
        except KeyRefused as error:
            refused.append(f"{str(entry.get('kid', '(no kid)'))[:80]!r}: {error}")
    return KeySet(tuple(keys), tuple(refused))


def read_jwk(entry: dict[str, Any], refused_thumbprints: Collection[str] = ()) -> Key:
    """One key for signatures. Raises KeyRefused."""
    for rule in (_asymmetric, _public, _for_signatures):
        rule(entry)
    key = make_key(_load(entry), str(entry.get("kid") or ""), refused_thumbprints)
    if "alg" not in entry:
        return key
    algorithms = key.algorithms & {str(entry["alg"])}
    if not algorithms:
        raise KeyRefused("its alg does not fit its type")
    return Key(key.kid, key.public, algorithms, key.thumbprint)


def make_key(public: PublicKey, kid: str = "", refused_thumbprints: Collection[str] = ()) -> Key:
    """A key that is strong enough and not a published one; without a kid its thumbprint is the kid."""
    algorithms = _algorithms(public)
    name = thumbprint(public)
    if name in PUBLISHED or name in refused_thumbprints:
        raise KeyRefused(f"its private half is public knowledge ({PUBLISHED.get(name, 'listed by this installation')})")
    return Key(kid or name, public, algorithms, name)


def choose(keys: Iterable[Key], kid: str, algorithm: str) -> list[Key]:
    """The keys that may have made a signature: those of that kid, or a bounded number that fit the algorithm."""
    fitting = (key for key in keys if algorithm in key.algorithms and kid in ("", key.kid))
    return list(islice(fitting, MOST_TRIED))


def thumbprint(public: PublicKey) -> str:
    """RFC 7638, from the key itself: another spelling of the same numbers has the same thumbprint."""
    jwk = _dump(public)
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    digest = hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _asymmetric(entry: dict[str, Any]) -> None:
    """A symmetric key in a published set is no secret: whoever can read it could sign."""
    if str(entry.get("kty")) not in _LOADERS:
        raise KeyRefused("its type is not RSA, EC or OKP")


def _public(entry: dict[str, Any]) -> None:
    if "d" in entry:
        raise KeyRefused("its private half is published beside it")


def _for_signatures(entry: dict[str, Any]) -> None:
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeyRefused("it is not for verifying signatures")


def _load(entry: dict[str, Any]) -> PublicKey:
    try:
        loaded = _LOADERS[entry["kty"]](entry)
    except (PyJWTError, ValueError, TypeError, AttributeError):
        raise KeyRefused("it cannot be read") from None
    if not isinstance(loaded, PublicKey):
        raise KeyRefused("its curve is not Ed25519")
    return loaded


def _algorithms(public: PublicKey) -> frozenset[str]:
    """What a key of this type, size and curve may verify. Raises KeyRefused."""
    if isinstance(public, RSAPublicKey):
        if not LEAST_RSA_BITS <= public.key_size <= MOST_RSA_BITS:
            raise KeyRefused(f"it has {public.key_size} bits; {LEAST_RSA_BITS} to {MOST_RSA_BITS} are taken")
        return RSA_ALGORITHMS
    if isinstance(public, EllipticCurvePublicKey):
        if public.curve.name not in CURVE_ALGORITHMS:
            raise KeyRefused("its curve is not P-256, P-384 or P-521")
        return frozenset({CURVE_ALGORITHMS[public.curve.name]})
    return frozenset({"EdDSA"})


def _dump(public: PublicKey) -> dict[str, Any]:
    if isinstance(public, RSAPublicKey):
        return RSAAlgorithm.to_jwk(public, as_dict=True)
    if isinstance(public, EllipticCurvePublicKey):
        return ECAlgorithm.to_jwk(public, as_dict=True)
    return OKPAlgorithm.to_jwk(public, as_dict=True)


_LOADERS: dict[str, Any] = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}
