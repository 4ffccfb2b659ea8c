# SPDX-License-Identifier: Apache-2.0
"""Whom we trust when we connect: the system's authorities, plus those that the operator of the gateway adds."""

import os
import ssl


def client_context(ca_bundle_file: str = "") -> ssl.SSLContext:
    """A context with certificate and host name checks on.

    `ca_bundle_file` is added to the system's trust, never put in its place; so are SSL_CERT_FILE (read by OpenSSL
    itself) and REQUESTS_CA_BUNDLE, which people set because other clients read only that.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for bundle in (os.environ.get("REQUESTS_CA_BUNDLE", ""), ca_bundle_file):
        if bundle:
            context.load_verify_locations(bundle)
    return context
