# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table of cases, a line each
"""What a real API server makes of the CRD and of the manifests.

The CRD is installed under a group of its own, so that gateways and an operator that may be there are not disturbed;
everything else is a dry run in a namespace that goes at the end.
"""

import copy
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aigw_contract.checks import check
from aigw_contract.gateway import AIGateway
from aigw_operator import crd
from aigw_operator.desired.context import Context
from aigw_operator.desired.objects import objects
from aigw_operator.drift import is_there
from unit.contract.good import GOOD, set_at

pytestmark = pytest.mark.cluster

GROUP = "crd-test.aigateway.dev"
NAMESPACE = f"crd-test-{os.getpid()}"
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/gateway*.yaml"))
Body = dict[str, Any]


def kubectl(*arguments: str, given: Any = None, good: bool = True) -> str:
    """What kubectl says: its output, or the refusal if `good` is false."""
    done = subprocess.run(
        ["kubectl", "--kubeconfig", os.environ["AIGW_TEST_KUBECONFIG"], *arguments],
        input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done.stdout if good else done.stderr


def elsewhere(manifest: Any) -> Any:
    """In the group and the namespace of this test."""
    text = (
        json.dumps(manifest)
        .replace('"aigateway.dev', f'"{GROUP}')
        .replace("aigateways.aigateway.dev", f"aigateways.{GROUP}")
    )
    found = json.loads(text)
    found["metadata"].pop("namespace", None)
    return found


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Iterator[None]:
    manifest = elsewhere(crd.manifest())
    manifest["spec"]["names"]["shortNames"] = []
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    try:
        kubectl(
            "create",
            "-f",
            "-",
            given={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}},
        )
        kubectl("apply", "--server-side", "-f", "-", given=manifest)
        kubectl("wait", "--for=condition=Established", f"crd/aigateways.{GROUP}", "--timeout=30s")
        yield
    finally:
        kubectl("delete", "crd", f"aigateways.{GROUP}", "--ignore-not-found")
        kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")


def create(manifest: Any, *more: str, good: bool = True) -> str:
    return kubectl("create", "-n", NAMESPACE, "-f", "-", *more, given=elsewhere(manifest), good=good)


def example(path: Path) -> Body:
    return next(d for d in yaml.safe_load_all(path.read_text()) if d["kind"] == "AIGateway")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_examples_are_accepted(path: Path) -> None:
    create(example(path), "--dry-run=server")


