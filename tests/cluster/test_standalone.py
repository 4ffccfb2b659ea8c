# SPDX-License-Identifier: Apache-2.0
"""The standalone image as a container that knows nothing but the variables of GitLab's own image."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from cluster import kube
from cluster.asking import ASK
from cluster.conftest import Client, Issuer

pytestmark = pytest.mark.cluster

NAME = "standalone"
ANY_USER = 1234567


def pod(namespace: str, **variables: str) -> dict[str, Any]:
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
        "name": NAME,
        "image": f"{kube.IMAGE}standalone:{kube.TAG}",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"httpGet": {"path": "/monitoring/ready", "port": 5052}, "periodSeconds": 1},
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    metadata = {"name": NAME, "namespace": namespace}
    spec = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}], "terminationGracePeriodSeconds": 5}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def address(namespace: str, issuer: Issuer) -> Iterator[str]:
    kube.apply(pod(namespace, AIGW_GITLAB_URL=issuer.url, AIGW_MOCK_MODEL_RESPONSES="true"))
    kube.kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "-n", namespace, "--timeout=60s")
    yield kube.get("pod", NAME, "-n", namespace)["status"]["podIP"]
    kube.kubectl("delete", "pod", NAME, "-n", namespace)


def test_it_answers_a_gitlab(client: Client, issuer: Issuer, address: str) -> None:
    found = client.python(ASK, f"http://{address}:5052", issuer.token(), "0", "0")
    assert '"good": 1' in found
    assert "echo: " in found


def test_it_is_ready_soon(namespace: str, address: str) -> None:
    """Python on two cores that also run a cluster; times in Kubernetes have whole seconds."""
    status = kube.get("pod", NAME, "-n", namespace)["status"]
    began = datetime.fromisoformat(status["containerStatuses"][0]["state"]["running"]["startedAt"])
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")["lastTransitionTime"]
    assert (datetime.fromisoformat(ready) - began).total_seconds() < 30


def test_it_says_what_it_was_made_from(namespace: str, address: str) -> None:
    said = kube.kubectl("logs", NAME, "-n", namespace)
    assert "AIGW_GITLAB_URL" in said
    assert "eyJ" not in said
