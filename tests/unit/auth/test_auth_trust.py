# SPDX-License-Identifier: Apache-2.0
"""Which keys are taken from a JWKS, and which are tried for a token."""

import base64
import hashlib
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from jwt.algorithms import OKPAlgorithm

from aigw_auth.known_keys import PUBLISHED
from aigw_auth.trust import (
    MOST_KEYS,
    MOST_TRIED,
    Key,
    KeyRefused,
    UnreadableKeys,
    choose,
    make_key,
    read_jwk,
    read_jwks,
    thumbprint,
)
from unit.auth.making import curve_key, edwards_key, jwk, jwks, key, rsa_key

RFC_7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
    "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
    "nqDKgw"
)
RFC_7515_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC"
    "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
    "yuXpoQ"
)
RFC_7515_JWS = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA"
    "r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi"
    "12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl"
    "UPQGe77Rw"
)


@pytest.mark.parametrize(
    ("entry", "algorithms"),
    [
        (jwk(rsa_key("a"), "a"), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (jwk(rsa_key("a"), "a", alg="RS256"), {"RS256"}),
        (jwk(rsa_key("a"), "a", use=None), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (jwk(rsa_key("a"), "a", key_ops=["verify"], alg="PS256"), {"PS256"}),
        (jwk(curve_key(), "a"), {"ES256"}),
        (jwk(curve_key(ec.SECP384R1), "a"), {"ES384"}),
        (jwk(curve_key(ec.SECP521R1), "a"), {"ES512"}),
        (jwk(edwards_key(), "a"), {"EdDSA"}),
    ],
)
def test_keys_that_are_taken_verify_what_fits_them(entry: dict, algorithms: set):
    found = read_jwk(entry)
    assert found.kid == "a"
    assert found.algorithms == algorithms


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (jwk(rsa_key("small", 1024), "a"), "1024 bits"),
        ({"kty": "oct", "kid": "a", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}, "type"),
        ({"kty": "oct", "kid": "a", "alg": "RS256", "k": "c2VjcmV0"}, "type"),
        (jwk(rsa_key("a"), "a", use="enc"), "signatures"),
        (jwk(rsa_key("a"), "a", use=7), "signatures"),
        (jwk(rsa_key("a"), "a", key_ops=["encrypt"]), "signatures"),
        (jwk(rsa_key("a"), "a", key_ops="verify"), "signatures"),
        (jwk(rsa_key("a"), "a", alg="HS256"), "alg"),
        (jwk(rsa_key("a"), "a", alg="ES256"), "alg"),
        (jwk(rsa_key("a"), "a", alg="RSA-OAEP"), "alg"),
        (jwk(rsa_key("a"), "a", alg=["RS256"]), "alg"),
        (jwk(curve_key(), "a", alg="ES384"), "alg"),
        (jwk(curve_key(ec.SECP256K1), "a"), "curve"),
        (OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True), "curve"),
        (jwk(rsa_key("a"), "a", d="AQAB"), "private half"),
        ({"kty": "RSA", "kid": "a"}, "cannot be read"),
        ({"kty": "RSA", "kid": "a", "n": 7, "e": []}, "cannot be read"),
        ({"kty": "RSA", "kid": "a", "n": "", "e": ""}, "cannot be read"),
        ({"kty": "EC", "kid": "a", "crv": "P-256", "x": "AA", "y": "AA"}, "cannot be read"),
        ({"kty": ["RSA"]}, "type"),
        ({}, "type"),
    ],
)
def test_keys_that_are_not_taken_are_left_out_with_a_reason(entry: dict, why: str):
    found = read_jwks(jwks(entry, jwk(rsa_key("b"), "b")))
    assert [one.kid for one in found.keys] == ["b"]
    assert len(found.refused) == 1
    assert why in found.refused[0]


def test_no_refusal_holds_key_material():
    entry = jwk(rsa_key("small", 1024), "a", d="c2VjcmV0")
    assert not any(entry["n"][:20] in text or "c2VjcmV0" in text for text in read_jwks(jwks(entry)).refused)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b'{"keys":{}}', b'{"keys":[1]}', b"<html>", b"\xff\xfe", b"[" * 5000]
)
def test_what_is_no_set_is_unreadable(content: bytes):
    with pytest.raises(UnreadableKeys):
        read_jwks(content)


def test_the_number_of_keys_is_bounded():
    found = read_jwks(jwks(*[jwk(rsa_key("a"), f"k{n}") for n in range(MOST_KEYS + 5)]))
    assert len(found.keys) == MOST_KEYS
    assert any("5 keys beyond" in text for text in found.refused)


def test_a_key_without_a_kid_is_named_by_its_thumbprint():
    found = read_jwk(jwk(rsa_key("a")))
    assert found.kid == found.thumbprint == thumbprint(rsa_key("a").public_key())


def test_choose_takes_the_key_that_the_token_names():
    keys = [key("a"), key("b"), make_key(curve_key().public_key(), "c")]
    assert [one.kid for one in choose(keys, "b", "RS256")] == ["b"]
    assert choose(keys, "c", "RS256") == []
    assert choose(keys, "d", "RS256") == []
    assert choose(keys, "b", "HS256") == []


def test_choose_without_a_kid_takes_a_bounded_number_of_those_that_fit():
    many = [key("a")] * (MOST_TRIED + 5)
    assert len(choose(many, "", "RS256")) == MOST_TRIED
    assert [one.kid for one in choose([key("a"), make_key(curve_key().public_key(), "c")], "", "ES256")] == ["c"]


def test_thumbprint_is_that_of_rfc_7638():
    with pytest.raises(KeyRefused, match="RFC 7638"):
        read_jwk({"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"})
    members = '{"e":"AQAB","kty":"RSA","n":"' + RFC_7638_N + '"}'
    digest = hashlib.sha256(members.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" in PUBLISHED


def test_a_published_key_is_refused_however_it_is_spelled():
    """That it is the key of RFC 7515 is shown by the signature printed there."""
    entry = {"kty": "RSA", "n": RFC_7515_N, "e": "AQAB"}
    public = jwt.algorithms.RSAAlgorithm.from_jwk(entry)
    assert jwt.decode(RFC_7515_JWS, public, algorithms=["RS256"], options={"verify_exp": False})["iss"] == "joe"
    for spelling in (entry, entry | {"e": "AAEAAQ"}, entry | {"kid": "mine", "n": RFC_7515_N + "=="}):
        with pytest.raises(KeyRefused, match="public knowledge"):
            read_jwk(spelling)


def test_an_installation_can_refuse_more_keys():
    listed = {thumbprint(rsa_key("a").public_key())}
    found = read_jwks(jwks(jwk(rsa_key("a"), "a"), jwk(rsa_key("b"), "b")), listed)
    assert [one.kid for one in found.keys] == ["b"]
    assert "listed by this installation" in found.refused[0]


def test_thumbprints_of_other_types_have_only_their_required_members():
    entry = jwk(curve_key(), "a", alg="ES256")
    members = {name: entry[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    assert thumbprint(curve_key().public_key()) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_key_shows_nothing_but_its_name():
    assert isinstance(key(), Key)
    assert str(rsa_key("a").public_key().public_numbers().n)[:30] not in repr(key())
