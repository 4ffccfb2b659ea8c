# SPDX-License-Identifier: Apache-2.0
"""What `tokens` believes, and the reason for everything it does not."""

import contextlib
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from aigw_auth.tokens import LEEWAY_SECONDS, MOST_TOKEN_BYTES, TokenRefused, peek, verify
from aigw_auth.trust import Trusted, make_key
from unit.auth.making import (
    AUDIENCE,
    ISSUER,
    OTHER_ISSUER,
    claims,
    curve_key,
    edwards_key,
    key,
    public_pem,
    raw_token,
    rsa_key,
    token,
    trusted,
)


def reason(presented: str, known: Trusted | None = None) -> str:
    """Why a token is refused when all keys of the issuer are tried; empty if it is not."""
    known = known or trusted()
    try:
        peek(presented)
        verify(presented, known.keys, known, AUDIENCE)
    except TokenRefused as refused:
        return refused.reason
    return ""


def test_peek_reads_issuer_kid_and_algorithm():
    peeked = peek(token(kid="k1"))
    assert (peeked.issuer, peeked.kid, peeked.algorithm) == (ISSUER, "k1", "RS256")
    assert peek(token(kid=None)).kid == ""
    assert peek(token(iss=None)).issuer == ""


@pytest.mark.parametrize(
    "presented",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "no token at all",
        "é.é.é",
        "\ud800.a.b",
        raw_token({}, {}),
        raw_token({"alg": 1}, {}),
        raw_token({"alg": "RS256", "kid": 7}, {}),
        raw_token({"alg": "RS256"}, {"iss": ["x"]}),
        raw_token([], {}),
        raw_token({"alg": "RS256"}, []),
        f"{token()}.more",
        token().rpartition(".")[0],
    ],
)
def test_what_is_no_token_is_malformed(presented: str):
    with pytest.raises(TokenRefused, match=r"^token_malformed$"):
        peek(presented)


def test_deep_nesting_is_malformed_not_an_error():
    deep = json.loads("[" * 400 + "]" * 400)
    assert reason(raw_token({"alg": "RS256", "x": deep}, {"iss": ISSUER, "y": deep})) != ""
    bomb = jwt.utils.base64url_encode(b'{"alg":"RS256","x":' + b"[" * 5000 + b"]" * 5000 + b"}").decode()
    assert reason(f"{bomb}.e30.e30") == "token_malformed"


def test_a_large_token_is_not_even_read():
    assert reason("a" * (MOST_TOKEN_BYTES + 1)) == "token_too_large"
    assert reason(token(padding="x" * MOST_TOKEN_BYTES)) == "token_too_large"
    assert reason(token(padding="x" * 8000)) == ""


@given(st.text(max_size=200))
def test_peek_answers_or_refuses_whatever_it_is_given(presented: str):
    with contextlib.suppress(TokenRefused):
        peek(presented)


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
def test_audience_is_a_string_or_a_list(audience: object):
    known = trusted()
    assert verify(token(aud=audience), known.keys, known, AUDIENCE)["aud"] == audience


@pytest.mark.parametrize(
    "audience", ["other", [], "", ["other"], AUDIENCE + "x", AUDIENCE[:-1], [[AUDIENCE]], {AUDIENCE: 1}, 7]
)
def test_another_audience_is_refused(audience: object):
    assert reason(token(aud=audience)) in ("token_wrong_audience", "token_claim_missing")


NOW = int(time.time())
SLACK = 5  # seconds that a slow machine may take between making and checking


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": NOW - 3600}, "token_expired"),
        ({"exp": NOW - LEEWAY_SECONDS - 1}, "token_expired"),
        ({"nbf": NOW + 3600}, "token_not_yet_valid"),
        ({"iat": NOW + 3600}, "token_not_yet_valid"),
        ({"exp": None}, "token_claim_missing"),
        ({"aud": None}, "token_claim_missing"),
        ({"exp": "soon"}, "token_malformed"),
        ({"exp": float("inf")}, "token_malformed"),
        ({"nbf": "soon"}, "token_malformed"),
        ({"sub": 5}, "token_malformed"),
        ({"jti": 5}, "token_malformed"),
        ({"iss": OTHER_ISSUER}, "unknown_issuer"),
        ({"iss": None}, "token_claim_missing"),
        ({"iss": ISSUER + "/"}, "unknown_issuer"),
        ({"nbf": None, "iat": None, "jti": None, "sub": None}, ""),
    ],
)
def test_each_claim_that_is_wrong_has_its_reason(changes: dict, expected: str):
    assert reason(token(**changes)) == expected


