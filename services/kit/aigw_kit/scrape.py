# SPDX-License-Identifier: Apache-2.0
"""The metrics port: Prometheus' own WSGI app on a socket that is bound already, in a daemon thread."""

import socket
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import REGISTRY, make_wsgi_app


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds a scraper may be silent

    def log_message(self, *_: object) -> None:
        pass


def serve_metrics(listener: socket.socket) -> None:
    """Answer scrapes on `listener` until the process ends."""
    host, port = listener.getsockname()[:2]
    server = _Server((host, port), _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = host, port
    server.setup_environ()
    server.set_app(make_wsgi_app(REGISTRY))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
