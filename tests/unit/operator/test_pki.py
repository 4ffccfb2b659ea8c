# SPDX-License-Identifier: Apache-2.0
"""The gateway's own authority over the years: at no time would a pod that reads its files late be refused."""

import contextlib
import ssl
import tempfile
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from aigw_operator import pki
from aigw_operator.lives import Lives
from aigw_operator.pki import Authority, Pair

START = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "eu-auth.ai-gateway.svc"


def trusts(bundle: bytes, pair: Pair) -> bool:
    leaf = x509.load_pem_x509_certificate(pair.certificate)
    for issuer in x509.load_pem_x509_certificates(bundle):
        try:
            leaf.verify_directly_issued_by(issuer)
        except Exception:  # noqa: BLE001 - not this one
            continue
        return True
    return False


def test_a_certificate_is_for_its_host_and_can_be_loaded() -> None:
    authority = pki.rotated(None, "x", START)
    pair = pki.certificate(authority, HOST, START)
    names = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert HOST in names.value.get_values_for_type(x509.DNSName)
    assert pki.is_good(pair, authority, HOST, START)
    assert not pki.is_good(pair, authority, "other.svc", START)
    assert not pki.is_good(Pair(b"", b""), authority, HOST, START)
    ssl.create_default_context().load_verify_locations(cadata=authority.bundle.decode())


def test_certificates_are_renewed_before_they_end() -> None:
    authority = pki.rotated(None, "x", START)
    pair = pki.certificate(authority, HOST, START)
    assert pki.is_good(pair, authority, HOST, START + timedelta(days=59))
    assert not pki.is_good(pair, authority, HOST, START + timedelta(days=61))


def test_nothing_changes_while_nothing_is_due() -> None:
    authority = pki.rotated(None, "x", START)
    assert pki.rotated(authority, "x", START + timedelta(days=400)) is authority


def test_through_ten_years_the_last_bundle_trusts_the_next_certificate() -> None:
    """Each step compares what a pod read at the last look with what its peer shows now, both ways.

    Looks are half an hour apart while an authority is being handed over, a week otherwise.
    """
    authority = pki.rotated(None, "x", START)
    pair = pki.certificate(authority, HOST, START)
    now, rotations, handing_over = START, 0, False
    while now < START + timedelta(days=3650):
        now += timedelta(minutes=30) if handing_over else timedelta(days=7)
        before: Authority = authority
        authority = pki.rotated(authority, "x", now)
        handing_over = (authority.signing == before.signing and authority.other not in (None, before.other)) or (
            handing_over and authority.signing == before.signing
        )
        rotations += authority.signing != before.signing
        old = pair
        if not pki.is_good(pair, authority, HOST, now):
            pair = pki.certificate(authority, HOST, now)
        assert trusts(before.bundle, pair)
        assert trusts(authority.bundle, old)
    assert rotations >= 5


def test_brief_lives_are_kept_to() -> None:
    """An authority is renewed after two thirds of its life, and signs only after the hand-over."""
    brief = Lives(timedelta(seconds=90), timedelta(seconds=60), timedelta(seconds=20))
    first = pki.rotated(None, "x", START, brief)
    pair = pki.certificate(first, HOST, START, brief)
    assert pki.is_good(pair, first, HOST, START + timedelta(seconds=30))
    assert not pki.is_good(pair, first, HOST, START + timedelta(seconds=45))
    at = START + timedelta(seconds=60)
    second = pki.rotated(first, "x", at, brief)
    assert second.other is not None
    assert second.signing == first.signing
    assert pki.rotated(second, "x", at + timedelta(seconds=15), brief) is second
    assert pki.rotated(second, "x", at + timedelta(seconds=21), brief).signing == second.other


@pytest.mark.parametrize("name", ["x", "AI Gateway " + "e" * 52])
@pytest.mark.parametrize("turned", [False, True])
def test_openssl_finds_the_right_one_of_two_authorities(name: str, turned: bool) -> None:
    """Also when both were made in one second, so that they have one name."""
    one, two = pki.rotated(None, name, datetime.now(UTC)), pki.rotated(None, name, datetime.now(UTC))
    pair = pki.certificate(two, HOST, datetime.now(UTC))
    found = (two, one) if turned else (one, two)
    assert handshake(b"".join(authority.bundle for authority in found), pair)


def handshake(bundle: bytes, pair: Pair) -> bool:
    """Whether a client that believes the bundle believes a server that shows the pair."""
    trusting, showing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusting.load_verify_locations(cadata=bundle.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        showing.load_cert_chain(file.name)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [trusting.wrap_bio(back, there, server_hostname=HOST), showing.wrap_bio(there, back, server_side=True)]
    for _ in range(3):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].version() is not None
