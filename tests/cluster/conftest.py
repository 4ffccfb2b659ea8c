# SPDX-License-Identifier: Apache-2.0
"""What cluster tests stand on: a Kubernetes to use, the operator installed by its chart, an issuer, a client pod."""

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster import kube, looking, where

OPERATOR = "aigw-operator-test"
NAMESPACE = "aigw-test"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = where.missing()
    for item in items:
        if "tests/cluster" in str(item.path) and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def cluster(request: pytest.FixtureRequest) -> None:
    """The one that AIGW_TEST_KUBECONFIG names, or else one that kind makes for this run."""
    if not where.named():
        request.config.option.kind_bin = shutil.which("kind")  # pytest-kind would take one of long ago
        where.use(request.getfixturevalue("kind_cluster"))


class Issuer:
    """Signs instance tokens, and serves its keys to pods."""

    def __init__(self) -> None:
        issuer = self
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        keys = {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "RS256"}]}

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                discovery = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                self.wfile.write(json.dumps(keys if self.path == "/keys" else discovery).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("0.0.0.0", 0), Keys)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{where.host()}:{self.server.server_port}"

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


CHART = str(kube.ROOT / "charts" / "ai-gateway-operator")
RESYNC_SECONDS = 15
"""In place of a minute: of a Secret that somebody brings the operator learns at its next look, and tests wait."""


def install(*options: str, **settings: float) -> None:
    """The operator, as its chart does it; `settings` are variables without their AIGW_OPERATOR_."""
    told = {"RESYNC_SECONDS": RESYNC_SECONDS, **settings}
    variables = [{"name": f"AIGW_OPERATOR_{name}", "value": str(value)} for name, value in told.items()]
    kube.helm(
        "upgrade", "--install", "aigw-operator", CHART, "--namespace", OPERATOR,
        "--set", f"image.repository={kube.IMAGE}operator", "--set", f"image.tag={kube.TAG}",
        "--set", f"images.prefix={kube.IMAGE}", "--set", f"images.tag={kube.TAG}",
        "--set-json", f"extraEnv={json.dumps(variables)}", *options, "--wait", "--timeout", "120s",
    )  # fmt: skip


@pytest.fixture(scope="session")
def operator() -> Iterator[str]:
    """The namespace of the operator, installed by its chart; the CRD is left, as the chart says.

    AIGW_TEST_OPERATOR_NAMESPACE names one that is there already, and stays.
    """
    if installed := os.environ.get("AIGW_TEST_OPERATOR_NAMESPACE"):
        yield installed
        return
    with kube.namespace(OPERATOR):
        install()
        yield OPERATOR
        kube.helm("uninstall", "aigw-operator", "--namespace", OPERATOR, "--wait")


@pytest.fixture
def own_operator(operator: str) -> Iterator[str]:
    """One that the test may install differently."""
    if operator != OPERATOR:
        pytest.skip("the operator is not this run's (AIGW_TEST_OPERATOR_NAMESPACE)")
    yield operator
    install()


@pytest.fixture(scope="session")
def namespace(operator: str) -> Iterator[str]:
    with kube.namespace(NAMESPACE, **RESTRICTED):
        yield NAMESPACE


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
            "spec": {"terminationGracePeriodSeconds": 0, "nodeName": _name_server(), "containers": [{
                "name": "client", "image": f"{kube.IMAGE}router:{kube.TAG}", "imagePullPolicy": "IfNotPresent",
                "command": ["/opt/aigw/bin/python", "-c", "import time; time.sleep(86400)"],
                "securityContext": restricted,
            }]},
        })  # fmt: skip
        kube.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")

    def python(self, code: str, *arguments: str, timeout: float = 120) -> str:
        return kube.kubectl("exec", *self._python(code, *arguments), timeout=timeout)

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Until its stdin is closed."""
        return kube.start("kubectl", "exec", "-i", *self._python(code, *arguments))

    def _python(self, code: str, *arguments: str) -> list[str]:
        return ["-n", self.namespace, self.name, "--", "/opt/aigw/bin/python", "-c", code, *arguments]


def _name_server() -> str:
    """The node that a test of drained nodes leaves alone: without names nobody could ask anything."""
    found = kube.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"]
    return str(found[0]["spec"]["nodeName"])


@pytest.fixture(scope="session")
def client(namespace: str) -> Client:
    return Client(namespace, "client")


@pytest.fixture
def gateway(namespace: str, issuer: Issuer) -> str:
    """An echo gateway that serves as `manifest` says, whatever the test before did to it."""
    name = "eu"
    kube.put(manifest(name, namespace, issuer))
    looking.until_serves(name, namespace, looking.generation(name, namespace))
    return name


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
