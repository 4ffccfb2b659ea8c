# SPDX-License-Identifier: Apache-2.0
"""Starting the scripted upstream as a process of its own, and looking into it.

with running_upstream() as upstream:          # or `async with`
    call(f"{upstream.url}/anthropic")
    assert upstream.requests()[-1]["headers"]["x-api-key"]
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from upstream.record import How

_HOME = Path(__file__).resolve().parent.parent
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.005


class RunningUpstream:
    """A scripted upstream process, while its context is open."""

    def __init__(self, *, port: int = 0, record: bool = True) -> None:
        self._arguments = ["--port", str(port), *([] if record else ["--no-record"])]
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(trust_env=False)
        self.url = ""
        self.pid = 0

    def requests(self) -> list[dict[str, Any]]:
        """The requests seen so far, oldest first."""
        found: list[dict[str, Any]] = self._client.get("/_scripted/requests").json()
        return found

    def events(self) -> list[dict[str, Any]]:
        """How giving each answer went so far, oldest first."""
        found: list[dict[str, Any]] = self._client.get("/_scripted/events").json()
        return found

    def reset(self) -> None:
        """Forget the requests and events."""
        self._client.post("/_scripted/reset").raise_for_status()

    def wait_for(self, what: How, model: str, within: float = 2.0) -> dict[str, Any]:
        """The first such event of a model, waited for. Blocks: in a coroutine use `await_event`."""
        deadline = time.monotonic() + within
        while (found := self._find(what, model)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no event {what} of {model} within {within} s")
            time.sleep(_LOOK_SECONDS)
        return found

    async def await_event(self, what: How, model: str, within: float = 2.0) -> dict[str, Any]:
        """Like `wait_for`, leaving the event loop free."""
        return await asyncio.to_thread(self.wait_for, what, model, within)

    def start(self) -> None:
        """Start the process and wait until it listens."""
        with tempfile.TemporaryDirectory() as folder:
            ready_file = Path(folder) / "ready.json"
            self._process = self._spawn(ready_file)
            ready = self._wait_ready(self._process, ready_file)
        self.url, self.pid = ready["url"], ready["pid"]
        self._client.base_url = httpx.URL(self.url)

    def stop(self) -> None:
        """Stop the process, whatever it is doing."""
        self._client.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _spawn(self, ready_file: Path) -> subprocess.Popen[bytes]:
        # The process watches its standard input, so that it ends with this one even if `stop` is never called.
        command = [sys.executable, "-m", "upstream", "--with-stdin", "--ready-file", str(ready_file), *self._arguments]
        return subprocess.Popen(command, cwd=_HOME, stdin=subprocess.PIPE)

    def _wait_ready(self, process: "subprocess.Popen[bytes]", ready_file: Path) -> dict[str, Any]:
        deadline = time.monotonic() + _START_SECONDS
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the scripted upstream did not start (exit status {process.returncode})")
            time.sleep(_LOOK_SECONDS)
        ready: dict[str, Any] = json.loads(ready_file.read_text())
        return ready

    def _find(self, what: How, model: str) -> dict[str, Any] | None:
        return next((seen for seen in self.events() if (seen["event"], seen["model"]) == (what, model)), None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def running_upstream(*, port: int = 0, record: bool = True) -> RunningUpstream:
    """A scripted upstream for the length of a `with` or `async with`."""
    return RunningUpstream(port=port, record=record)
