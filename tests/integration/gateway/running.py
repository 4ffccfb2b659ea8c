# SPDX-License-Identifier: Apache-2.0
"""Starting a gateway with `aigw up`, and looking into it.

with RunningGateway(folder, manifest) as gateway:
    httpx.post(f"{gateway.url}/v3/code/completions", headers=gateway.headers, json=...)
    assert "router" in gateway.logs()
"""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.01
ELSEWHERE = re.compile(r"(?i)AIGW_.*|.*_PROXY|ANTHROPIC_.*|OPENAI_.*|GOOGLE_.*")
"""What the environment of whoever runs the tests must not bring in."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""All is plain here; to load the trusted certificates for each client would take longer than its requests."""

Documents = Sequence[Mapping[str, Any]]
Measured = Callable[[str, float], None]
"""The fixture `measured`: keeps a number under a name."""


def write_manifest(path: Path, documents: Documents) -> Path:
    """Write the documents, in one step, as one YAML file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return fresh.replace(path)


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """For an `aigw` whose state and temporary files all stay in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not ELSEWHERE.fullmatch(name)}
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return kept | {"XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder / "tmp")} | dict(extra or {})


def aigw(folder: Path, *arguments: str, timeout: float = 30.0) -> "subprocess.CompletedProcess[str]":
    """Run the `aigw` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "aigw_standalone", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something; how long it took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


def fetch(url: str) -> httpx.Response:
    """One GET, without a token."""
    return httpx.get(url, trust_env=False, verify=NO_TLS)


class RunningGateway:
    """An `aigw up` process, while its context is open. `documents`: its manifest; none for the built-in one."""

    def __init__(
        self,
        folder: Path,
        documents: Documents = (),
        *,
        arguments: Sequence[str] = (),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.manifest = folder / "gateway.yaml"
        self._documents = documents
        self._arguments = arguments
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.started_in = 0.0

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def pid(self) -> int:
        return int(self.ready["pid"])

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready.json"

    @property
    def run_directory(self) -> Path:
        """Where its keys, tables and logs are."""
        state = json.loads((self.folder / "state" / "aigw" / f"{self.pid}.json").read_bytes())
        return Path(state["issuer_key"]).parent

    def start(self) -> None:
        """Start it and wait until it is ready."""
        began = time.monotonic()
        command = [sys.executable, "-m", "aigw_standalone", "up", "--port", "0", "--metrics-port", "0"]
        command += ["--ready-file", str(self.ready_file), *self._arguments]
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._documents:
            command += ["-f", str(write_manifest(self.manifest, self._documents))]
        with (self.folder / "out.txt").open("wb") as out, (self.folder / "err.txt").open("wb") as err:
            self._process = subprocess.Popen(command, env=environment(self.folder, self._extra), stdout=out, stderr=err)
        try:
            until(lambda: self.ready_file.exists() or self._ended(), START_SECONDS, "the gateway is ready")
            assert not self._ended(), self.said()
            self.started_in = time.monotonic() - began
            self.ready = json.loads(self.ready_file.read_bytes())
            self.headers = self.mint()
        except BaseException:
            self.stop()
            raise

    def stop(self, with_signal: int = signal.SIGINT) -> float:
        """End it as Ctrl-C would; how long that took."""
        began = time.monotonic()
        if self._process is not None and not self._ended():
            self._process.send_signal(with_signal)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()  # its children follow when their lifeline breaks
                self._process.wait()
        return time.monotonic() - began

    def mint(self, *options: str) -> dict[str, str]:
        """The headers of a request with a token that `aigw token` makes."""
        done = aigw(self.folder, "token", "--json", "--gateway", self.url, *options)
        assert done.returncode == 0, done.stderr
        headers: dict[str, str] = json.loads(done.stdout)["headers"]
        return headers

    def client(self, **options: Any) -> httpx.Client:
        """A client whose requests carry a token; to be closed."""
        defaults: dict[str, Any] = {"headers": self.headers, "timeout": 20.0, "verify": NO_TLS}
        return httpx.Client(base_url=self.url, trust_env=False, **(defaults | options))

    def said(self) -> str:
        """What the command itself has printed."""
        return (self.folder / "out.txt").read_text() + (self.folder / "err.txt").read_text()

    def logs(self) -> dict[str, str]:
        """Service name -> all that it has logged so far."""
        return {path.stem: path.read_text() for path in sorted((self.run_directory / "logs").glob("*.log"))}

    def access_lines(self, service: str, request_id: str, within: float = 2.0) -> list[dict[str, Any]]:
        """The access log lines of one request, waited for, as they are written with a small delay."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            lines = self.logs()[service].splitlines()
            found[:] = [line for line in map(json.loads, lines) if line.get("request_id") == request_id]
            return any(line["logger"] == "access" for line in found)

        until(look, within, f"{service} has logged request {request_id}")
        return [line for line in found if line["logger"] == "access"]

    def pids(self) -> dict[str, int]:
        """Service name -> process id."""
        return {name: pid for pid in children(self.pid) if (name := _service(pid))}

    def metric(self, name: str, service: str = "router") -> float:
        """The value of a metric without labels."""
        text = fetch(self.ready["services"][service]["metrics_url"]).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.split(" ")[0] == name)

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def children(pid: int) -> list[int]:
    """Processes that this one has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether the process runs (one that waits to be buried does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files(pid: int) -> int:
    """How many file descriptors a process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    """The memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _service(pid: int) -> str:
    """The service that a process is; empty for one that has just ended, or that has not begun to be one."""
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    match words[words.index("-m") + 1 :] if "-m" in words else []:
        case ["aigw_providers", name]:
            return f"provider-{name}"
        case ["aigw_auth" | "aigw_router" as module]:
            return module.removeprefix("aigw_")
    return ""
