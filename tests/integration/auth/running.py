# SPDX-License-Identifier: Apache-2.0
"""A real auth service in a process of its own, on sockets that were bound before it began."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from aigw_contract.decisions import Credentials, Decision
from aigw_contract.table import AuthSettings, IssuerTrust
from aigw_kit.serve import bind
from integration.auth.issuer import Issuer
from unit.auth.making import credentials

KEY = "the-internal-key-of-these-tests"


class Service:
    """Calls to a running auth service. `home` holds its files, among them what it wrote to stdout."""

    def __init__(self, home: Path, url: str, metrics_url: str) -> None:
        self.home = home
        self.url = url
        self.metrics_url = metrics_url
        self.client = httpx.Client(base_url=url, trust_env=False, headers={"x-aigw-internal-key": KEY}, timeout=15)

    def configure(self, *issuers: IssuerTrust, **changes: Any) -> None:
        """Write the settings file, as a whole."""
        write_settings(self.home, *issuers, **changes)

    def decide(self, presented: str, **changes: str) -> Decision:
        return self.ask(credentials(presented, **changes))

    def ask(self, presented: Credentials) -> Decision:
        answered = self.client.post("/decisions", content=msgspec.json.encode(presented))
        assert answered.status_code == 200, answered.text
        return msgspec.json.decode(answered.content, type=Decision)

    def ready(self) -> tuple[bool, list[str]]:
        """Whether it is ready, and what is missing."""
        answered = self.client.get("/readyz")
        assert answered.status_code in (200, 503)
        return answered.status_code == 200, answered.json().get("missing", [])

    def metric(self, sample: str) -> float:
        """The value of a sample as it is written in the exposition, such as `name{label="x"}`; 0 if it is not there."""
        lines = httpx.get(self.metrics_url, trust_env=False).text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)

    def output(self) -> str:
        return (self.home / "stdout").read_text()


def trust(name: str, issuer: Issuer, **changes: Any) -> IssuerTrust:
    whole = {"name": name, "issuer": issuer.url, "url": issuer.url} | changes
    return IssuerTrust(**whole)


def write_settings(home: Path, *issuers: IssuerTrust, **changes: Any) -> None:
    made = home / "auth.json.new"
    made.write_bytes(msgspec.json.encode(AuthSettings(issuers=list(issuers), **changes)))
    made.replace(home / "auth.json")


@contextmanager
def running(home: Path, *issuers: IssuerTrust, env: dict[str, str] | None = None, **changes: Any) -> Iterator[Service]:
    """A service that answers. `env` is added to its environment, `changes` to its settings."""
    write_settings(home, *issuers, **changes)
    (home / "internal-key").write_text(KEY)
    listener, metrics = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    lifeline, held = os.pipe()
    service = Service(home, _url(listener), _url(metrics))
    with listener, metrics, (home / "stdout").open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", "aigw_auth"],
            env=_environment(home, listener.fileno(), metrics.fileno(), lifeline) | (env or {}),
            pass_fds=(listener.fileno(), metrics.fileno(), lifeline),
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )
    os.close(lifeline)
    try:
        until(lambda: _answers(service, process), 10)
        yield service
    finally:
        service.client.close()
        process.terminate()
        code = process.wait(10)
        os.close(held)
    assert code == 0, service.output()
    _check_output(service.output())


def until(true: Callable[[], Any], within: float = 5.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def _environment(home: Path, listen: int, metrics: int, lifeline: int) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "PYTHONWARNINGS": "error",
        "AIGW_SETTINGS_FILE": str(home / "auth.json"),
        "AIGW_INTERNAL_KEY_FILE": str(home / "internal-key"),
        "AIGW_LISTEN_FD": str(listen),
        "AIGW_METRICS_FD": str(metrics),
        "AIGW_LIFELINE_FD": str(lifeline),
        "AIGW_JWKS_RETRY_SECONDS": "0.1",
    }


def _url(listener: Any) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _answers(service: Service, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, service.output()
    try:
        return service.client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def _check_output(output: str) -> None:
    """No token, key or secret is ever written, and nothing broke unnoticed."""
    assert "eyJ" not in output
    assert KEY not in output
    assert "PRIVATE" not in output
    assert "Traceback" not in output, output
