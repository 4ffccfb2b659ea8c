# SPDX-License-Identifier: Apache-2.0
"""Connections to the API server: the cluster's authority is believed as kubectl believes it.

From Python 3.13 on, urllib3 and `ssl.create_default_context` (which kopf takes) set VERIFY_X509_STRICT: certificates
must have all that RFC 5280 asks of them. Authorities of clusters are private ones and may lack key identifiers or the
like; Go, in which kubectl is written, takes them. Signatures, dates and host names are checked in any case.
"""

import ssl

from kubernetes.client import ApiClient
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs


def lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def as_kubectl(api: ApiClient) -> ApiClient:
    """The same client, for connections from now on."""
    manager = api.rest_client.pool_manager
    manager.pool_classes_by_scheme = manager.pool_classes_by_scheme | {"https": _Pool}
    return api


class _Connection(HTTPSConnection):
    """With a context of its own, as urllib3's have: each new connection reads the authority's file as it is by then."""

    def connect(self) -> None:
        self.ssl_context = lenient(create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs)))
        if not (self.ca_certs or self.ca_cert_data):
            self.ssl_context.load_default_certs()  # urllib3 does so only for contexts that it makes
        super().connect()


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection
