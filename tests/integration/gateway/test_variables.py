# SPDX-License-Identifier: Apache-2.0
"""`aigw up` with nothing but variables of GitLab's image: real processes, a real issuer, the scripted upstream."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from aigw_standalone.cli import main
from gateway import objects
from gateway.asking import CODE, PROXY, completion, envelope, proxied
from gateway.running import ELSEWHERE, NO_TLS, RunningGateway, environment, fetch, until, write_manifest
from integration.auth.issuer import Issuer, serving
from unit.auth.making import AUDIENCE, INSTANCE, USER, pem, rsa_key, token
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "Dockerfile"
KEY = pem(rsa_key("signing")).decode()
SOMEBODY = 65532  # a user that this machine knows nothing of


@pytest.fixture(scope="module")
def gitlab() -> Iterator[Issuer]:
    with serving() as host:
        yield host.issuer("gitlab", "a")


@pytest.fixture(scope="module")
def variables(gitlab: Issuer, running_upstream_process: RunningUpstream) -> dict[str, str]:
    return {
        "AIGW_GITLAB_URL": f"{gitlab.url}/",
        "AIGW_GITLAB_API_URL": f"{gitlab.url}/api/v4/",
        "AIGW_CUSTOMER_PORTAL_URL": "",
        "AIGW_CUSTOM_MODELS__DISABLE_STREAMING": "true",
        "ANTHROPIC_API_KEY": objects.KEYS["anthropic"],
        "ANTHROPIC_BASE_URL": f"{running_upstream_process.url}/anthropic",
        "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": KEY.replace("\n", "\\n"),
        "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY": pem(rsa_key("validation")).decode(),
        "AIGW_FASTAPI__API_PORT": "65535",
        "AIGW_LOGGING__LEVEL": "debug",
    }


@pytest.fixture(scope="module")
def running(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with RunningGateway(tmp_path_factory.mktemp("variables"), extra=variables) as found:
        yield found


def presented(bearer: str) -> dict[str, str]:
    """What GitLab and its users' editors send."""
    return {
        "Authorization": f"Bearer {bearer}",
        "X-Gitlab-Authentication-Type": "oidc",
        "X-Gitlab-Realm": "self-managed",
        "X-Gitlab-Instance-Id": INSTANCE,
        "X-Gitlab-Global-User-Id": USER,
    }


def user_token(key: str) -> str:
    """As the gateway itself makes them, signed with the key of that name."""
    return token(rsa_key(key), kid=None, iss=AUDIENCE, aud=AUDIENCE, sub=USER, gitlab_instance_id=INSTANCE)


def complete(url: str, bearer: str, **beside: Any) -> httpx.Response:
    body = envelope(completion()) | beside
    return httpx.post(url + CODE, headers=presented(bearer), json=body, timeout=20, trust_env=False, verify=NO_TLS)


def ask_claude(url: str, bearer: str) -> httpx.Response:
    """Through the proxy, which user tokens may use."""
    path, headers, body = proxied("anthropic", "claude-x")
    return httpx.post(url + path, headers=presented(bearer) | headers, json=body, trust_env=False, verify=NO_TLS)


class TestServing:
    def test_a_gitlab_gets_a_completion(
        self, running: RunningGateway, gitlab: Issuer, upstream: RunningUpstream
    ) -> None:
        answer = complete(running.url, gitlab.token("a"))
        assert (answer.status_code, answer.json()["choices"][0]["text"]) == (
            200,
            "Hello from claude-sonnet-4-20250514.",
        )
        (seen,) = upstream.requests()
        assert (seen["provider"], seen["headers"]["x-api-key"]) == ("anthropic", objects.KEYS["anthropic"])

    def test_nobody_else_does(self, running: RunningGateway, gitlab: Issuer) -> None:
        for bearer in (gitlab.token("b"), gitlab.token("a", iss="https://gitlab.example.com"), user_token("signing")):
            assert complete(running.url, bearer).status_code in (401, 403)

    @pytest.mark.parametrize(("key", "status"), [("signing", 200), ("validation", 200), ("another", 401)])
    def test_user_tokens_are_judged_by_the_given_keys(self, running: RunningGateway, key: str, status: int) -> None:
        assert ask_claude(running.url, user_token(key)).status_code == status

    def test_user_tokens_are_signed_with_the_given_key(self, running: RunningGateway) -> None:
        assert (running.run_directory / "signing.pem").read_text().strip() == KEY.strip()
        with running.client(headers=running.mint("--user", "someone")) as client:
            path, headers, body = proxied("anthropic", "claude-x")
            assert path.startswith(PROXY)
            assert client.post(path, headers=headers, json=body).status_code == 200

    def test_the_command_line_comes_before_the_variables(self, running: RunningGateway) -> None:
        assert not running.url.endswith(":65535")

    def test_the_log_level_reaches_the_services(self, running: RunningGateway) -> None:
        environ = Path(f"/proc/{running.pids()['router']}/environ").read_text().split("\0")
        assert "AIGW_LOG_LEVEL=DEBUG" in environ

    def test_the_start_says_what_is_ignored(self, running: RunningGateway) -> None:
        said = running.said()
        assert "made from  AIGW_GITLAB_URL, ANTHROPIC_API_KEY, " in said
        assert re.search(r"^ignored: AIGW_CUSTOM_MODELS__DISABLE_STREAMING \(.+\)$", said, re.MULTILINE)
        assert re.search(r"^ignored: AIGW_GITLAB_API_URL \(.+\)$", said, re.MULTILINE)

    def test_secrets_are_shown_to_nobody(self, running: RunningGateway, variables: dict[str, str]) -> None:
        told = [running.said(), *running.logs().values()]
        told += [Path(f"/proc/{pid}/environ").read_text() for pid in running.pids().values()]
        told += [path.read_text() for path in running.run_directory.glob("*.json")]
        lines = [pem(rsa_key(name)).decode().splitlines()[5] for name in ("signing", "validation")]
        for secret in (variables["ANTHROPIC_API_KEY"], *lines):
            assert [text for text in told if secret in text] == []


