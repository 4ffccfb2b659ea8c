# SPDX-License-Identifier: Apache-2.0
"""The standalone image as a container that knows nothing but the variables of GitLab's own image."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from cluster import kube
from cluster.asking import ask_at, named
from cluster.conftest import Client, Issuer
from cluster.upstream import Upstream, upstream

pytestmark = pytest.mark.cluster

NAME = "standalone"
ALONE = "standalone-alone"
ANY_USER = 1234567


def pod(namespace: str, name: str, **variables: str) -> dict[str, Any]:
    """As strict as a cluster can be: any user, a root that cannot be written to, no capabilities."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": ANY_USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": name,
        "image": f"{kube.IMAGE}standalone:{kube.TAG}",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"httpGet": {"path": "/monitoring/ready", "port": 5052}, "periodSeconds": 1},
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    metadata = {"name": name, "namespace": namespace}
    spec = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}], "terminationGracePeriodSeconds": 5}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@contextmanager
def running(namespace: str, name: str, **variables: str) -> Iterator[str]:
    """The pod's address."""
    kube.apply(pod(namespace, name, **variables))
    kube.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")
    yield kube.get("pod", name, "-n", namespace)["status"]["podIP"]
    kube.kubectl("delete", "pod", name, "-n", namespace)


@pytest.fixture(scope="module")
def address(namespace: str, issuer: Issuer) -> Iterator[str]:
    with running(namespace, NAME, AIGW_GITLAB_URL=issuer.url, AIGW_MOCK_MODEL_RESPONSES="true") as found:
        yield found


@pytest.fixture(scope="module")
def alone(namespace: str, issuer: Issuer) -> Iterator[str]:
    """Told where a GitLab is, and nothing else."""
    with running(namespace, ALONE, AIGW_GITLAB_URL=issuer.url) as found:
        yield found


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream() as found:
        yield found


def test_it_answers_a_gitlab(client: Client, issuer: Issuer, address: str) -> None:
    found = ask_at(client, issuer, f"http://{address}:5052")
    assert (found["good"], found["bad"]) == (1, [])
    assert found["text"].startswith("echo: ")


def test_it_is_ready_soon(namespace: str, address: str) -> None:
    """Python on two cores that also run a cluster; times in Kubernetes have whole seconds."""
    status = kube.get("pod", NAME, "-n", namespace)["status"]
    began = datetime.fromisoformat(status["containerStatuses"][0]["state"]["running"]["startedAt"])
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")["lastTransitionTime"]
    assert (datetime.fromisoformat(ready) - began).total_seconds() < 30


def test_the_model_that_gitlab_names_answers(
    client: Client, issuer: Issuer, namespace: str, alone: str, server: Upstream
) -> None:
    metadata = named(server.url, "key-of-gitlab")
    found = ask_at(client, issuer, f"http://{alone}:5052", model_metadata=metadata)
    assert (found["bad"], found["text"]) == ([], "hello")
    assert server.keys == ["Bearer key-of-gitlab"]
    said = kube.kubectl("logs", ALONE, "-n", namespace)
    assert '"model_host":' in said
    assert "key-of-gitlab" not in said


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254"])
def test_the_container_itself_and_its_node_are_no_models(client: Client, issuer: Issuer, alone: str, host: str) -> None:
    found = ask_at(client, issuer, f"http://{alone}:5052", model_metadata=named(f"http://{host}:8082/v1", ""))
    (why,) = found["bad"]
    assert "model_endpoint_not_allowed" in why


def test_it_says_what_it_was_made_from(namespace: str, address: str) -> None:
    said = kube.kubectl("logs", NAME, "-n", namespace)
    assert "AIGW_GITLAB_URL" in said
    assert "eyJ" not in said
