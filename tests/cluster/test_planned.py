# SPDX-License-Identifier: Apache-2.0
"""`aigw plan` beside what the operator then does: the objects that it writes, the pods that restart."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aigw_operator.drift import STAMP
from aigw_operator.kinds import CHILDREN, Kind
from cluster import kube
from cluster.conftest import Issuer, manifest

pytestmark = pytest.mark.cluster

KINDS = tuple(kind for kind in CHILDREN if not kind.optional)
READER = "plan-reader"

ECHO, SECOND = {"name": "echo", "type": "Echo"}, {"name": "second", "type": "Echo"}
MODEL, MORE = {"name": "echo", "provider": "echo", "id": "echo"}, {"name": "more", "provider": "second", "id": "more"}

EDITS: list[tuple[str, dict[str, Any], dict[str, set[str]]]] = [
    ("a table", {"models": [{"name": "echo", "provider": "echo", "id": "echo--pace-1"}]}, {"re-reads": {"router"}}),
    ("the router's pods", {"workloads": {"router": {"annotations": {"a": "1"}}}}, {"restarts": {"router"}}),
    ("and back", {"workloads": {}}, {"restarts": {"router"}}),
    ("more pods", {"workloads": {"auth": {"replicas": 3}}}, {"scales": {"auth"}}),
    ("a provider more", {"providers": [ECHO, SECOND], "models": [MODEL, MORE]}, {"starts": {"provider-second"}}),
    ("and away", {"providers": [ECHO], "models": [MODEL]}, {"stops": {"provider-second"}, "re-reads": {"router"}}),
]
"""Each follows the one before it: what it sets, and the parts that it touches."""


def plan(body: dict[str, Any], folder: Path, *options: str, code: int = 0, kubeconfig: Path | None = None) -> str:
    """What the command says: its output, or its faults where the exit code is 2."""
    file = folder / "gateway.json"
    file.write_text(json.dumps(body))
    chosen = ("--kubeconfig", str(kubeconfig or os.environ["AIGW_TEST_KUBECONFIG"]))
    words = [sys.executable, "-m", "aigw_standalone", "plan", "-f", str(file), *chosen, *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code == 2 else done.stdout


def stamps(namespace: str, gateway: str) -> dict[tuple[str, str], str]:
    """What the operator stated last, of everything that the gateway has."""
    kinds = ",".join(kind.plural for kind in KINDS)
    items = kube.get(kinds, "-n", namespace, "-l", f"app.kubernetes.io/instance={gateway}")["items"]
    ours = [o for o in items if STAMP in o["metadata"].get("annotations", {})]
    return {(o["kind"], o["metadata"]["name"]): o["metadata"]["annotations"][STAMP] for o in ours}


def templates(namespace: str, gateway: str) -> dict[str, str]:
    """Part -> the hash of its newest pods: another one means a restart."""
    found = kube.get("replicasets", "-n", namespace, "-l", f"app.kubernetes.io/instance={gateway}")["items"]
    newest = sorted(found, key=lambda o: int(o["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
    labels = [o["metadata"]["labels"] for o in newest]
    return {of["app.kubernetes.io/component"]: of["pod-template-hash"] for of in labels}


def apply(body: dict[str, Any], namespace: str, gateway: str) -> None:
    """And wait until the operator has applied it and has removed what is wanted no more, and all of that is seen."""
    kube.apply(body)
    generation = kube.get("aigateway", gateway, "-n", namespace)["metadata"]["generation"]

    def seen() -> bool:
        status = kube.get("aigateway", gateway, "-n", namespace).get("status", {})
        left = [c for c in status.get("conditions", []) if "what is left of" in c["message"]]
        found = kube.get("deployments", "-n", namespace, "-l", f"app.kubernetes.io/instance={gateway}")["items"]
        observed = [o.get("status", {}).get("observedGeneration", 0) == o["metadata"]["generation"] for o in found]
        return status.get("appliedGeneration", 0) >= generation and not left and all(observed)

    kube.until("the edit is applied", seen, 150)


def test_what_is_applied_needs_no_change_and_a_look_writes_nothing(
    namespace: str, issuer: Issuer, gateway: str, tmp_path: Path
) -> None:
    before = stamps(namespace, gateway)
    said = plan(manifest(gateway, namespace, issuer), tmp_path, "--exit-code")
    assert f"Nothing changes: {len(before)} objects are as they should be." in said
    assert "Note" not in said
    assert stamps(namespace, gateway) == before


def test_the_operator_does_what_the_plan_says(namespace: str, issuer: Issuer, gateway: str, tmp_path: Path) -> None:
    body = manifest(gateway, namespace, issuer)
    for what, edit, touched in EDITS:
        body["spec"] |= copy.deepcopy(edit)
        plan(body, tmp_path, "--exit-code", code=1)
        said = json.loads(plan(body, tmp_path, "--json"))
        effects = {part["part"]: part["what"] for part in said["parts"]}
        for effect, parts in touched.items():
            assert {part for part, found in effects.items() if found == effect} == parts, what
        before, pods = stamps(namespace, gateway), templates(namespace, gateway)
        apply(body, namespace, gateway)
        after, now = stamps(namespace, gateway), templates(namespace, gateway)
        assert names(said["created"]) == set(after) - set(before), what
        assert names(said["deleted"]) == set(before) - set(after), what
        assert names(said["changed"]) == {n for n in before.keys() & after.keys() if before[n] != after[n]}, what
        restarted = {part for part, found in effects.items() if found == "restarts"}
        assert {part for part in pods.keys() & now.keys() if pods[part] != now[part]} == restarted, what
        assert "Nothing changes" in plan(body, tmp_path, "--exit-code"), what


def names(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(o["kind"], o["name"]) for o in objects}


def test_drift_is_seen(namespace: str, issuer: Issuer, gateway: str, tmp_path: Path) -> None:
    """The tag is another one than the operator's: as it would be after an upgrade."""
    said = plan(manifest(gateway, namespace, issuer), tmp_path, "--image-tag", "other")
    image = f"{kube.IMAGE}router"
    assert f"spec.template.spec.containers[0].image: {image}:{kube.TAG} → {image}:other" in said
    assert "  router: restarts:\n" in said


