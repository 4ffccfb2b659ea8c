# SPDX-License-Identifier: Apache-2.0
"""User tokens: what an instance's token lets one user carry straight to the gateway. Pure; `now` is Unix seconds.

A user token never opens more than the token it was made from, lasts an hour, and cannot make another.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from aigw_auth.policy import Verdict
from aigw_auth.trust import Key, KeyRefused, make_key
from aigw_contract.decisions import Credentials, Decision

ALGORITHM = "RS256"
LIFETIME_SECONDS = 3600
GRANTABLE = frozenset({"complete_code", "ai_gateway_model_provider_proxy"})
SAAS_EXTRAS = frozenset({"gitlab_project_id", "gitlab_namespace_id", "gitlab_root_namespace_id"})
"""Claims that the caller may add, and only on GitLab.com: everywhere else its instance says who it is."""
UNAUTHORIZED = "Unauthorized to create user access token"


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs user tokens. The private half shows in no repr."""

    private: RSAPrivateKey = field(repr=False)
    key: Key


def refuse(verdict: Verdict, credentials: Credentials) -> Decision | None:
    """Why these credentials may not make a user token, or None if they may."""
    if not verdict.decision.allowed:
        return verdict.decision
    if verdict.decision.user_token:
        return _forbidden("user_token_cannot_mint")
    if not verdict.decision.scopes & GRANTABLE:
        return _forbidden("scope_missing")
    if not credentials.global_user_id:  # an empty `sub` would agree with every user
        return _forbidden("user_id_missing")
    return None


def user_claims(
    verdict: Verdict, credentials: Credentials, audience: str, now: float, jti: str, extra: Mapping[str, str]
) -> dict[str, Any]:
    """The claims of a user token. The verdict must be one that `refuse` has nothing against."""
    decision = verdict.decision
    issued = int(now)
    claims = {
        "iss": audience,
        "aud": audience,
        "sub": credentials.global_user_id,
        "iat": issued,
        "nbf": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": jti,
        "gitlab_realm": decision.realm,
        "gitlab_instance_id": decision.instance_id,
        "scopes": sorted(decision.scopes & GRANTABLE),
    }
    return _carried(verdict, extra) | claims  # in this order: nothing that is carried over can displace a claim


def sign(claims: dict[str, Any], signer: Signer) -> str:
    return jwt.encode(claims, signer.private, algorithm=ALGORITHM, headers={"kid": signer.key.kid})


def read_signer(pem: bytes, refused_thumbprints: Collection[str] = ()) -> Signer:
    """A private RSA key. Raises KeyRefused, whose text holds nothing of the file."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise KeyRefused("not a PEM private key without a passphrase") from None
    if not isinstance(private, RSAPrivateKey):
        raise KeyRefused("its type is not RSA")
    return Signer(private, _own(private.public_key(), refused_thumbprints))


def read_verifier(pem: bytes, refused_thumbprints: Collection[str] = ()) -> Key:
    """The public half of a key that used to sign; the file may hold either half. Raises KeyRefused."""
    if b"PRIVATE KEY" in pem:
        return read_signer(pem, refused_thumbprints).key
    try:
        public = load_pem_public_key(pem)
    except (ValueError, TypeError):
        raise KeyRefused("not a PEM key") from None
    if not isinstance(public, RSAPublicKey):
        raise KeyRefused("its type is not RSA")
    return _own(public, refused_thumbprints)


def _own(public: RSAPublicKey, refused_thumbprints: Collection[str]) -> Key:
    """The thumbprint is the kid, so that every replica and both roles of a key name it alike."""
    return make_key(public, "", refused_thumbprints)


def _carried(verdict: Verdict, extra: Mapping[str, str]) -> dict[str, Any]:
    if verdict.decision.realm == "saas":
        carried: dict[str, Any] = {name: value for name, value in extra.items() if name in SAAS_EXTRAS and value}
    else:
        carried = _claimed(verdict, "gitlab_instance_uid")
    return carried | _claimed(verdict, "duo_seat_count")


def _claimed(verdict: Verdict, name: str) -> dict[str, Any]:
    return {name: verdict.claims[name]} if name in verdict.claims else {}


def _forbidden(reason: str) -> Decision:
    return Decision(False, status=403, reason=reason, message=UNAUTHORIZED)
