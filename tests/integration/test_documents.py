# SPDX-License-Identifier: Apache-2.0
"""Every command that README and the examples show is run, in the order in which a reader would.

`aigw up` and `make up` go on in the background (on free ports); all else must end with exit code 0. Model servers and
providers are the scripted upstream: endpoints and keys in a copy of the example are changed to its own.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from upstream.running import RunningUpstream, running_upstream

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("examples/[0-9]*/README.md"))]

ELSEWHERE = {
    "make test": "it is what runs this test",
    "make check": "CI runs it before the tests",
    "make bench": "tests/bench runs it with small numbers",
}
"""Commands that are not run here, and where they are."""


def commands(document: str) -> list[str]:
    text = (ROOT / document).read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and line not in ELSEWHERE]


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningUpstream]:
    with running_upstream() as running:
        yield running


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_a_document_work(document: str, upstream: RunningUpstream, tmp_path: Path) -> None:
    reader = Reader(directory(document, upstream, tmp_path), tmp_path)
    try:
        for command in commands(document):
            reader.run(command)
    finally:
        reader.stop()
    assert commands(document), f"{document} shows no command"


def test_commands_that_run_elsewhere_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {command.removeprefix("make ") for command in ELSEWHERE} <= targets


def directory(document: str, upstream: RunningUpstream, tmp_path: Path) -> Path:
    """Where the reader stands: the repository for README, else a copy of the example that meets the upstream."""
    source = (ROOT / document).parent
    if source == ROOT:
        return ROOT
    copy = tmp_path / source.name
    shutil.copytree(source, copy)
    manifest = copy / "gateway.yaml"
    text = manifest.read_text().replace("http://127.0.0.1:8000/v1", f"{upstream.url}/vllm/v1")
    for kind, name in (("Anthropic", "anthropic"), ("OpenAI", "openai/v1")):
        text = re.sub(rf"type: {kind}\n", f"type: {kind}\n      endpoint: {upstream.url}/{name}\n", text)
    for name in ("anthropic", "openai"):
        text = text.replace(f"{name}: replace-me", f"{name}: test-{name}-key")
    manifest.write_text(text)
    return copy


class Reader:
    """Someone who types the commands, with one gateway running at a time."""

    def __init__(self, directory: Path, tmp_path: Path) -> None:
        self._directory = directory
        self._ready = tmp_path / "ready.json"
        self._log = tmp_path / "up.log"
        self._gateway: subprocess.Popen[bytes] | None = None
        elsewhere = ("AIGW_", "ANTHROPIC_", "OPENAI_", "MAKE", "MFLAGS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self._environment = kept | {"PATH": path, "XDG_STATE_HOME": str(tmp_path / "state")}

    def run(self, command: str) -> None:
        words = shlex.split(command)
        if words[:2] in (["aigw", "up"], ["make", "up"]):
            self._up(words)
            return
        done = subprocess.run(
            words, cwd=self._directory, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip(), f"{command} says nothing"

    def _up(self, words: list[str]) -> None:
        self.stop()
        more = ["--port", "0", "--metrics-port", "0", "--ready-file", str(self._ready)]
        words = [*words, f"ARGS={shlex.join(more)}"] if words[0] == "make" else words + more
        with self._log.open("wb") as log:
            self._gateway = subprocess.Popen(
                words, cwd=self._directory, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while not self._ready.exists():
            assert self._gateway.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._gateway is not None:
            os.killpg(self._gateway.pid, signal.SIGINT)
            self._gateway.wait(10)
            self._gateway = None
