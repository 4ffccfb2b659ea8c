# SPDX-License-Identifier: Apache-2.0
"""What is measured, each started as its users start it: nginx as one hop, and the gateway by `aigw up`."""

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aigw_standalone import tokens
from bench.cpu import pinned

TESTS = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
KEY = "test-anthropic-key"
ANTHROPIC_HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}

NGINX = """\
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {home}/access.log;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  client_body_buffer_size 64k;
  keepalive_requests 1000000000;
  upstream up {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{ proxy_pass http://up; }}
    location /streamed/ {{ proxy_buffering off; proxy_pass http://up/; }}
  }}
}}
"""


class Running(NamedTuple):
    url: str
    pid: int
    headers: Mapping[str, str] = {}  # that its requests must carry


@contextlib.contextmanager
def process(
    command: Sequence[str], core: set[int], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core (as its children are), ended with the context."""
    paths = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": paths, **environment}
    with log.open("wb") as output, pinned(core):
        started = subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextlib.contextmanager
def responder(core: set[int], home: Path, chunks: int, size: int, pace_ms: float) -> Iterator[Running]:
    """The upstream of everything."""
    ready, log = home / "responder.json", home / "responder.log"
    script = [f"--chunks={chunks}", f"--size={size}", f"--pace-ms={pace_ms}", f"--ready-file={ready}"]
    with process([sys.executable, "-m", "bench.responder", *script], core, {}, log) as started:
        told = _when_ready(started, ready, log)
        yield Running(told["url"], started.pid)


def nginx_path() -> str | None:
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def nginx(path: str, upstream: Running, core: set[int], home: Path) -> Iterator[Running]:
    """One worker, keep-alive to the upstream, access log on; /streamed/ is passed on without buffering."""
    port = free_port()
    settings = NGINX.format(home=home, upstream=upstream.url.removeprefix("http://"), port=port)
    if os.geteuid() == 0:
        settings = f"user {getpass.getuser()};\n" + settings  # else its worker could not enter the directory
    (home / "nginx.conf").write_text(settings)
    with process([path, "-p", str(home), "-c", str(home / "nginx.conf")], core, {}, home / "nginx.log") as started:
        when_listening(started, port, home / "nginx.log")
        yield Running(f"http://127.0.0.1:{port}", started.pid, ANTHROPIC_HEADERS)


@contextlib.contextmanager
def gateway(model: str, upstream: Running, core: set[int], home: Path) -> Iterator[Running]:
    """The three services as `aigw up` starts them, with all their defaults: auth, metrics, access log."""
    ready, log, manifest = home / "ready.json", home / "aigw.log", home / "gateway.yaml"
    manifest.write_text("\n---\n".join(json.dumps(document) for document in _manifest(model, upstream.url)))
    command = [sys.executable, "-m", "aigw_standalone", "up", "-f", str(manifest), "--port=0", "--metrics-port=0"]
    command += ["--ready-file", str(ready)]
    with process(command, core, {"XDG_STATE_HOME": str(home)}, log) as started:
        told = _when_ready(started, ready, log)
        headers = tokens.headers(tokens.Wanted(), told["token"])
        yield Running(told["url"], started.pid, headers | {"anthropic-version": "2023-06-01"})


def _manifest(model: str, upstream: str) -> list[dict[str, Any]]:
    secret = {"name": "anthropic", "key": "api-key"}
    provider = {"name": "anthropic", "type": "Anthropic", "endpoint": upstream, "credentials": {"secretRef": secret}}
    spec = {
        "deployment": "SelfManaged",
        "providers": [provider],
        "models": [{"name": "claude", "provider": "anthropic", "id": model}],
        "features": {"codeCompletions": {"timeout": "20s", "models": [{"name": "claude"}]}},
    }
    return [
        {
            "apiVersion": "aigateway.dev/v1alpha1",
            "kind": "AIGateway",
            "metadata": {"name": "bench"},
            "spec": spec,
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "anthropic"}, "stringData": {"api-key": KEY}},
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def when_listening(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Raises RuntimeError when the process ends, or does not listen in time."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        _still_starting(started, deadline, log)


def _when_ready(started: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        _still_starting(started, deadline, log)
    told: dict[str, Any] = json.loads(ready.read_text())
    return told


def _still_starting(started: subprocess.Popen[bytes], deadline: float, log: Path) -> None:
    if started.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError(f"{started.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")
    time.sleep(0.02)
