# SPDX-License-Identifier: Apache-2.0
"""Google's token endpoint, played on loopback, and the credentials that name it."""

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

EMAIL = "gateway@our-project.iam.gserviceaccount.com"


@cache
def key() -> rsa.RSAPrivateKey:
    """Made once: RSA is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def service_account(token_uri: str) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "our-project",
        "private_key_id": "key-1",
        "private_key": pem(key()).decode(),
        "client_email": EMAIL,
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
    }


class TokenEndpoint:
    """Hands out `token-1`, `token-2`, …; `status` and `body` make it refuse; `hold` makes it wait."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.body: Any = None
        self.lives = 3600
        self.hold = threading.Event()
        self.hold.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def answer(self, form: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append(form)
        number = len(self.asked)
        self.hold.wait(5)
        fresh = {"access_token": f"token-{number}", "expires_in": self.lives, "token_type": "Bearer"}
        return self.status, json.dumps(self.body or fresh).encode()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(endpoint: TokenEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status, answer = endpoint.answer({name: values[0] for name, values in parse_qs(body).items()})
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def certified(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the bundle of the authority that a client must trust for it."""
    from ipaddress import IPv4Address

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unit")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    bundle, secret = directory / "ca.pem", directory / "server.pem"
    bundle.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(pem(private) + bundle.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secret)
    return context, bundle
