# SPDX-License-Identifier: Apache-2.0
"""Child processes of `aigw up`: each on sockets that the parent holds, each gone when the parent is.

Because the parent keeps the listening socket, a service that is restarted loses no request: connections wait in the
socket's queue.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from aigw_kit.serve import bind

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 4.0
RESTART_SECONDS = 1.0


class StartFailed(Exception):
    """A service did not become ready; the message holds its last words."""


class Service:
    """One child. `arguments`: what follows `python -m`. `log`: where its output goes; None: to our own."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None,
        listener: socket.socket | None = None,
        metrics: socket.socket | None = None,
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self.listener = listener or bind(LOOPBACK, 0)
        self.metrics = metrics or bind(LOOPBACK, 0)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def url(self) -> str:
        return _url(self.listener)

    @property
    def metrics_url(self) -> str:
        return f"{_url(self.metrics)}/metrics"

    def start(self, lifeline: int) -> None:
        """`lifeline`: the reading end of a pipe whose writing end only this process has."""
        fds = (self.listener.fileno(), self.metrics.fileno(), lifeline)
        names = ("AIGW_LISTEN_FD", "AIGW_METRICS_FD", "AIGW_LIFELINE_FD")
        environment = {**self._environment, **dict(zip(names, map(str, fds), strict=True))}
        output = self._log.open("ab") if self._log else None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                env=environment,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,  # Ctrl-C is for the parent, which stops the children in order
            )
        finally:
            if output is not None:
                output.close()
        self._started = time.monotonic()

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def keep_running(self, lifeline: int) -> bool:
        """Start again if it ended; True if it did. At most once a second."""
        if not self.ended() or time.monotonic() - self._started < RESTART_SECONDS:
            return False
        self.start(lifeline)
        return True

    def ready(self) -> bool:
        try:
            with _open(f"{self.url}/readyz") as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def last_words(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else ""

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Until it ended; killed after `seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.listener.close()
        self.metrics.close()


def wait_ready(services: Sequence[Service], seconds: float) -> None:
    """Raises StartFailed when one ends or is not ready in time."""
    deadline = time.monotonic() + seconds
    waiting = list(services)
    while waiting:
        for service in waiting:
            if service.ended():
                raise StartFailed(f"the service {service.name} ended: {service.last_words() or 'without a word'}")
        waiting = [service for service in waiting if not service.ready()]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(service.name for service in waiting)
            raise StartFailed(f"not ready after {seconds:g} s: {names} ({waiting[0].last_words()})")
        if waiting:
            time.sleep(0.03)


def stop(services: Sequence[Service]) -> None:
    """All at once, within STOP_SECONDS."""
    for service in services:
        service.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for service in services:
        service.wait(deadline - time.monotonic())
        service.close()


def child_environment(extra: Mapping[str, str], hidden: Sequence[str]) -> dict[str, str]:
    """Our environment without AIGW_ settings that are not for the children and without secrets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIGW_") and k not in hidden}
    return kept | dict(extra)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - what is bound to all is reached at loopback
        host = LOOPBACK
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _open(url: str) -> "urllib.request._UrlopenRet":
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(url, timeout=1.0)
