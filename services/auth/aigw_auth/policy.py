# SPDX-License-Identifier: Apache-2.0
"""Yes or no: what a request's headers and its token together permit. Pure.

The order and the texts are those that GitLab's clients know. Each check is a row of a table or one function that raises
`Denied`; whatever is not found in a table is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aigw_auth.tokens import TokenRefused, peek, verify
from aigw_auth.trust import Key, Trusted, choose
from aigw_contract.decisions import Credentials, Decision

FORBIDDEN = "Forbidden by auth provider"
NO_KEYS = "No keys of the issuer can be had"
KEYS_MAY_HELP = frozenset({"unknown_key", "issuer_keys_unavailable"})
"""Reasons that may go away when the issuer's keys are fetched again."""


class Agreement(NamedTuple):
    """A claim, the header that must say the same if the claim is not empty, and the field that holds the header."""

    claim: str
    header: str
    field: str


ALWAYS = (
    Agreement("gitlab_realm", "X-Gitlab-Realm", "realm"),
    Agreement("gitlab_instance_id", "X-Gitlab-Instance-Id", "instance_id"),
)
INSTANCE_TOKEN = (*ALWAYS, Agreement("sub", "X-Gitlab-Instance-Id", "instance_id"))
USER_TOKEN = (*ALWAYS, Agreement("sub", "X-Gitlab-Global-User-Id", "global_user_id"))


class Verdict(NamedTuple):
    """A decision and the verified claims it rests on; no claims if it is a refusal."""

    decision: Decision
    claims: dict[str, Any]


class Denied(Exception):
    """Ends a judgement. `reason` is a stable word, `message` the text for the caller, `issuer` a configured one."""

    def __init__(self, reason: str, message: str = FORBIDDEN, status: int = 401, issuer: str = "") -> None:
        super().__init__(reason)
        self.decision = Decision(False, status=status, reason=reason, message=message, issuer=issuer)


def decide(credentials: Credentials, issuers: Mapping[str, Trusted], audience: str) -> Decision:
    """`issuers`: the exact `iss` -> what is known of that issuer now."""
    return judge(credentials, issuers, audience).decision


def judge(credentials: Credentials, issuers: Mapping[str, Trusted], audience: str) -> Verdict:
    """As `decide`, with the verified claims."""
    try:
        trusted, claims = _believe(_bearer(credentials), issuers, audience)
        _check_agreement(claims, credentials, trusted)
        _check_realm(claims, credentials, trusted)
        return Verdict(_allow(claims, trusted), claims)
    except Denied as denied:
        return Verdict(denied.decision, {})


def check_scopes(decision: Decision, needed: list[str]) -> Decision:
    """The decision, or a refusal if a scope that is needed is not in the token."""
    missing = [scope for scope in needed if scope not in decision.scopes]
    if not decision.allowed or not missing:
        return decision
    return Decision(False, status=403, reason="scope_missing", message=f"Unauthorized to access {missing[0]}")


def _bearer(credentials: Credentials) -> str:
    """The token of the Authorization header."""
    authorization = credentials.authorization.strip()
    if not authorization:
        raise Denied("authorization_missing", "No authorization header presented")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Denied("authorization_invalid", "Invalid authorization header")
    if credentials.authentication_type != "oidc":
        message = "Invalid authentication token type - only OIDC is supported"
        raise Denied("authentication_type_invalid", message)
    return token.strip()


def _believe(token: str, issuers: Mapping[str, Trusted], audience: str) -> tuple[Trusted, dict[str, Any]]:
    """The issuer of the token and its verified claims."""
    if not issuers:
        raise Denied("no_keys", NO_KEYS, status=503)
    try:
        peeked = peek(token)
        trusted = issuers.get(peeked.issuer)
        if trusted is None:
            raise TokenRefused("unknown_issuer")
        if peeked.algorithm not in trusted.algorithms:
            raise TokenRefused("token_algorithm_not_allowed")
        keys = _keys(trusted, peeked.kid, peeked.algorithm)
        return trusted, _verify(token, keys, trusted, audience, named=bool(peeked.kid))
    except TokenRefused as refused:
        raise Denied(refused.reason) from None


def _keys(trusted: Trusted, kid: str, algorithm: str) -> list[Key]:
    if not trusted.keys:
        raise Denied("issuer_keys_unavailable", NO_KEYS, 503, trusted.issuer)
    keys = choose(trusted.keys, kid, algorithm)
    if keys:
        return keys
    if any(kid == key.kid for key in trusted.keys):
        raise TokenRefused("token_algorithm_not_allowed")
    raise _unknown_key(trusted)


def _verify(token: str, keys: list[Key], trusted: Trusted, audience: str, *, named: bool) -> dict[str, Any]:
    """A token that does not name its key and that no key has signed may be signed by one that is not known yet."""
    try:
        return verify(token, keys, trusted, audience)
    except TokenRefused as refused:
        if named or refused.reason != "token_bad_signature":
            raise
        raise _unknown_key(trusted) from None


def _unknown_key(trusted: Trusted) -> Denied:
    """While the issuer cannot be asked nobody can tell a forged key from a new one: that is no reason for a 401."""
    if trusted.current:
        return Denied("unknown_key", issuer=trusted.issuer)
    return Denied("issuer_keys_unavailable", NO_KEYS, 503, trusted.issuer)


def _check_agreement(claims: dict[str, Any], credentials: Credentials, trusted: Trusted) -> None:
    """`duo_seat_count` is not in the table: it drifts between instance and token, and that is tolerated."""
    for row in USER_TOKEN if trusted.own else INSTANCE_TOKEN:
        claimed = _text(claims, row.claim)
        if claimed and claimed != getattr(credentials, row.field):
            raise Denied("header_mismatch", f"Header mismatch '{row.header}'")


def _check_realm(claims: dict[str, Any], credentials: Credentials, trusted: Trusted) -> None:
    """An issuer speaks only for its realms. A token without a realm cannot borrow one from the header either."""
    realm = _text(claims, "gitlab_realm") or credentials.realm
    if trusted.realms and realm and realm not in trusted.realms:
        raise Denied("realm_not_permitted")


def _allow(claims: dict[str, Any], trusted: Trusted) -> Decision:
    subject = _text(claims, "sub")
    return Decision(
        True,
        issuer=trusted.issuer,
        subject=subject,
        realm=_text(claims, "gitlab_realm"),
        instance_id=_text(claims, "gitlab_instance_id") or ("" if trusted.own else subject),
        user_token=trusted.own,
        scopes=frozenset(_strings(claims.get("scopes"))),
        expires_at=_seconds(claims["exp"]),
    )


def _seconds(value: Any) -> float:
    """PyJWT has checked that it is a number, but not that it is one that anybody can reckon with."""
    try:
        return float(value)
    except (OverflowError, ValueError):
        raise Denied("token_malformed") from None


def _text(claims: dict[str, Any], name: str) -> str:
    """A claim that is compared or passed on must be text; anything else is not what an issuer of GitLab's sends."""
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Denied("token_malformed")
    return value


def _strings(value: Any) -> Iterator[str]:
    """Scopes of types to come are passed over, as unknown scopes are."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
