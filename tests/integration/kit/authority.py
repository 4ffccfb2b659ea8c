# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for tests, and what it signs: good, expired, for another host."""

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """Its certificate and all that it signs are PEM files in `directory`.

    `lax`: as private ones often are, without key identifiers and with basic constraints that are not critical. RFC 5280
    wants both.
    """

    def __init__(self, directory: Path, name: str = "Test Authority", *, lax: bool = False) -> None:
        self._directory = directory
        self._lax = lax
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._number = 0

    @cached_property
    def ca_file(self) -> str:
        builder = self._builder(self._name, self._key.public_key(), NOW - DAY, NOW + DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=not self._lax)
        builder = builder.add_extension(_key_usage(sign_certificates=True), critical=True)
        if not self._lax:
            identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return str(self._write("ca.pem", certificate.public_bytes(Encoding.PEM)))

    def server(self, host: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
        """What a server with a certificate for `host` needs."""
        cert_file, key_file = self.files(host, expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        return context

    def files(self, host: str = "127.0.0.1", *, expired: bool = False) -> tuple[str, str]:
        """Certificate and key, each a file."""
        self._number += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        until = NOW - DAY / 2 if expired else NOW + DAY
        builder = self._builder(subject, key.public_key(), NOW - DAY, until)
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        if not self._lax:
            signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(signer, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        cert_file = self._write(f"{self._number}.pem", certificate.public_bytes(Encoding.PEM))
        return str(cert_file), str(self._write(f"{self._number}.key", private))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime.datetime, until: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path


def always_strict(made: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """What makes contexts, as it does from Python 3.13 on."""

    def strict(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = made(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    return strict


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
