# SPDX-License-Identifier: Apache-2.0
"""The gateway's own certificate authority, and certificates for its parts. Pure but for the randomness of keys.

EC P-256. An authority lives two years and a certificate 90 days, or what `Lives` says; both are renewed when a third of
their life is left. A new authority is first only believed (the bundle holds it beside the old one) and signs after an
hour, when every pod has re-read its bundle; so no connection fails in between.
"""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aigw_operator.lives import USUAL, Lives


class Pair(NamedTuple):
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


class Authority(NamedTuple):
    """`signing` signs; `other` is believed too: the next one (not signing yet) or the last one."""

    signing: Pair
    other: Pair | None = None

    @property
    def bundle(self) -> bytes:
        return self.signing.certificate + (self.other.certificate if self.other else b"")


def rotated(authority: Authority | None, name: str, now: datetime, lives: Lives = USUAL) -> Authority:
    """The authority as it should be at `now`: the same object if nothing is due."""
    if authority is None:
        return Authority(_self_signed(name, now, lives))
    other = authority.other
    if other is None:
        due = _due(authority.signing, now)
        return authority._replace(other=_self_signed(name, now, lives)) if due else authority
    newer = _begins(other) > _begins(authority.signing)
    if newer and now >= _begins(other) + lives.skew + lives.handover:
        return Authority(other, authority.signing)
    if not newer and now >= _ends(other):
        return Authority(authority.signing)
    return authority


def certificate(authority: Authority, host: str, now: datetime, lives: Lives = USUAL) -> Pair:
    """A server certificate for a part's Service name."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.signing.certificate)
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.DNSName(f"{host}.cluster.local")])
    builder = (
        _builder(_name(host[:64]), issuer.subject, key, now - lives.skew, now + lives.certificate)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_made_by(issuer), critical=False)
    )
    signer = serialization.load_pem_private_key(authority.signing.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it
    return _pair(builder.sign(signer, hashes.SHA256()), key)


def is_good(pair: Pair, authority: Authority, host: str, now: datetime) -> bool:
    """Signed by the signing authority, for this host, and not due for renewal."""
    try:
        found = x509.load_pem_x509_certificate(pair.certificate)
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.signing.certificate))
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
        return False
    return host in names.get_values_for_type(x509.DNSName) and not _due(pair, now)


def _self_signed(name: str, now: datetime, lives: Lives) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"{now:%Y-%m-%d %H:%M:%S} {name}"[:64])
    builder = (
        _builder(subject, subject, key, now - lives.skew, now + lives.authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _made_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Tells two authorities of one name apart: of those that are believed, OpenSSL tries only one that fits."""
    key = issuer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - we made it
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pair(made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(made.public_bytes(serialization.Encoding.PEM), pem)


def _begins(pair: Pair) -> datetime:
    return x509.load_pem_x509_certificate(pair.certificate).not_valid_before_utc


def _ends(pair: Pair) -> datetime:
    return x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc


def _due(pair: Pair, now: datetime) -> bool:
    begins, ends = _begins(pair), _ends(pair)
    return now >= begins + (ends - begins) * 2 / 3
