# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the Kubernetes API over HTTP that answers GETs from memory and refuses everything else."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aigw_operator.kinds import CHILDREN, GATEWAY, Kind
from unit.operator.applied import selected

KINDS = (GATEWAY, *CHILDREN)


class ApiServer:
    """`bodies` it has; `lacks`, `forbids`: kinds. `answers`: a status for everything, such as 401."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.lacks: set[str] = {"PodMonitor", "HTTPRoute"}
        self.forbids: set[str] = set()
        self.answers: int | None = None
        self.raw: bytes | None = None
        self.methods: set[str] = set()
        self.url = ""
        self.ca_file = ""

    def kubeconfig(self, folder: Path, namespace: str = "") -> Path:
        file = folder / "kubeconfig"
        context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
        authority = {"certificate-authority": self.ca_file} if self.ca_file else {}
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "there",
            "clusters": [{"name": "c", "cluster": {"server": self.url, **authority}}],
            "users": [{"name": "u", "user": {"token": "hunter2"}}],
            "contexts": [{"name": "there", "context": context}],
        }))  # fmt: skip
        return file

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        if self.answers is not None:
            return self.answers, {"kind": "Status", "message": "Unauthorized"}
        for kind in KINDS:
            if path == f"/apis/{kind.api_version}":
                known = [k for k in KINDS if k.api_version == kind.api_version and k.kind not in self.lacks]
                return (200, {"resources": [{"name": k.plural} for k in known]}) if known else (404, {})
            parts = path.split("/")
            if kind.plural in parts and path.startswith(kind.path("").rpartition("/")[0]):
                return self._objects(kind, parts, query)
        return 404, {"message": "404 page not found"}

    def _objects(self, kind: Kind, parts: list[str], query: Mapping[str, list[str]]) -> tuple[int, Any]:
        if kind.kind in self.lacks:
            return 404, {"message": "404 page not found"}
        if kind.kind in self.forbids:
            return 403, {"message": f'{kind.plural} is forbidden: User "u" cannot list resource'}
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        name = parts[-1] if parts[-1] != kind.plural else query.get("fieldSelector", ["="])[0].partition("=")[2]
        found = selected(self.bodies, kind, namespace, name, query.get("labelSelector", [""])[0])
        if parts[-1] == kind.plural:
            return 200, {"items": found}
        return (200, found[0]) if found else (404, {"message": "not found"})


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that does not believe the certificate is no news."""


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[ApiServer]:
    server = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.methods.add("GET")
            address = urlsplit(self.path)
            status, body = server.answer(address.path, parse_qs(address.query))
            content = server.raw if server.raw is not None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _write(self) -> None:
            server.methods.add(self.command)
            self.send_error(405)

        do_POST = do_PUT = do_PATCH = do_DELETE = _write  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    http = _Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
    yield server
    http.shutdown()
    http.server_close()
