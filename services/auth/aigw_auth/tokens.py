# SPDX-License-Identifier: Apache-2.0
"""Whether a token is what it says. Pure, but for PyJWT, which asks the machine's clock whether a token has expired.

`peek` reads what a token claims in order to find its issuer and key; nothing it returns may be believed. `verify` says
what may be: signature, issuer, audience and times are checked, and each failure has a stable reason.
"""

import base64
from collections.abc import Sequence
from typing import Any, Literal

import jwt
import msgspec
from jwt import exceptions

from aigw_auth.trust import ALGORITHMS, Key, Trusted

MOST_TOKEN_BYTES = 16 * 1024
LEEWAY_SECONDS = 10.0
"""How far the clocks of issuer and gateway may differ. GitLab sets `nbf` 5 s back for the same end."""

Reason = Literal[
    "token_malformed",
    "token_too_large",
    "token_expired",
    "token_not_yet_valid",
    "token_wrong_audience",
    "token_bad_signature",
    "token_algorithm_not_allowed",
    "token_claim_missing",
    "unknown_issuer",
    "unknown_key",
]


class TokenRefused(Exception):
    """Why a token is not believed. Never holds any of the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Peeked(msgspec.Struct, frozen=True):
    """What a token says of itself, unverified. An absent member is an empty string."""

    issuer: str
    kid: str
    algorithm: str


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""


class _Claims(msgspec.Struct):
    iss: str = ""


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)

_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (exceptions.ExpiredSignatureError, "token_expired"),
    (exceptions.ImmatureSignatureError, "token_not_yet_valid"),  # `nbf` or `iat` is in the future
    (exceptions.InvalidAudienceError, "token_wrong_audience"),
    (exceptions.InvalidIssuerError, "unknown_issuer"),
    (exceptions.InvalidAlgorithmError, "token_algorithm_not_allowed"),
    (exceptions.MissingRequiredClaimError, "token_claim_missing"),
    (exceptions.InvalidSignatureError, "token_bad_signature"),
    (exceptions.PyJWTError, "token_malformed"),
)


def peek(token: str) -> Peeked:
    """Raises TokenRefused."""
    if len(token) > MOST_TOKEN_BYTES:
        raise TokenRefused("token_too_large")
    try:
        header, claims, _ = token.encode("ascii").split(b".")
        head = _header.decode(_unpadded(header))
        return Peeked(_claims.decode(_unpadded(claims)).iss, head.kid, head.alg)
    except (ValueError, msgspec.DecodeError, RecursionError):  # ValueError: not three parts, not ASCII, not base64
        raise TokenRefused("token_malformed") from None


def verify(token: str, keys: Sequence[Key], trusted: Trusted, audience: str) -> dict[str, Any]:
    """The claims of a token that one of `keys` signed for `trusted.issuer` and `audience`. Raises TokenRefused.

    `keys` are those that `trust.choose` found for the token: all of `trusted`, all fit for the token's algorithm.
    """
    refused = TokenRefused("unknown_key")
    for key in keys:
        try:
            return _verify_with(token, key, trusted, audience)
        except TokenRefused as error:
            refused = error
            if error.reason != "token_bad_signature":
                break
    raise refused


def _verify_with(token: str, key: Key, trusted: Trusted, audience: str) -> dict[str, Any]:
    """Every option is spelled out, so that none depends on what PyJWT takes as its default."""
    try:
        return jwt.decode(
            token,
            key=key.public,  # a key object, never text that could be taken for an HMAC secret
            algorithms=[name for name in trusted.algorithms if name in ALGORITHMS and name in key.algorithms],
            audience=audience,
            issuer=trusted.issuer,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["iss", "aud", "exp"],
                "verify_signature": True,
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": True,
                "verify_aud": True,
                "verify_iss": True,
                "verify_sub": True,
                "verify_jti": True,
                "strict_aud": False,  # current GitLab sends a list of audiences: membership counts
                "enforce_minimum_key_length": True,
            },
        )
    except exceptions.PyJWTError as error:
        raise TokenRefused(_reason(error)) from None


def _reason(error: Exception) -> Reason:
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


def _unpadded(part: bytes) -> bytes:
    """Base64url as tokens write it, without `=`."""
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
