# SPDX-License-Identifier: Apache-2.0
"""`aigw plan` against a Kubernetes API over HTTP: it only reads, and whatever is wrong is one line."""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aigw_operator import generated, pki
from aigw_operator.lives import USUAL
from aigw_standalone.cli import main
from integration.operator.api_server import ApiServer, running
from unit.contract.good import GOOD, set_at
from unit.operator.applied import NOW, UID, applied, applied_beside
from unit.operator.gateways import context
from unit.operator.test_known_facts import operator

pytestmark = pytest.mark.integration

STORED = {**GOOD, "metadata": {**GOOD["metadata"], "uid": UID, "generation": 1}}
TOLD = {"AIGW_OPERATOR_IMAGE_PREFIX": "r/aigw-", "AIGW_OPERATOR_IMAGE_TAG": "7"}
FACTS = {"image_prefix": "r/aigw-", "image_tag": "7", "operator_namespace": "ops"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ApiServer]:
    """With a gateway as its operator left it."""
    with running() as server:
        server.bodies = [copy.deepcopy(STORED), operator("aigw-operator", **TOLD), *applied(**FACTS).values()]
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        monkeypatch.setenv("HOME", str(tmp_path))
        yield server


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    def run(manifest: Any, *options: str) -> Result:
        file = tmp_path / "gateway.yaml"
        file.write_text(json.dumps(manifest))
        return CliRunner().invoke(main, ["plan", "-f", str(file), *options], prog_name="aigw")

    return run


def mend(done: Result, *words: str) -> None:
    """Exit code 2 and one line with these words."""
    assert done.exit_code == 2, done.output
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "hunter2" not in done.output


def test_nothing_changes(server: ApiServer, plan: Any) -> None:
    done = plan(GOOD, "--exit-code")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "AIGateway ai-gateway/eu in the cluster of context there"
    assert "Nothing changes: " in done.stdout
    assert "Note" not in done.stdout
    assert server.methods == {"GET"}


def test_defaults_that_the_api_server_wrote_out_are_no_change(server: ApiServer, plan: Any) -> None:
    """The operator's copy of the spec has what is stored, and that has every default."""
    auth = {**GOOD["spec"]["auth"], "audience": "gitlab-ai-gateway", "decisionCache": "60s"}
    server.bodies[0]["spec"]["auth"] = auth
    server.bodies[2:] = applied("auth", auth, **FACTS).values()
    done = plan(GOOD, "--exit-code")
    assert done.exit_code == 0, done.output


def test_an_edit(server: ApiServer, plan: Any) -> None:
    edited = set_at("spec/models/0/id", "claude-opus-4")
    done = plan(edited)
    assert done.exit_code == 0, done.output
    assert "  spec.models[0].id: claude-sonnet-4 → claude-opus-4\n" in done.stdout
    assert "  router: re-reads its table (ConfigMap eu-router), no restart\n" in done.stdout
    assert "Images, where the object names none: r/aigw-…:7, says the operator's Deployment ops/aigw" in done.stdout
    assert plan(edited, "--exit-code").exit_code == 1
    found = json.loads(plan(edited, "--json", "--exit-code").stdout)
    assert found["changes"]
    assert found["gateway"] == {"namespace": "ai-gateway", "name": "eu", "new": False}
    assert found["facts"]["image_tag"] == {"value": "7", "from": "the operator's Deployment ops/aigw-operator"}
    assert server.methods == {"GET"}


def test_options_go_before_what_is_found(server: ApiServer, plan: Any) -> None:
    done = plan(GOOD, "--image-tag", "8")
    assert "spec.template.spec.containers[0].image: r/aigw-auth:7 → r/aigw-auth:8" in done.stdout
    mend(plan(GOOD, "--pod-monitors"), "the cluster has no PodMonitor")


def test_kinds_that_the_cluster_got_are_used(server: ApiServer, plan: Any) -> None:
    server.lacks.discard("PodMonitor")
    assert "Objects: 1 created, 0 changed, 0 deleted" in plan(GOOD).stdout
    assert "  + PodMonitor eu-metrics\n" in plan(GOOD).stdout
    assert "Nothing changes" in plan(GOOD, "--no-pod-monitors").stdout


def test_without_a_look_at_the_operator_what_runs_says_it(server: ApiServer, plan: Any) -> None:
    del server.bodies[1]
    done = plan(GOOD, "--exit-code")
    assert done.exit_code == 0, done.output


def test_certificates_live_as_long_as_the_operator_is_told(server: ApiServer, plan: Any) -> None:
    """A new authority has been believed for two hours, and signs after six; or after one, as is usual."""
    lives = USUAL._replace(handover=timedelta(hours=6))
    known = context(uid=UID, lives=lives, **FACTS)
    began = NOW - timedelta(hours=2)
    authority = pki.rotated(pki.rotated(None, "x", began - USUAL.authority * 0.9), "x", began)
    before = generated.manifest(known, "eu-ca", generated._authority_values(authority))
    told = operator("aigw-operator", AIGW_OPERATOR_HANDOVER_SECONDS="21600", **TOLD)
    server.bodies[1:] = [told, *applied_beside(known, before).values()]
    done = plan(GOOD, "--exit-code")
    assert done.exit_code == 0, done.output
    server.bodies[1] = operator("aigw-operator", **TOLD)
    assert "~ Secret eu-ca" in plan(GOOD).stdout


