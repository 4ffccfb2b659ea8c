# SPDX-License-Identifier: Apache-2.0
"""TLS: whom we trust when we connect to the outside, and what the parts show and believe among themselves."""

import os
import ssl
from pathlib import Path

from aigw_kit.files import Watched, watch
from aigw_kit.settings import TlsSettings


def client_context(ca_bundle_file: str = "") -> ssl.SSLContext:
    """A context with certificate and host name checks on.

    `ca_bundle_file` is added to the system's trust, never put in its place; so are SSL_CERT_FILE (read by OpenSSL
    itself) and REQUESTS_CA_BUNDLE, which people set because other clients read only that.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python sets it from 3.13 on. It refuses authorities that lack what RFC 5280 asks for, such as key identifiers;
    # private ones often do, and GitLab, Go and nginx take them. Signatures, dates and names are checked in any case.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for bundle in (os.environ.get("REQUESTS_CA_BUNDLE", ""), ca_bundle_file):
        if bundle:
            context.load_verify_locations(bundle)
    return context


class ServerIdentity:
    """The certificate that a service shows; a renewed one is shown to new connections, without a restart."""

    def __init__(self, settings: TlsSettings) -> None:
        self._key_file = settings.key_file
        self._cert_file = settings.cert_file
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._file = Watched(settings.cert_file, self._load)

    async def keep_fresh(self) -> None:
        await watch(self._file)

    def _load(self, _: bytes) -> bool:
        """Tried on a context of its own first: a certificate without its key would spoil the one in use."""
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert_file, self._key_file)
        self.context.load_cert_chain(self._cert_file, self._key_file)
        return True


class PartsTrust:
    """Whom a part believes when it connects to another: the gateway's own authorities and nobody else.

    A new bundle is added to what is trusted; during a rotation the bundle holds the old authority and the new one.
    """

    def __init__(self, settings: TlsSettings) -> None:
        self.context: ssl.SSLContext | None = None
        self._file: Watched[bool] | None = None
        if settings.ca_file:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self.context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._file = Watched(Path(settings.ca_file), self._load)

    async def keep_fresh(self) -> None:
        await watch(*([self._file] if self._file else []))

    def _load(self, bundle: bytes) -> bool:
        if self.context is not None:
            self.context.load_verify_locations(cadata=bundle.decode("ascii"))
        return True