def test_a_gateway_that_is_not_there_is_new(namespace: str, issuer: Issuer, tmp_path: Path) -> None:
    said = json.loads(plan(manifest("us", namespace, issuer), tmp_path, "--json"))
    assert said["gateway"]["new"]
    assert ("Deployment", "us-router") in names(said["created"])
    assert {part["what"] for part in said["parts"]} == {"starts"}
    assert said["changed"] + said["deleted"] == []


def test_deployment_cannot_be_changed(namespace: str, issuer: Issuer, gateway: str, tmp_path: Path) -> None:
    body = manifest(gateway, namespace, issuer)
    body["spec"]["deployment"] = "SelfManaged"
    assert "make a new AIGateway beside this one" in plan(body, tmp_path, code=2)


def test_who_may_only_read_and_no_secrets(namespace: str, issuer: Issuer, gateway: str, tmp_path: Path) -> None:
    kubeconfig = reader(namespace, tmp_path)
    body = manifest(gateway, namespace, issuer)
    said = plan(body, tmp_path, "--exit-code", kubeconfig=kubeconfig)
    assert "Nothing changes" in said
    assert "Note: Secret objects may not be read by you" in said
    kube.kubectl("delete", "rolebinding", READER, "-n", namespace)
    kube.until("the right is gone", lambda: "no" in _may_read(kubeconfig, namespace), 30)
    said = plan(body, tmp_path, code=2, kubeconfig=kubeconfig)
    assert "forbidden" in said
    assert len(said.splitlines()) == 1


def _may_read(kubeconfig: Path, namespace: str) -> str:
    words = ["kubectl", "--kubeconfig", str(kubeconfig), "auth", "can-i", "get", "aigateways.aigateway.dev"]
    return subprocess.run([*words, "-n", namespace], capture_output=True, text=True, timeout=60, check=False).stdout


def reader(namespace: str, folder: Path) -> Path:
    """A kubeconfig of somebody with the rights that docs/operator.md names, and no others."""
    where = ("-n", namespace)
    listed = [rule(kind, "list") for kind in KINDS if kind.kind != "Secret"]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": READER, "namespace": namespace},
        "rules": [*listed, {"apiGroups": ["aigateway.dev"], "resources": ["aigateways"], "verbs": ["get"]}],
    }
    kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": READER, "namespace": namespace}})
    kube.apply(role)
    kube.kubectl("create", "rolebinding", READER, f"--role={READER}", f"--serviceaccount={namespace}:{READER}", *where)
    token = kube.kubectl("create", "token", READER, *where).strip()
    config = json.loads(kube.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    for user in config["users"]:
        user["user"] = {"token": token}
    file = folder / "reader"
    file.write_text(json.dumps(config))
    return file


def rule(kind: Kind, verb: str) -> dict[str, list[str]]:
    return {"apiGroups": [kind.api_version.rpartition("/")[0]], "resources": [kind.plural], "verbs": [verb]}