class TestModelsThatGitlabNames:
    """With the address of a GitLab and nothing else, as GitLab's own image is started."""

    def metadata(self, upstream: RunningUpstream) -> dict[str, str]:
        identifier = "custom_openai/mistral-x"
        return {
            "provider": "litellm",
            "name": "mistral",
            "endpoint": f"{upstream.url}/vllm/v1",
            "identifier": identifier,
        }

    def test_they_are_called_but_on_the_machine_itself(
        self, gitlab: Issuer, upstream: RunningUpstream, tmp_path: Path
    ) -> None:
        alone = {"AIGW_GITLAB_URL": gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": ""}
        with RunningGateway(tmp_path, extra=alone) as running:
            assert "providers  custom (OpenAICompatible)" in running.said()
            assert '"model_metadata": {"provider": "litellm"' in running.said(), "the request to try it names a model"
            assert "AIGW_CUSTOM_MODELS__ENDPOINTS=" in running.said()
            answer = complete(running.url, gitlab.token("a"), model_metadata=self.metadata(upstream))
            assert (answer.status_code, answer.json()["reason"]) == (403, "model_endpoint_not_allowed")
            answer = complete(running.url, gitlab.token("a"))
            assert (answer.status_code, answer.json()["reason"]) == (422, "no_such_model")

    def test_addresses_that_are_named_are_called_and_no_others(
        self, gitlab: Issuer, upstream: RunningUpstream, tmp_path: Path
    ) -> None:
        narrowed = {"AIGW_GITLAB_URL": gitlab.url, "AIGW_CUSTOM_MODELS__ENDPOINTS": f"{upstream.url}/vllm/v1"}
        with RunningGateway(tmp_path, extra=narrowed) as running:
            assert "AIGW_CUSTOM_MODELS__ENDPOINTS=" not in running.said()
            named = self.metadata(upstream)
            answer = complete(running.url, gitlab.token("a"), model_metadata=named)
            assert (answer.status_code, answer.json()["response"]) == (200, "Hello from mistral-x.")
            elsewhere = named | {"endpoint": "https://models.example.com/v1"}
            assert complete(running.url, gitlab.token("a"), model_metadata=elsewhere).status_code == 403


class TestAsTheImageStartsIt:
    """What the Dockerfile says, as a user whom nobody knows, without a home, with one directory to write to."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as made:
            Path(made).chmod(0o777)
            yield Path(made)

    def test_it_serves(self, folder: Path, variables: dict[str, str], gitlab: Issuer) -> None:
        ports = {"AIGW_FASTAPI__API_PORT": "0", "AIGW_FASTAPI__METRICS_PORT": "0"}
        words, environ = image()
        python, packages, user = another_user()
        environ |= {"XDG_STATE_HOME": str(folder), "TMPDIR": str(folder), **packages, **variables, **ports}
        with (folder / "out.txt").open("wb") as out:
            process = subprocess.Popen(
                [python, *words], env=environ, stdout=out, stderr=subprocess.STDOUT, cwd="/", **user
            )
        said = (folder / "out.txt").read_text
        try:
            until(lambda: "Stop with Ctrl-C." in said() or process.poll() is not None, 30, "it is ready")
            url, metrics = re.findall(r"(?:ready at|metrics   ) (http://\S+)", said())
            everywhere = url.replace("127.0.0.1", "127.0.0.2")  # reached only if it listens on all addresses
            assert complete(everywhere, gitlab.token("a")).status_code == 200
            assert Path(f"/proc/{process.pid}").stat().st_uid == user.get("user", os.geteuid())
            assert "aigw_requests_in_flight" in fetch(metrics.replace("127.0.0.1", "127.0.0.2")).text
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert "eyJ" not in said()
        assert [path.name for path in folder.iterdir() if path.name not in ("out.txt", "aigw")] == []


def image() -> tuple[list[str], dict[str, str]]:
    """What the standalone image runs, as words after Python's own, and the variables that it sets."""
    stage = DOCKERFILE.read_text().split(" AS image-standalone\n")[1].split("\nFROM ")[0]
    said = {word: json.loads(re.findall(rf"^{word} (.+)$", stage, re.MULTILINE)[0]) for word in ("ENTRYPOINT", "CMD")}
    (line,) = re.findall(r"^ENV (.+)$", stage, re.MULTILINE)
    return [*said["ENTRYPOINT"][1:], *said["CMD"]], dict(pair.split("=") for pair in line.split())


def another_user() -> tuple[str, dict[str, str], dict[str, Any]]:
    """A Python, what it needs to find our packages, and the user for it: another one, if we may and it can.

    Only root can become somebody else, who may not be let to the Python that runs this.
    """
    beside = [path for path in sys.path if "site-packages" in path or Path(path).is_relative_to(ROOT)]
    somebody: dict[str, Any] = {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": []}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}") if os.geteuid() == 0 else ():
        found = {"PYTHONPATH": os.pathsep.join(beside)}
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([python, "-c", "import aigw_router.build"], check=True, env=found, cwd="/", **somebody)
            return python, found, somebody
    return sys.executable, {}, {}


class TestFaults:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"AIGW_FASTAPI__API_PORT": "http"}, "AIGW_FASTAPI__API_PORT: input should be a valid integer"),
            ({"AIGW_GITLAB_URL": "gitlab"}, "AIGW_GITLAB_URL: input should be a valid URL"),
            (
                {"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": "s3cr3t"},
                "AIGW_SELF_SIGNED_JWT__SIGNING_KEY: not a PEM private key",
            ),
            (
                {"ANTHROPIC_API_KEY": "", "AIGW_CUSTOM_MODELS__ENABLED": "false"},
                "no provider: set ANTHROPIC_API_KEY",
            ),
            ({"AIGW_CUSTOM_MODELS__ENDPOINTS": "http://a, b"}, "AIGW_CUSTOM_MODELS__ENDPOINTS: entry 2 is not an http"),
            ({"REQUESTS_CA_BUNDLE": "/no/such.pem"}, "REQUESTS_CA_BUNDLE: /no/such.pem cannot be read"),
            ({"AIGW_PROXY_ENDPOINTS__SAAS_ENABLED": "9"}, "AIGW_PROXY_ENDPOINTS__SAAS_ENABLED: "),
        ],
    )
    def test_one_line_that_names_the_variable(
        self, tmp_path: Path, variables: dict[str, str], changes: dict[str, str], says: str
    ) -> None:
        done = up(tmp_path, variables | changes)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert done.stderr.startswith(says)
        assert "s3cr3t" not in done.stderr


