# SPDX-License-Identifier: Apache-2.0
"""A model server on this machine, which pods reach; it remembers the credentials that it was shown."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster import where

ANSWER = json.dumps({
    "id": "1", "object": "chat.completion", "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}).encode()  # fmt: skip


class Server(ThreadingHTTPServer):
    """Each connection serves one request, so that each request needs a new one."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Who does not believe the certificate leaves; nothing to be told of."""


class Upstream:
    """`keys`: the Authorization headers so far, in order. With `tls` it speaks that."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.keys: list[str] = []
        keys, scheme = self.keys, "https" if tls else "http"

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                keys.append(self.headers.get("authorization", ""))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = Server(("0.0.0.0", 0), Answering)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{scheme}://{where.host()}:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def upstream(tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    made = Upstream(tls)
    yield made
    made.server.shutdown()
    made.server.server_close()
