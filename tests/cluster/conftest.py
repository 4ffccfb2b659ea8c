# SPDX-License-Identifier: Apache-2.0
"""What cluster tests stand on: a Kubernetes to use, the operator installed by its chart, an issuer, a client pod."""

import base64
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster import kube

HOST = os.environ.get("AIGW_TEST_HOST", "10.250.0.2")
"""Where pods reach a server that a test runs on this machine."""
OPERATOR = "aigw-operator-test"
NAMESPACE = "aigw-test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if "tests/cluster" in str(item.path) and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str:
    if not os.environ.get("AIGW_TEST_KUBECONFIG"):
        return "AIGW_TEST_KUBECONFIG names no cluster"
    gone = [tool for tool in ("kubectl", "helm") if not shutil.which(tool)]
    return f"{', '.join(gone)} not found" if gone else ""


class Issuer:
    """Signs instance tokens, and serves its keys to pods."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        body = json.dumps({"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "RS256"}]}).encode()

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("0.0.0.0", 0), Keys)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{HOST}:{self.server.server_port}"

    def token(self, *scopes: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": "gitlab-ai-gateway", "sub": "instance-1", "iat": now, "nbf": now - 5,
            "exp": now + 3600, "gitlab_realm": "self-managed", "scopes": list(scopes or ("complete_code",)),
        }  # fmt: skip
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "one"})


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="session")
def operator() -> Iterator[str]:
    """The operator, installed by its chart; the CRD is left, as the chart says.

    AIGW_TEST_OPERATOR_NAMESPACE names one that is there already, and stays.
    """
    if installed := os.environ.get("AIGW_TEST_OPERATOR_NAMESPACE"):
        yield installed
        return
    chart = str(kube.ROOT / "charts" / "ai-gateway-operator")
    kube.helm(
        "upgrade", "--install", "aigw-operator", chart, "--namespace", OPERATOR, "--create-namespace",
        "--set", f"image.repository={kube.IMAGE}operator", "--set", f"image.tag={kube.TAG}",
        "--set", f"images.prefix={kube.IMAGE}", "--set", f"images.tag={kube.TAG}", "--wait", "--timeout", "120s",
    )  # fmt: skip
    yield OPERATOR
    kube.helm("uninstall", "aigw-operator", "--namespace", OPERATOR, "--wait")
    kube.kubectl("delete", "namespace", OPERATOR, "--wait=false")


@pytest.fixture(scope="session")
def namespace(operator: str) -> Iterator[str]:
    kube.kubectl("create", "namespace", NAMESPACE)
    kube.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    yield NAMESPACE
    kube.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


class Client:
    """A pod that is no part of a gateway, with Python in it."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name
        restricted = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        kube.apply({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
                "name": "client", "image": f"{kube.IMAGE}router:{kube.TAG}", "imagePullPolicy": "IfNotPresent",
                "command": ["/opt/aigw/bin/python", "-c", "import time; time.sleep(86400)"],
                "securityContext": restricted,
            }]},
        })  # fmt: skip
        kube.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")

    def python(self, code: str, *arguments: str, timeout: float = 120) -> str:
        words = ["exec", "-n", self.namespace, self.name, "--", "/opt/aigw/bin/python", "-c", code, *arguments]
        return kube.kubectl(*words, timeout=timeout)


@pytest.fixture(scope="session")
def client(namespace: str) -> Client:
    return Client(namespace, "client")


@pytest.fixture
def gateway(namespace: str, issuer: Issuer) -> Iterator[str]:
    """An echo gateway that serves; gone afterwards."""
    name = "eu"
    kube.apply(manifest(name, namespace, issuer))
    kube.kubectl("wait", "--for=condition=Serving", f"aigateway/{name}", "-n", namespace, "--timeout=120s")
    yield name
    kube.kubectl("delete", "aigateway", name, "-n", namespace, "--ignore-not-found")
    kube.until("all of it is gone", lambda: not kube.belongings(namespace, name), 90)


def manifest(name: str, namespace: str, issuer: Issuer) -> dict[str, Any]:
    return {
        "apiVersion": "aigateway.dev/v1alpha1",
        "kind": "AIGateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "deployment": "Regional",
            "region": "eu-test",
            "auth": {"issuers": [{"name": "test", "url": issuer.url, "jwksUri": f"{issuer.url}/keys"}]},
            "providers": [{"name": "echo", "type": "Echo"}],
            "models": [{"name": "echo", "provider": "echo", "id": "echo", "replaces": ["old-echo"]}],
            "features": {"codeCompletions": {"timeout": "3s", "models": [{"name": "echo"}]}},
        },
    }


def secret(name: str, namespace: str, **values: str) -> dict[str, Any]:
    data = {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}