def test_a_new_gateway(server: ApiServer, plan: Any) -> None:
    server.bodies = []
    server.lacks.add("AIGateway")
    done = plan(GOOD)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].endswith("of context there: new")
    assert "  + Deployment eu-router\n" in done.stdout
    assert "  router: starts: it is new\n" in done.stdout
    assert "Note: the cluster has no AIGateway kind yet; install the operator first\n" in done.stdout
    assert "Note: no operator is in sight" in done.stdout


def test_secrets_that_may_not_be_read_are_left_out(server: ApiServer, plan: Any) -> None:
    server.forbids = {"Secret"}
    done = plan(GOOD, "--exit-code")
    assert done.exit_code == 0, done.output
    assert "Note: Secret objects may not be read by you, so they are not compared\n" in done.stdout


def test_another_version_of_the_operator_is_told(server: ApiServer, plan: Any) -> None:
    server.bodies[1]["metadata"]["labels"]["app.kubernetes.io/version"] = "9.9.9"
    assert "Note: the operator has version 9.9.9 and this aigw " in plan(GOOD).stdout


@pytest.mark.parametrize(("own", "options", "found"), [(None, (), "team"), (None, ("-n", "x"), "x"), ("a", (), "a")])
def test_the_namespace_is_found_as_kubectl_does(
    server: ApiServer, plan: Any, tmp_path: Path, own: str | None, options: tuple[str, ...], found: str
) -> None:
    server.kubeconfig(tmp_path, "team")
    done = plan({**GOOD, "metadata": {"name": "eu", **({"namespace": own} if own else {})}}, *options)
    assert done.stdout.startswith(f"AIGateway {found}/eu ")


class TestMends:
    def test_faults_are_those_of_check(self, server: ApiServer, plan: Any) -> None:
        mend(plan(set_at("spec/models/0/provider", "nobody")), 'spec.models[0].provider: no provider "nobody"')
        done = plan(set_at("spec/models/0/provider", "nobody"), "--json")
        assert done.exit_code == 2
        assert json.loads(done.stdout)["faults"][0].startswith("spec.models[0].provider: ")

    def test_deployment_cannot_be_changed(self, server: ApiServer, plan: Any) -> None:
        mend(
            plan(set_at("spec/deployment", "Customer")),
            "spec.deployment: cannot be changed (from Regional to Customer): make a new AIGateway beside this one",
        )

    def test_two_namespaces(self, server: ApiServer, plan: Any) -> None:
        mend(plan(GOOD, "-n", "other"), "metadata.namespace: is ai-gateway, and --namespace says other")

    def test_one_that_goes(self, server: ApiServer, plan: Any) -> None:
        server.bodies[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        mend(plan(GOOD), "is being deleted")

    def test_a_name_that_somebody_has(self, server: ApiServer, plan: Any) -> None:
        theirs = {"kind": "Service", "metadata": {"name": "eu-router", "namespace": "ai-gateway"}}
        server.bodies = [copy.deepcopy(STORED), theirs]
        mend(plan(GOOD), 'the Service "eu-router" exists and is not this gateway\'s')

    def test_a_kind_that_the_cluster_lacks(self, server: ApiServer, plan: Any) -> None:
        route = {"httpRoute": {"parentRefs": [{"name": "g"}]}}
        mend(plan(set_at("spec/expose", route)), "the cluster has no HTTPRoute")

    def test_no_file(self, server: ApiServer) -> None:
        done = CliRunner().invoke(main, ["plan"], prog_name="aigw")
        assert done.exit_code == 2
        assert "give a file with -f" in done.output

    def test_no_right_to_look(self, server: ApiServer, plan: Any) -> None:
        server.forbids = {"AIGateway"}
        mend(plan(GOOD), "context there refuses: aigateways is forbidden", "ask for the right")

    def test_not_logged_in(self, server: ApiServer, plan: Any) -> None:
        server.answers = 401
        mend(plan(GOOD), "context there cannot be asked: Unauthorized")

    def test_no_kubernetes(self, server: ApiServer, plan: Any) -> None:
        server.raw = b"<html>"
        mend(plan(GOOD), "context there cannot be asked")

    def test_nobody_there(self, server: ApiServer, plan: Any, tmp_path: Path, caplog: Any) -> None:
        server.url = "http://127.0.0.1:1"
        server.kubeconfig(tmp_path)
        mend(plan(GOOD), "context there cannot be asked", "refused")
        assert not caplog.records, "libraries would write them between"

    def test_no_kubeconfig(self, plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        mend(plan(GOOD), "there is no kubeconfig", "--kubeconfig")

    def test_another_context(self, server: ApiServer, plan: Any) -> None:
        mend(plan(GOOD, "--context", "nope"), 'it has no context "nope" (known: there)')

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            "a: b",
            "contexts: 5",
            "current-context: x\ncontexts: [{}]",
            "current-context: x\ncontexts: [{name: x, context: {user: hunter2}}]",
            "users: [{name: u, user: {token: hunter2}}]",
        ],
    )
    def test_a_broken_kubeconfig(self, plan: Any, tmp_path: Path, content: str) -> None:
        (tmp_path / "broken").write_text(content)
        mend(plan(GOOD, "--kubeconfig", str(tmp_path / "broken")), "the kubeconfig", "cannot be used")
        mend(plan(GOOD, "--kubeconfig", str(tmp_path / "absent")), "the kubeconfig", "cannot be used")
