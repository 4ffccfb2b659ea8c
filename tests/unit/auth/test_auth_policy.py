# SPDX-License-Identifier: Apache-2.0
"""Every answer of `policy.decide`: the texts that GitLab's clients know, and a reason for each refusal."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_auth.policy import ALWAYS, INSTANCE_TOKEN, KEYS_MAY_HELP, USER_TOKEN, check_scopes, decide, judge
from aigw_auth.trust import Trusted
from aigw_contract.decisions import Credentials, Decision
from unit.auth.making import (
    AUDIENCE,
    INSTANCE,
    ISSUER,
    OTHER_ISSUER,
    SCOPES,
    USER,
    claims,
    credentials,
    issuers,
    public_pem,
    raw_token,
    rsa_key,
    token,
    trusted,
)

FORBIDDEN = "Forbidden by auth provider"
NO_KEYS = "No keys of the issuer can be had"
OWN = trusted(AUDIENCE, "own", own=True)


def answer(presented: Credentials | str, *known: Trusted) -> Decision:
    given_credentials = credentials(presented) if isinstance(presented, str) else presented
    return decide(given_credentials, issuers(*known), AUDIENCE)


def user_token(**changes: Any) -> str:
    """As the gateway mints them."""
    return token(
        rsa_key("own"), kid="own", **({"iss": AUDIENCE, "sub": USER, "gitlab_instance_id": INSTANCE} | changes)
    )


def test_a_good_token_is_allowed_and_says_who_calls():
    expires = int(time.time()) + 1000
    assert answer(token(exp=expires)) == Decision(
        True,
        issuer=ISSUER,
        subject=INSTANCE,
        realm="self-managed",
        instance_id=INSTANCE,
        scopes=frozenset(SCOPES),
        expires_at=float(expires),
    )


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"authorization": ""}, "authorization_missing", "No authorization header presented"),
        ({"authorization": "  "}, "authorization_missing", "No authorization header presented"),
        ({"authorization": "Basic dTpw"}, "authorization_invalid", "Invalid authorization header"),
        ({"authorization": "Bearer"}, "authorization_invalid", "Invalid authorization header"),
        ({"authorization": "Bearer  "}, "authorization_invalid", "Invalid authorization header"),
        ({"authorization": "Bearerx y"}, "authorization_invalid", "Invalid authorization header"),
        (
            {"authentication_type": ""},
            "authentication_type_invalid",
            "Invalid authentication token type - only OIDC is supported",
        ),
        (
            {"authentication_type": "basic"},
            "authentication_type_invalid",
            "Invalid authentication token type - only OIDC is supported",
        ),
        ({"authorization": "Bearer a b"}, "token_malformed", FORBIDDEN),
        ({"authorization": "Bearer rubbish"}, "token_malformed", FORBIDDEN),
        ({"authorization": "Bearer " + "a" * 20000}, "token_too_large", FORBIDDEN),
        ({"realm": "saas"}, "header_mismatch", "Header mismatch 'X-Gitlab-Realm'"),
        ({"realm": ""}, "header_mismatch", "Header mismatch 'X-Gitlab-Realm'"),
        ({"instance_id": "another"}, "header_mismatch", "Header mismatch 'X-Gitlab-Instance-Id'"),
        ({"instance_id": ""}, "header_mismatch", "Header mismatch 'X-Gitlab-Instance-Id'"),
    ],
)
def test_each_header_that_is_wrong(changes: dict[str, str], reason: str, message: str):
    refused = answer(credentials(token(), **changes))
    assert (refused.allowed, refused.status, refused.reason, refused.message) == (False, 401, reason, message)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_told_in_any_case(scheme: str):
    assert answer(credentials("", authorization=f"{scheme} {token()}")).allowed


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        (token(exp=int(time.time()) - 3600), "token_expired"),
        (token(nbf=int(time.time()) + 3600), "token_not_yet_valid"),
        (token(aud="other"), "token_wrong_audience"),
        (token(aud=None), "token_claim_missing"),
        (token(exp=None), "token_claim_missing"),
        (token(iss=OTHER_ISSUER), "unknown_issuer"),
        (token(iss=None), "unknown_issuer"),
        (token(rsa_key("b")), "token_bad_signature"),
        (token(kid="z"), "unknown_key"),
        (token(rsa_key("b"), kid=None), "unknown_key"),
        (token(algorithm="RS384"), "token_algorithm_not_allowed"),
        (raw_token({"alg": "none"}, claims()), "token_algorithm_not_allowed"),
        (raw_token({"alg": "HS256", "kid": "a"}, claims(), public_pem(rsa_key("a"))), "token_algorithm_not_allowed"),
        (token(gitlab_realm=5), "token_malformed"),
        (token(gitlab_instance_id=["x"]), "token_malformed"),
        (token(exp=10**400), "token_malformed"),
    ],
)
def test_each_token_that_is_wrong_is_forbidden_with_its_own_reason(presented: str, reason: str):
    refused = answer(presented)
    assert (refused.status, refused.message, refused.reason) == (401, FORBIDDEN, reason)
    assert refused.subject == refused.realm == ""


def test_an_audience_may_be_a_list():
    assert answer(token(aud=["other", AUDIENCE])).allowed


def test_a_token_without_kid_is_tried_with_the_keys_that_fit():
    assert answer(token(kid=None), trusted(ISSUER, "b", "a")).allowed


def test_a_kid_that_belongs_to_another_key_does_not_verify():
    assert answer(token(kid="b"), trusted(ISSUER, "a", "b")).reason == "token_bad_signature"


def test_a_key_counts_only_for_its_own_issuer():
    """The real gateway merges all keys: there each issuer could speak for every other."""
    first, second = trusted(ISSUER, "a"), trusted(OTHER_ISSUER, "b")
    assert answer(token(), first, second).allowed
    assert answer(token(rsa_key("b"), kid="b", iss=OTHER_ISSUER), first, second).allowed
    assert answer(token(rsa_key("b"), kid="b"), first, second).reason == "unknown_key"
    assert answer(token(rsa_key("b"), kid="a"), first, second).reason == "token_bad_signature"
    assert answer(token(rsa_key("b"), kid=None), first, second).reason == "unknown_key"
    assert answer(token(kid="a", iss=AUDIENCE), first, OWN).reason == "unknown_key"


@pytest.mark.parametrize(
    ("realms", "claimed", "header", "reason"),
    [
        ((), "saas", "saas", ""),
        (("saas",), "saas", "saas", ""),
        (("saas", "self-managed"), "self-managed", "self-managed", ""),
        (("self-managed",), "saas", "saas", "realm_not_permitted"),
        (("self-managed",), None, "saas", "realm_not_permitted"),
        (("self-managed",), "", "saas", "realm_not_permitted"),
        (("self-managed",), None, "", ""),
        (("self-managed",), "SaaS", "SaaS", "realm_not_permitted"),
    ],
)
def test_an_issuer_speaks_only_for_its_realms(realms: tuple[str, ...], claimed: str, header: str, reason: str):
    presented = credentials(token(gitlab_realm=claimed), realm=header)
    answered = answer(presented, trusted(realms=frozenset(realms)))
    assert answered.reason == reason
    assert answered.message == (FORBIDDEN if reason else "")


@pytest.mark.parametrize("row", INSTANCE_TOKEN)
def test_an_instance_token_and_its_headers_agree(row: Any):
    presented = credentials(token(**{row.claim: "other"}))
    assert answer(presented).message == f"Header mismatch '{row.header}'"
    empty = credentials(token(**{row.claim: ""}), **{row.field: ""} if row.claim == "gitlab_realm" else {})
    assert answer(empty).allowed


@pytest.mark.parametrize("row", USER_TOKEN)
def test_a_user_token_and_its_headers_agree(row: Any):
    assert answer(credentials(user_token()), OWN).allowed
    presented = credentials(user_token(), **{row.field: "other"})
    assert answer(presented, OWN).message == f"Header mismatch '{row.header}'"


def test_a_claim_that_is_absent_or_empty_is_not_compared():
    for absent in (None, ""):
        bare = token(gitlab_realm=absent, gitlab_instance_id=absent, sub=absent)
        answered = answer(credentials(bare, realm="x", instance_id="y", global_user_id="z"))
        assert answered.allowed
        assert (answered.realm, answered.instance_id, answered.subject) == ("", "", "")


def test_the_subject_of_a_user_token_is_a_user_and_that_of_any_other_an_instance():
    own = answer(credentials(user_token()), OWN)
    assert (own.user_token, own.subject, own.instance_id) == (True, USER, INSTANCE)
    instance = answer(token())
    assert (instance.user_token, instance.subject, instance.instance_id) == (False, INSTANCE, INSTANCE)
    assert len(USER_TOKEN) == len(INSTANCE_TOKEN) == len(ALWAYS) + 1


def test_seat_counts_may_differ():
    assert answer(token(duo_seat_count="17")).allowed
    assert answer(token(duo_seat_count=17)).allowed


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (["complete_code", "made_up_next_year"], {"complete_code", "made_up_next_year"}),
        (["complete_code", 5, None, ["x"]], {"complete_code"}),
        ([], set()),
        (None, set()),
        ("complete_code", set()),
        ({"complete_code": True}, set()),
    ],
)
def test_scopes_are_the_strings_of_a_list(scopes: Any, expected: set[str]):
    assert answer(token(scopes=scopes)).scopes == expected


def test_without_issuers_nothing_is_allowed():
    refused = decide(credentials(token()), {}, AUDIENCE)
    assert (refused.allowed, refused.status, refused.reason, refused.message) == (False, 503, "no_keys", NO_KEYS)
    assert answer(token(), trusted(algorithms=())).reason == "token_algorithm_not_allowed"


def test_an_issuer_without_keys_is_unavailable_and_no_other_is_touched():
    empty, good = trusted(OTHER_ISSUER, keys=()), trusted()
    refused = answer(token(iss=OTHER_ISSUER), empty, good)
    assert (refused.status, refused.reason, refused.message) == (503, "issuer_keys_unavailable", NO_KEYS)
    assert refused.issuer == OTHER_ISSUER
    assert refused.reason in KEYS_MAY_HELP
    assert answer(token(), empty, good).allowed


def test_an_unknown_key_is_no_401_while_the_issuer_cannot_be_asked():
    known = trusted()
    assert answer(token(kid="new"), known).reason == "unknown_key"
    assert answer(token(kid="new"), known).issuer == ISSUER
    refused = answer(token(kid="new"), replace(known, current=False))
    assert (refused.status, refused.reason) == (503, "issuer_keys_unavailable")
    assert answer(token(), replace(known, current=False)).allowed


def test_reasons_that_new_keys_cannot_change_ask_for_none():
    """Else anyone could make the gateway ask an issuer for its keys as often as he likes."""
    for presented in (token(iss=OTHER_ISSUER), token(aud="x"), raw_token({"alg": "none"}, claims()), "rubbish"):
        assert answer(presented).reason not in KEYS_MAY_HELP


def test_a_refusal_carries_no_claims():
    assert judge(credentials(token(aud="x")), issuers(), AUDIENCE).claims == {}
    assert judge(credentials(token()), issuers(), AUDIENCE).claims["sub"] == INSTANCE


def test_scopes_that_an_endpoint_needs():
    yes = answer(token(scopes=["duo_chat", "complete_code"]))
    assert check_scopes(yes, []) is yes
    assert check_scopes(yes, ["duo_chat", "complete_code"]) is yes
    no = check_scopes(yes, ["duo_chat", "generate_code"])
    assert (no.allowed, no.status, no.reason) == (False, 403, "scope_missing")
    assert no.message == "Unauthorized to access generate_code"
    refused = answer("rubbish")
    assert check_scopes(refused, ["duo_chat"]) is refused


@given(st.builds(Credentials, *[st.text(max_size=60)] * 5), st.booleans())
def test_whatever_comes_is_answered_and_never_allowed(presented: Credentials, bearer: bool):
    if bearer:
        presented = Credentials(f"Bearer {presented.authorization}", "oidc")
    refused = answer(presented)
    assert not refused.allowed
    assert refused.status == 401
    assert refused.reason
    assert refused.message


@given(st.integers(0, len(token(jti="fixed")) - 1), st.sampled_from("aZ0-_.="))
def test_a_token_with_one_character_changed_is_another_token(at: int, other: str):
    good = token(jti="fixed")
    changed = good[:at] + other + good[at + 1 :]
    assert answer(changed).allowed == (changed == good)
