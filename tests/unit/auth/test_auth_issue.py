# SPDX-License-Identifier: Apache-2.0
"""User tokens: what is in them, who may have one, and that they verify."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from aigw_auth.issue import (
    LIFETIME_SECONDS,
    Signer,
    read_signer,
    read_verifier,
    refuse,
    sign,
    user_claims,
)
from aigw_auth.policy import Verdict, decide, judge
from aigw_auth.trust import KeyRefused, Trusted, thumbprint
from unit.auth.making import (
    AUDIENCE,
    INSTANCE,
    USER,
    credentials,
    curve_key,
    issuers,
    pem,
    public_pem,
    rsa_key,
    token,
    trusted,
)

UNAUTHORIZED = "Unauthorized to create user access token"
NOW = 1_900_000_000.75


def verdict(**changes: Any) -> Verdict:
    realm = changes.get("gitlab_realm", "self-managed")
    found = judge(credentials(token(**changes), realm=realm), issuers(), AUDIENCE)
    assert found.decision.allowed
    return found


def minted(extra: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    return user_claims(verdict(**changes), credentials(""), AUDIENCE, NOW, "the-id", extra or {})


def signer() -> Signer:
    return read_signer(pem(rsa_key("own")))


def test_the_claims_are_those_that_gitlab_knows():
    assert minted() == {
        "iss": AUDIENCE,
        "aud": AUDIENCE,
        "sub": USER,
        "iat": 1_900_000_000,
        "nbf": 1_900_000_000,
        "exp": 1_900_000_000 + 3600,
        "jti": "the-id",
        "gitlab_realm": "self-managed",
        "gitlab_instance_id": INSTANCE,
        "scopes": ["ai_gateway_model_provider_proxy", "complete_code"],
    }
    assert LIFETIME_SECONDS == 3600


@pytest.mark.parametrize(
    ("scopes", "granted"),
    [
        (["complete_code"], ["complete_code"]),
        (["duo_chat", "ai_gateway_model_provider_proxy", "generate_code"], ["ai_gateway_model_provider_proxy"]),
    ],
)
def test_scopes_are_never_more_than_the_instance_has(scopes: list[str], granted: list[str]):
    assert minted(scopes=scopes)["scopes"] == granted


def test_extras_are_for_gitlab_com_alone_and_only_those_that_are_known():
    extra = {"gitlab_project_id": "7", "gitlab_namespace_id": "", "scopes": "all", "sub": "root", "admin": "yes"}
    on_saas = minted(extra, gitlab_realm="saas", gitlab_instance_uid="u", duo_seat_count="9")
    assert (on_saas["gitlab_project_id"], on_saas["sub"], on_saas["duo_seat_count"]) == ("7", USER, "9")
    assert not {"admin", "gitlab_namespace_id", "gitlab_instance_uid"} & set(on_saas)
    elsewhere = minted(extra, gitlab_instance_uid="u")
    assert elsewhere["gitlab_instance_uid"] == "u"
    assert "gitlab_project_id" not in elsewhere


def test_the_instance_is_that_of_the_token():
    assert minted()["gitlab_instance_id"] == INSTANCE
    assert minted(gitlab_instance_id=INSTANCE, sub=None)["gitlab_instance_id"] == INSTANCE


def test_a_minted_token_is_taken_and_is_a_user_token():
    own = Trusted(AUDIENCE, (signer().key,), ("RS256",), own=True)
    presented = sign(minted() | {"nbf": 1, "iat": 1}, signer())
    assert jwt.get_unverified_header(presented) == {"alg": "RS256", "typ": "JWT", "kid": signer().key.kid}
    decision = decide(credentials(presented), {AUDIENCE: own}, AUDIENCE)
    assert decision.allowed
    assert decision.user_token
    assert decision.subject == USER


@pytest.mark.parametrize(
    ("found", "user", "status", "reason"),
    [
        ({}, USER, None, None),
        ({"scopes": ["duo_chat"]}, USER, 403, "scope_missing"),
        ({"scopes": []}, USER, 403, "scope_missing"),
        ({}, "", 403, "user_id_missing"),
    ],
)
def test_who_may_have_one(found: dict[str, Any], user: str, status: int | None, reason: str | None):
    refused = refuse(verdict(**found), credentials("", global_user_id=user))
    if reason is None:
        assert refused is None
    else:
        assert refused is not None
        assert (refused.status, refused.reason, refused.message) == (status, reason, UNAUTHORIZED)


def test_a_user_token_makes_no_other():
    own = trusted(AUDIENCE, "own", own=True)
    presented = token(rsa_key("own"), kid="own", iss=AUDIENCE, sub=USER)
    found = judge(credentials(presented), issuers(own), AUDIENCE)
    assert found.decision.allowed
    refused = refuse(found, credentials(presented))
    assert refused is not None
    assert (refused.status, refused.reason, refused.message) == (403, "user_token_cannot_mint", UNAUTHORIZED)


def test_a_refused_token_stays_refused():
    found = judge(credentials(token(aud="x")), issuers(), AUDIENCE)
    assert refuse(found, credentials("")) is found.decision


def test_a_signer_shows_its_name_alone():
    assert signer().key.kid == thumbprint(rsa_key("own").public_key())
    assert "rivate" not in repr(signer())


def test_a_verifier_may_be_either_half():
    name = thumbprint(rsa_key("own").public_key())
    assert read_verifier(pem(rsa_key("own"))).kid == read_verifier(public_pem(rsa_key("own"))).kid == name


LOCKED = rsa_key("own").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a PEM"),
        (b"rubbish", "not a PEM"),
        (pem(rsa_key("own"))[:200], "not a PEM"),
        (LOCKED, "passphrase"),
        (pem(curve_key()), "not RSA"),
        (pem(rsa_key("small", 1024)), "1024 bits"),
    ],
)
def test_keys_that_cannot_sign_are_refused(content: bytes, why: str):
    with pytest.raises(KeyRefused, match=why):
        read_signer(content)
    with pytest.raises(KeyRefused):
        read_verifier(content)


def test_a_listed_key_does_not_sign():
    with pytest.raises(KeyRefused, match="public knowledge"):
        read_signer(pem(rsa_key("own")), {thumbprint(rsa_key("own").public_key())})