def test_clocks_may_differ_by_the_leeway_and_no_more():
    now = int(time.time())
    assert reason(token(exp=now - LEEWAY_SECONDS + SLACK)) == ""
    assert reason(token(exp=now - LEEWAY_SECONDS - SLACK)) == "token_expired"
    assert reason(token(nbf=now + LEEWAY_SECONDS - SLACK)) == ""
    assert reason(token(nbf=now + LEEWAY_SECONDS + SLACK)) == "token_not_yet_valid"
    assert LEEWAY_SECONDS <= 30


def test_a_signature_of_another_key_is_refused():
    assert reason(token(rsa_key("b"))) == "token_bad_signature"
    head, _, tail = token().rpartition(".")
    other = token(sub="someone else").split(".")
    assert reason(f"{head}.{'A' * len(tail)}") == "token_bad_signature"
    assert reason(".".join([token().split(".")[0], other[1], tail])) == "token_bad_signature"


def test_all_keys_that_are_given_are_tried():
    known = trusted(ISSUER, "b", "c", "a")
    assert reason(token(), known) == ""
    assert reason(token(), trusted(ISSUER, "b", "c")) == "token_bad_signature"
    assert reason(token(), trusted(keys=())) == "unknown_key"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_token_is_refused(algorithm: str):
    unsigned = raw_token({"alg": algorithm, "kid": "a"}, claims())
    for allowed in (("RS256",), ("RS256", "none"), (algorithm,)):
        assert reason(unsigned, trusted(algorithms=allowed)) in ("token_algorithm_not_allowed", "token_malformed")


def test_the_public_key_is_no_hmac_secret():
    """CVE-2015-9235 and its kind: HS256 with what everyone can read."""
    for secret in (public_pem(rsa_key("a")), public_pem(rsa_key("a")).strip()):
        forged = raw_token({"alg": "HS256", "typ": "JWT", "kid": "a"}, claims(), secret)
        for allowed in (("RS256",), ("RS256", "HS256"), ("HS256",)):
            assert reason(forged, trusted(algorithms=allowed)) in ("token_algorithm_not_allowed", "token_malformed")


def test_only_the_issuers_own_algorithms_count():
    assert reason(token(algorithm="RS512")) == "token_algorithm_not_allowed"
    assert reason(token(algorithm="PS256")) == "token_algorithm_not_allowed"
    assert reason(token(algorithm="RS512"), trusted(algorithms=("RS256", "RS512"))) == ""
    assert reason(token(), trusted(algorithms=())) != ""


def test_curves_verify_only_their_own_algorithm():
    for private, algorithm in (
        (curve_key(), "ES256"),
        (curve_key(ec.SECP384R1), "ES384"),
        (edwards_key(), "EdDSA"),
    ):
        public = make_key(private.public_key(), "a")
        presented = token(private, algorithm=algorithm)
        assert reason(presented, trusted(keys=(public,), algorithms=(algorithm,))) == ""
        assert reason(presented, trusted(keys=(key(),), algorithms=(algorithm, "RS256"))) != ""
        assert reason(token(), trusted(keys=(public,), algorithms=(algorithm, "RS256"))) != ""


def test_critical_extensions_that_are_not_known_are_refused():
    presented = jwt.encode(claims(), rsa_key("a"), "RS256", headers={"crit": ["exp"], "exp": 1})
    assert reason(presented) == "token_malformed"


def test_no_refusal_holds_any_of_the_token():
    presented = token(exp=NOW - 3600)
    known = trusted()
    with pytest.raises(TokenRefused) as caught:
        verify(presented, known.keys, known, AUDIENCE)
    assert caught.value.args == ("token_expired",)
    assert caught.value.__suppress_context__