def up(folder: Path, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """`aigw up` that is expected to end by itself."""
    command = [sys.executable, "-m", "aigw_standalone", "up"]
    environ = environment(folder, variables)
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)


class TestCheck:
    def check(self, variables: Mapping[str, str], *arguments: str) -> Result:
        cleared: dict[str, str | None] = {name: None for name in os.environ if ELSEWHERE.fullmatch(name)}
        return CliRunner(env={**cleared, **variables}).invoke(main, ["check", *arguments], prog_name="aigw")

    def test_the_object_can_go_into_a_file(self, variables: dict[str, str], tmp_path: Path) -> None:
        done = self.check(variables, "--environment")
        assert done.exit_code == 0
        assert "ignored: AIGW_CUSTOM_MODELS__DISABLE_STREAMING" in done.stderr
        assert "models are called at whatever address a request names" in done.stderr
        assert "requestEndpoints:\n    - '*'" in done.stdout
        assert objects.KEYS["anthropic"] not in done.output
        (tmp_path / "gateway.yaml").write_text(done.stdout)
        again = self.check({}, "-f", str(tmp_path / "gateway.yaml"))
        assert (again.exit_code, again.stdout) == (0, "ai-gateway: no fault found\n")

    def test_faults_and_json(self, variables: dict[str, str]) -> None:
        told = json.loads(self.check(variables, "--environment", "--json").stdout)
        assert (told["ok"], told["gateway"]["kind"]) == (True, "AIGateway")
        done = self.check({"AIGW_GITLAB_URL": "x"}, "--environment")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("AIGW_GITLAB_URL: ")

    def test_a_file_or_the_environment(self) -> None:
        done = self.check({}, "--environment", "-f", "x.yaml")
        assert (done.exit_code, "give a file with -f, or --environment" in done.stderr) == (2, True)


def test_a_signing_key_beside_a_file_is_used_and_followed(upstream: RunningUpstream, tmp_path: Path) -> None:
    documents = objects.manifest(objects.providers(upstream.url)[:1], [], {})
    documents[0]["spec"]["keys"] = {"signing": {"name": "user-tokens", "key": "key"}}
    documents.append(objects.secret("user-tokens", pem(rsa_key("signing")).decode()))
    with RunningGateway(tmp_path / "keys", documents) as gateway:
        assert ask_claude(gateway.url, user_token("signing")).status_code == 200
        documents[-1] = objects.secret("user-tokens", pem(rsa_key("next")).decode())
        write_manifest(gateway.manifest, documents)
        until(lambda: ask_claude(gateway.url, user_token("next")).status_code == 200, 10, "the new key is in use")
