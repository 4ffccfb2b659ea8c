# SPDX-License-Identifier: Apache-2.0
"""The `aigw` command: starting, stopping, and telling what is wrong in one line."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from aigw_standalone.cli import main
from gateway import objects
from gateway.asking import CODE, completion, envelope, prompt
from gateway.running import Measured, RunningGateway, aigw, alive, environment, until, write_manifest
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration


def leftovers(folder: Path) -> list[Path]:
    """Files that a gateway should have taken away."""
    places = [folder / "tmp", folder / "state", folder / "ready.json"]
    return [path for place in places for path in (place, *place.rglob("*")) if path.is_file() or "aigw-" in path.name]


def in_process(*arguments: str) -> Result:
    """Run the command here, which is quicker where no gateway is started."""
    return CliRunner().invoke(main, arguments, prog_name="aigw")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """The built-in gateway."""
    with RunningGateway(tmp_path_factory.mktemp("echo")) as running:
        yield running


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[RunningGateway]:
    """Another one, to be killed."""
    with RunningGateway(tmp_path / "doomed") as running:
        yield running


class TestStartAndStop:
    def test_second_start_is_quick_and_nothing_stays(self, tmp_path: Path, measured: Measured) -> None:
        for start, with_signal in (("first", signal.SIGINT), ("second", signal.SIGTERM)):
            gateway = RunningGateway(tmp_path / start)
            with gateway:
                measured(f"{start}_start_seconds", gateway.started_in)
                assert gateway.started_in < 15
                family = [gateway.pid, *gateway.pids().values()]
                assert len(family) == 4
                assert leftovers(gateway.folder)
                stopped_in = gateway.stop(with_signal)
            measured(f"{start}_stop_seconds", stopped_in)
            assert stopped_in < 5
            assert gateway.process.returncode == 0
            assert not [pid for pid in family if alive(pid)]
            assert leftovers(gateway.folder) == []
            assert (gateway.folder / "err.txt").read_text() == ""

    def test_stop_while_requests_run(self, upstream: RunningUpstream, tmp_path: Path, measured: Measured) -> None:
        """Running requests are given a little time, but not their own. A closed terminal is a reason to stop, too."""
        model = objects.scripted("claude", "hang")
        documents = objects.manifest(
            objects.providers(upstream.url)[:1], [model], {"codeCompletions": objects.feature("60s", model["name"])}
        )
        with RunningGateway(tmp_path / "busy", documents) as gateway, gateway.client() as client:
            command = [sys.executable, "-c", f"import httpx; httpx.post({gateway.url + CODE!r}, timeout=60, "]
            command[-1] += f"headers={client.headers.raw!r}, json={envelope(prompt(model['name']))!r}, trust_env=False)"
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as asking:
                upstream.wait_for("started", model["name"], within=10)
                seconds = gateway.stop(signal.SIGHUP)
                asking.wait(5)
        measured("seconds", seconds)
        assert seconds < 5
        assert leftovers(gateway.folder) == []

    def test_banner_works_as_pasted(self, echo: RunningGateway) -> None:
        banner = (echo.folder / "out.txt").read_text()
        curl = banner[banner.index("curl ") : banner.index("\n\nproviders")]
        done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=20, check=True)
        assert json.loads(done.stdout)["choices"][0]["text"]
        for part in (echo.url, f"{echo.url}/docs", echo.ready["metrics_url"], "echo (Echo)", "Ctrl-C"):
            assert part in banner

    def test_ready_file(self, echo: RunningGateway) -> None:
        assert set(echo.ready) >= {"url", "metrics_url", "token", "pid"}
        assert echo.ready_file.stat().st_mode & 0o077 == 0
        headers = echo.headers | {"Authorization": f"Bearer {echo.ready['token']}"}
        answer = httpx.post(echo.url + CODE, headers=headers, json=envelope(completion()), trust_env=False)
        assert answer.status_code == 200

    def test_keys_are_for_their_owner_alone(self, echo: RunningGateway) -> None:
        files = [path for path in echo.run_directory.rglob("*") if path.is_file() and path.parent.name != "logs"]
        assert len(files) >= 6
        assert echo.run_directory.stat().st_mode & 0o077 == 0
        assert [path for path in files if path.stat().st_mode & 0o077] == []


class TestDeaths:
    @pytest.mark.parametrize("service", ["router", "auth", "provider-echo"])
    def test_killed_child_is_started_again(self, echo: RunningGateway, service: str) -> None:
        dead = echo.pids()[service]
        os.kill(dead, signal.SIGKILL)
        until(lambda: echo.pids().get(service, dead) != dead, 5, "it is started again")
        with echo.client() as client:
            until(lambda: _status(client) == 200, 10, "requests work again")
        assert f"The service {service} ended and was started again." in echo.said()

    def test_children_of_a_killed_parent_end(self, doomed: RunningGateway, measured: Measured) -> None:
        family = doomed.pids()
        assert set(family) == {"router", "auth", "provider-echo"}
        doomed.process.kill()
        doomed.process.wait()
        measured("seconds", until(lambda: not any(map(alive, family.values())), 10, "its children ended"))
        done = aigw(doomed.folder, "token")
        assert (done.returncode, done.stderr) == (2, "no gateway is running; start one with: aigw up\n")


class TestFaultsAtStart:
    """One clear line, exit code 2, no traceback, nothing left."""

    def assert_refused(self, folder: Path, *arguments: str, says: str) -> None:
        done = aigw(folder, "up", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1, done.stderr
        assert says in done.stderr
        assert leftovers(folder) == []

    @pytest.mark.parametrize("option", ["--port", "--metrics-port"])
    def test_port_in_use(self, tmp_path: Path, option: str) -> None:
        other = "--metrics-port" if option == "--port" else "--port"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            says = f"cannot listen on 127.0.0.1:{port}: Address already in use (choose another with {option})"
            self.assert_refused(tmp_path, option, port, other, "0", says=says)

    @pytest.mark.parametrize("port", ["65536", "-1"])
    def test_no_port(self, tmp_path: Path, port: str) -> None:
        self.assert_refused(tmp_path, "--port", port, "--metrics-port", "0", says=f"{port} is not a port")

    @pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
    def test_bad_host(self, tmp_path: Path, host: str) -> None:
        self.assert_refused(tmp_path, "--host", host, "--port", "0", "--metrics-port", "0", says="cannot listen on")

    def test_no_such_file(self, tmp_path: Path) -> None:
        path = tmp_path / "none.yaml"
        self.assert_refused(tmp_path, "-f", str(path), says=f"{path}: No such file or directory")

    def test_directory(self, tmp_path: Path) -> None:
        self.assert_refused(tmp_path, "-f", str(tmp_path), says="Is a directory")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"\xff\xfe", "not UTF-8 text"),
            (b"a: [", ":1:5: not YAML"),
            (b"\0", "not YAML"),
            (b"", "one AIGateway is needed, 0 found"),
            (b"kind: AIGateway\n---\nkind: AIGateway", "one AIGateway is needed, 2 found"),
            (b"[" * 5000, "not YAML"),
        ],
        ids=["utf-8", "yaml", "nul", "empty", "two", "deep"],
    )
    def test_not_a_manifest(self, tmp_path: Path, content: bytes, says: str) -> None:
        path = tmp_path / "gateway.yaml"
        path.write_bytes(content)
        self.assert_refused(tmp_path, "-f", str(path), says=says)

    def test_bad_object(self, tmp_path: Path) -> None:
        documents = objects.manifest([], [], {})
        documents[0]["spec"]["providers"] = [{"name": "vllm", "type": "OpenAICompatible"}]
        documents[0]["spec"]["models"] = [{"name": "m", "provider": "vllm", "id": "x"}]
        path = write_manifest(tmp_path / "gateway.yaml", documents)
        says = "spec.providers[0].endpoint: is required for OpenAICompatible"
        self.assert_refused(tmp_path, "-f", str(path), says=says)

    def test_service_that_does_not_start(self, tmp_path: Path) -> None:
        provider = {"name": "odd", "type": "nobody.Nothing"}
        models = [{"name": "odd", "provider": "odd", "id": "x"}]
        path = write_manifest(tmp_path / "gateway.yaml", objects.manifest([provider], models, {}, {}))
        says = "the service provider-odd ended"
        self.assert_refused(tmp_path, "-f", str(path), "--port", "0", "--metrics-port", "0", says=says)

    def test_ready_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "ready.json"
        arguments = ("--port", "0", "--metrics-port", "0", "--ready-file", str(path))
        done = aigw(tmp_path, "up", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert str(path) in done.stderr


class TestToken:
    def test_without_gateway(self, tmp_path: Path) -> None:
        done = aigw(tmp_path, "token")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "no gateway is running; start one with: aigw up\n"

    def test_another_gateway(self, gateway: RunningGateway) -> None:
        done = aigw(gateway.folder, "token", "--gateway", "http://127.0.0.1:1")
        assert done.returncode == 2
        assert "no gateway is running at http://127.0.0.1:1" in done.stderr

    def test_plain(self, gateway: RunningGateway) -> None:
        done = aigw(gateway.folder, "token")
        assert (done.returncode, done.stdout.count("."), done.stdout.count("\n")) == (0, 2, 1)
        with gateway.client(headers=gateway.headers | {"Authorization": f"Bearer {done.stdout.strip()}"}) as client:
            assert _status(client) == 200

    def test_json(self, gateway: RunningGateway) -> None:
        options = ("--realm", "saas", "--instance-id", "another", "--scope", "complete_code", "--ttl", "60")
        minted = json.loads(aigw(gateway.folder, "token", "--json", *options).stdout)
        assert set(minted) == {"token", "url", "headers"}
        assert minted["url"] == gateway.url
        assert minted["headers"]["X-Gitlab-Realm"] == "saas"
        with gateway.client(headers=minted["headers"]) as client:
            assert _status(client) == 200


class TestAsk:
    def test_prompt(self, gateway: RunningGateway) -> None:
        done = aigw(gateway.folder, "ask", "write a sort")
        assert (done.returncode, done.stdout, done.stderr) == (0, "Hello from claude-x.\n", "")

    def test_file(self, gateway: RunningGateway, upstream: RunningUpstream, tmp_path: Path) -> None:
        path = tmp_path / "code.py"
        path.write_text("def one():\n    return\n\ndef two(): ...\n")
        done = aigw(gateway.folder, "ask", "--file", str(path), "--line", "2")
        assert (done.returncode, done.stdout) == (0, "Hello from qwen-x.\n")
        expected = "<|fim_prefix|>def one():\n    return<|fim_suffix|>\n\ndef two(): ...\n<|fim_middle|>"
        assert upstream.requests()[0]["body"]["prompt"] == expected

    def test_refusal(self, gateway: RunningGateway, tmp_path: Path) -> None:
        (tmp_path / "empty.py").write_text("\n")
        done = aigw(gateway.folder, "ask", "--file", str(tmp_path / "empty.py"), "--line", "1")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "The editor's content is empty and there is no prompt (422 nothing_usable)\n"

    def test_streams_and_cut_streams(self, tmp_path: Path, upstream: RunningUpstream) -> None:
        models = [objects.scripted("claude", "pace-100--chunks-8"), objects.scripted("claude", "die-after-3--pace-20")]
        names = [model["name"] for model in models]
        features = {
            "codeGenerations": objects.feature("5s", names[0]),
            "codeCompletions": objects.feature("5s", names[1]),
        }
        documents = objects.manifest(objects.providers(upstream.url)[:1], models, features)
        with RunningGateway(tmp_path / "odd", documents) as gateway:
            pieces = self._arrivals(gateway, "hi")
            cut = aigw(gateway.folder, "ask", "--file", __file__, "--line", "3")
        assert b"".join(piece for piece, _ in pieces) == b"Hello from claude--pace-100--chu\n"
        assert pieces[-1][1] - pieces[0][1] > 0.5
        assert "the answer broke off: RemoteProtocolError" in cut.stderr
        assert (cut.returncode, cut.stdout[:5]) == (2, "Hello")

    def _arrivals(self, gateway: RunningGateway, asked: str) -> list[tuple[bytes, float]]:
        command = [sys.executable, "-m", "aigw_standalone", "ask", asked]
        with subprocess.Popen(command, env=environment(gateway.folder), stdout=subprocess.PIPE) as asking:
            assert asking.stdout is not None
            read = partial(os.read, asking.stdout.fileno(), 4096)
            return [(piece, time.monotonic()) for piece in iter(read, b"")]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--file", "no-such.py", "--line", "1"], "no-such.py: No such file or directory"),
            (["--file", __file__, "--line", "100000"], "there is no line 100000"),
            (["--file", sys.executable, "--line", "1"], "not UTF-8 text"),
            (["--file", __file__], "give a PROMPT, or --file together with --line"),
            ([], "give a PROMPT, or --file together with --line"),
            (["hi", "--gateway", "http://127.0.0.1:1"], "no gateway is running at http://127.0.0.1:1"),
        ],
    )
    def test_faults(
        self, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", environment(gateway.folder)["XDG_STATE_HOME"])
        done = in_process("ask", *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert says in done.stderr


class TestCheck:
    GOOD = objects.everything("http://127.0.0.1:1")

    def check(self, folder: Path, documents: Any, *options: str) -> Result:
        return in_process("check", "-f", str(write_manifest(folder / "gateway.yaml", documents)), *options)

    def test_no_fault(self, tmp_path: Path) -> None:
        done = self.check(tmp_path, self.GOOD)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "tests: no fault found\n", "")
        done = self.check(tmp_path, self.GOOD, "--json")
        assert (done.exit_code, json.loads(done.stdout)) == (0, {"ok": True, "faults": []})

    def test_faults_with_paths(self, tmp_path: Path) -> None:
        providers = objects.providers("http://127.0.0.1:1")
        models: list[dict[str, Any]] = [
            {"name": "one", "provider": "anthropic", "id": "x"},
            {"name": "two", "provider": "foo", "id": "y", "replaces": ["one"]},
            {"name": "local", "provider": "vllm", "id": "z"},
        ]
        features = {"chat": {"timeout": "5s", "models": [{"name": "one", "weight": 1}, {"name": "three"}]}}
        documents = objects.manifest([providers[0], providers[3]], models, features)
        faults = [
            'spec.models[1].provider: no provider "foo" (known: anthropic, vllm)',
            'spec.features.chat.models[1].name: no model "three" (known: local, one, two)',
            "spec.features.chat.models: give every model a weight, or none (then the order decides)",
            'spec.models[1].replaces[0]: "one" is the name of a model here, so this alias never matches',
        ]
        done = self.check(tmp_path, documents)
        assert (done.exit_code, done.stdout) == (2, "")
        assert sorted(done.stderr.splitlines()) == sorted(faults)
        done = self.check(tmp_path, documents, "--json")
        assert (done.exit_code, done.stderr) == (2, "")
        assert sorted(json.loads(done.stdout)["faults"]) == sorted(faults)

    def test_unknown_and_missing_fields(self, tmp_path: Path) -> None:
        documents = yaml.safe_load_all(yaml.safe_dump_all(self.GOOD))
        gateway, *others = documents
        gateway["spec"]["provider"] = []
        gateway["spec"]["models"][1]["weight"] = 3
        del gateway["spec"]["models"][0]["id"]
        done = self.check(tmp_path, [gateway, *others, {"kind": "ConfigMap"}])
        assert done.exit_code == 2
        for line in (
            "spec.provider: no such field",
            "spec.models[1].weight: no such field",
            "spec.models[0].id: is required",
        ):
            assert line in done.stderr.splitlines()
        assert "only AIGateway and Secret have a meaning here" in done.stderr

    def test_needs_a_file(self) -> None:
        done = in_process("check")
        assert done.exit_code == 2
        assert "give a file with -f" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("up",), ("token",), ("ask",), ("check",)], ids=" ".join)
def test_help(arguments: tuple[str, ...]) -> None:
    done = in_process(*arguments, "--help")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")


def _status(client: httpx.Client) -> int:
    with contextlib.suppress(httpx.HTTPError):
        return client.post(CODE, json=envelope(completion())).status_code
    return 0