P, M, F = "spec/providers", "spec/models", "spec/features"
VERTEX = {"name": "vertex", "type": "VertexAI"}
NAMED = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["http://models.svc:8000/v1", "*"]}
REFUSED = [
    ("spec/colour", "red", 'unknown field "spec.colour"'),
    ("spec/deployment", "Galactic", 'spec.deployment: Unsupported value: "Galactic": supported values: "Regional", "Customer", "SelfManaged"'),
    (f"{M}/1/provider", "foo", 'spec.models: Invalid value: there is no provider "foo" in spec.providers'),
    (f"{F}/chat/models/0/name", "gpt", 'spec.features.chat.models: Invalid value: there is no model "gpt" in spec.models'),
    (f"{F}/codeCompletions/models/0/name", "gpt", 'there is no model "gpt" in spec.models'),
    (M, [], 'there is no model "'),
    ("spec/probe", {"models": ["gpt"]}, 'spec.probe.models: Invalid value: there is no model "gpt" in spec.models'),
    (f"{M}/1/name", "claude-sonnet", 'spec.models[1]: Duplicate value: {"name":"claude-sonnet"}'),
    (f"{P}/1", {"name": "anthropic", "type": "Echo"}, 'spec.providers[1]: Duplicate value: {"name":"anthropic"}'),
    ("spec/auth/issuers/1", {"name": "gitlab-com", "url": "https://b.example"}, 'spec.auth.issuers[1]: Duplicate value: {"name":"gitlab-com"}'),
    (f"{F}/codeCompletions/models/1", {"name": "claude-sonnet"}, "give every model a weight, or none (then the order decides)"),
    (f"{F}/codeCompletions/models", [{"name": "qwen-coder", "weight": 0}], "all weights are 0, so none is ever tried first"),
    (f"{F}/chat/models/1", {"name": "claude-sonnet"}, "spec.features.chat.models: Invalid value: a model is listed twice"),
    (f"{F}/chat/models", [], "spec.features.chat.models: Invalid value: spec.features.chat.models in body should have at least 1 items"),
    (f"{F}/chat/timeout", "0s", "spec.features.chat.timeout: Invalid value: must be longer than 0"),
    (f"{F}/chat/timeout", "soon", "spec.features.chat.timeout"),
    ("spec/auth/decisionCache", "5m", "spec.auth.decisionCache: Invalid value: must be at most 60s"),
    (f"{P}/0/type", "Clippy", "spec.providers[0].type: Invalid value: must be Anthropic, VertexAI, OpenAI"),
    (f"{P}/2", VERTEX | {"location": "global"}, "spec.providers[2].project: Invalid value: is required for VertexAI"),
    (f"{P}/2", VERTEX | {"project": "p"}, "spec.providers[2].location: Invalid value: is required for VertexAI, such as europe-west1"),
    (f"{P}/1", {"name": "vllm", "type": "OpenAICompatible"}, "spec.providers[1].endpoint: Invalid value: is required for OpenAICompatible, such as"),
    (f"{P}/0/project", "p", "spec.providers[0].project: Invalid value: has a meaning for VertexAI only: remove it"),
    (f"{P}/0/requestEndpoints", ["*"], "spec.providers[0].requestEndpoints: Invalid value: has a meaning for OpenAICompatible only"),
    (f"{P}/1/requestEndpoints", ["http://a@b"], "spec.providers[1].requestEndpoints[0]"),
    (f"{P}/1/requestEndpoints", ["http://a?b"], "spec.providers[1].requestEndpoints[0]"),
    (f"{P}/2", NAMED | {"requestEndpoints": []}, "spec.providers[2].endpoint: Invalid value: is required for OpenAICompatible, such as"),
    (f"{P}/2", NAMED | {"credentials": {"secretRef": {"name": "s", "key": "k"}}}, "spec.providers[2].credentials: Invalid value: is never sent"),
    (f"{P}/1", NAMED | {"name": "vllm"}, 'spec.models: Invalid value: the provider "vllm" has no endpoint, only requestEndpoints'),
    (f"{P}/1/endpoint", "ftp://x", "spec.providers[1].endpoint"),
    (f"{P}/0/name", "a.b", "spec.providers[0].name"),
    (f"{P}/0/credentials/secretRef", {"name": "x"}, "spec.providers[0].credentials.secretRef.key: Required value"),
    ("spec/workloads", {"auth": {"autoscaling": {"minReplicas": 20}}}, "spec.workloads.auth.autoscaling: Invalid value: minReplicas is more than maxReplicas"),
    ("spec/network", {"providerEgress": ["300.0.0.0/8"]}, "spec.network.providerEgress: Invalid value: must be networks such as 10.0.0.0/8"),
    ("spec", GOOD["spec"] | {"expose": {"serviceType": "NodePort"}, "network": {"callers": [{"a": "b"}]}}, "spec.network.callers: Invalid value: never matches"),
    ("metadata/name", "eu.west", "metadata.name"),
    ("metadata/name", "e" * 48, "more than 53 characters together: shorten one"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"), REFUSED, ids=[f"{path}-{message[:40]}" for path, _, message in REFUSED]
)
def test_what_is_bad_is_refused_with_its_mend(path: str, value: Any, message: str) -> None:
    manifest = set_at(path, value)
    assert check(manifest)[1], "the operator refuses it too"
    said = create(manifest, "--dry-run=server", good=False)
    assert message in re.sub(r'Invalid value: ("[^"]*"|[0-9]+|null|\[.*?\]): ', "Invalid value: ", said), said


@pytest.fixture(scope="module")
def stored() -> None:
    create(GOOD)


@pytest.mark.usefixtures("stored")
def test_deployment_cannot_be_changed_and_defaults_are_stored() -> None:
    found = json.loads(kubectl("get", "-n", NAMESPACE, f"aigateways.{GROUP}", "eu", "-o", "json"))
    assert found["spec"]["providers"][0]["timeout"] == "90s"
    patch = ["patch", "-n", NAMESPACE, f"aigateways.{GROUP}", "eu", "--type=merge", "-p"]
    said = kubectl(*patch, '{"spec": {"deployment": "Customer"}}', good=False)
    assert "cannot be changed: make a new AIGateway beside this one" in said
    kubectl(*patch, '{"spec": {"region": "europe-west4"}}')
    assert AIGateway.model_validate(GOOD | {"spec": found["spec"]}), "what is stored is read again"


@pytest.mark.usefixtures("stored")
def test_the_table_says_what_people_look_for() -> None:
    heads = kubectl("get", f"aigateways.{GROUP}", "-n", NAMESPACE, "-o", "wide").splitlines()[0]
    assert heads.split() == ["NAME", "DEPLOYMENT", "REGION", "SERVING", "GENERATION", "DEGRADED", "URL", "AGE"]


@pytest.mark.parametrize(("path", "described"), [
    ("", "An AI gateway"),
    (".spec.providers.credentials.secretRef.key", "Key within the Secret."),
    (".spec.features.chat.models.weight", "Share of requests"),
    (".spec.logging.level", "The least that is logged"),
    (".spec.providers.requestEndpoints", "addresses that a request may name in place of `endpoint`"),
    (".status.servingGeneration", "synthetic request"),
])  # fmt: skip
def test_kubectl_explains(path: str, described: str) -> None:
    deadline = time.monotonic() + 30  # until the API server publishes the new schema
    while True:
        done = subprocess.run(
            ["kubectl", "--kubeconfig", os.environ["AIGW_TEST_KUBECONFIG"], "explain", f"aigateways{path}", f"--api-version={GROUP}/v1alpha1"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if described in " ".join(done.stdout.split()):
            return
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(0.5)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_manifests_are_accepted_and_come_back_as_they_were_stated(path: Path) -> None:
    """The second is what lets a steady state write nothing."""
    bodies = desired(path)
    answer = kubectl("apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", given=listed(bodies))
    for stated, stored in zip(bodies, json.loads(answer)["items"], strict=True):
        assert is_there(stated, stored), json.dumps({"stated": stated, "stored": stored}, indent=1)


WRITTEN = ("0.5Gi", "1.1Gi", "1024Mi", "1000000k", "1024", "1000", "0.3Ki", "2048Gi", "0", "1.00001")


def test_quantities_come_back_as_they_were_stated() -> None:
    """However somebody writes them."""
    bodies = []
    for at, memory in enumerate(WRITTEN):
        resources = {"limits": {"memory": memory}, "requests": {"cpu": "0", "memory": "0"}}
        gateway, _ = check(set_at("spec/workloads", {"auth": {"resources": resources}}))
        assert gateway is not None
        moved = gateway.metadata.model_copy(update={"namespace": NAMESPACE, "name": f"q{at}"})
        made = objects(Context(gateway.model_copy(update={"metadata": moved})))
        bodies += [body for body in made if body["kind"] == "Deployment"]
    answer = kubectl("apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", given=listed(bodies))
    assert all(is_there(*pair) for pair in zip(bodies, json.loads(answer)["items"], strict=True))


def test_pods_pass_the_restricted_standard() -> None:
    """Deployments are only warned about; the namespace refuses pods."""
    for body in desired(EXAMPLES[-1]):
        if body["kind"] == "Deployment":
            spec = copy.deepcopy(body["spec"]["template"]["spec"]) | {"serviceAccountName": "default"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": spec}
            kubectl("create", "-n", NAMESPACE, "--dry-run=server", "-f", "-", given=pod)


def desired(path: Path) -> list[Body]:
    """The rendered objects of kinds that every cluster has."""
    gateway, faults = check(example(path))
    assert gateway is not None
    assert not faults
    moved = gateway.model_copy(update={"metadata": gateway.metadata.model_copy(update={"namespace": NAMESPACE})})
    return [body for body in objects(Context(moved)) if body["kind"] != "HTTPRoute"]


def listed(bodies: list[Body]) -> Body:
    return {"apiVersion": "v1", "kind": "List", "items": bodies}
