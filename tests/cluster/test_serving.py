# SPDX-License-Identifier: Apache-2.0
"""`kubectl apply` an AIGateway and it is serving, proven from another pod, and stays so through what happens to it."""

import copy
import json

import pytest

from cluster import kube
from cluster.asking import Load, ask, named, wait
from cluster.conftest import Client, Issuer, manifest, secret
from cluster.looking import edit, pods, runs, until_serves, until_settled, versions
from cluster.upstream import upstream

pytestmark = pytest.mark.cluster

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("open")
except OSError as error:
    print("closed")
"""


def test_a_request_from_another_pod_is_answered(client: Client, issuer: Issuer, namespace: str) -> None:
    """The first one, at once: `Serving` rests on a request through the Service, too."""
    kube.apply(manifest("first", namespace, issuer))
    kube.kubectl("wait", "--for=condition=Serving", "aigateway/first", "-n", namespace, "--timeout=120s")
    found = ask(client, issuer, "first")
    assert found["bad"] == []
    assert found["text"].startswith("echo: ")
    status = kube.get("aigateway", "first", "-n", namespace)["status"]
    assert status["servingGeneration"] == status["observedGeneration"] == 1
    assert status["providers"] == [{"name": "echo", "ready": True}]
    kube.kubectl("delete", "aigateway", "first", "-n", namespace)
    kube.until("all is gone", lambda: not kube.belongings(namespace, "first"), 90)


def test_a_gateway_with_nothing_but_models_of_requests_serves(client: Client, issuer: Issuer, namespace: str) -> None:
    """No endpoint, no model, no key: its provider is probed as any other, and reaches what a request names."""
    body = manifest("named", namespace, issuer)
    custom = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["*"]}
    body["spec"] |= {"providers": [custom], "models": [], "features": {}}
    kube.apply(body)
    kube.kubectl("wait", "--for=condition=Serving", "aigateway/named", "-n", namespace, "--timeout=120s")
    assert kube.get("aigateway", "named", "-n", namespace)["status"]["providers"] == [{"name": "custom", "ready": True}]
    with upstream() as server:
        found = ask(client, issuer, "named", model_metadata=named(server.url, "key-of-gitlab"))
    assert (found["bad"], found["text"], server.keys) == ([], "hello", ["Bearer key-of-gitlab"])
    (why,) = ask(client, issuer, "named", model_metadata=named("http://127.0.0.1:8082/v1", ""))["bad"]
    assert "model_endpoint_not_allowed" in why
    kube.kubectl("delete", "aigateway", "named", "-n", namespace)
    kube.until("all is gone", lambda: not kube.belongings(namespace, "named"), 90)


def test_a_steady_state_writes_nothing(client: Client, gateway: str) -> None:
    where = client.namespace
    until_settled(gateway, where)
    wait(3)
    kube.kubectl("annotate", "configmap", f"{gateway}-router", "-n", where, "somebody/else=1")  # wakes the operator
    before = versions(where)
    wait(10)
    assert versions(where) == before


def test_drift_is_put_back(client: Client, gateway: str) -> None:
    name, where = f"{gateway}-auth", ("-n", client.namespace)
    other = json.dumps([{"op": "replace", "path": "/spec/ports/0/port", "value": 1}])
    kube.kubectl("patch", "service", name, *where, "--type=json", "-p", other)
    kube.until("the port is back", lambda: kube.get("service", name, *where)["spec"]["ports"][0]["port"] == 5052, 15)
    kube.kubectl("delete", "configmap", f"{gateway}-router", *where)
    found = ("get", "configmap", "-o", "name", *where)
    kube.until("the ConfigMap is back", lambda: f"{gateway}-router" in kube.kubectl(*found), 15)


def test_an_edit_of_the_table_restarts_nothing_and_fails_no_request(
    client: Client, issuer: Issuer, gateway: str
) -> None:
    """Left alone the kubelet would take up to a minute and a half until it is in the pods."""
    before = {part: runs(client.namespace, part) for part in ("router", "auth", "provider-echo")}
    models = [{"name": "echo", "provider": "echo", "id": "echo--pace-1", "replaces": ["older-echo"]}]
    with Load(client, issuer, gateway) as load:
        generation = edit(gateway, client.namespace, {"models": models})
        until_serves(gateway, client.namespace, generation, 30)
        wait(2)
    assert load.found["bad"] == []
    assert load.found["good"] > 20
    assert {part: runs(client.namespace, part) for part in before} == before


def test_a_rolling_update_under_load_fails_no_request(client: Client, issuer: Issuer, gateway: str) -> None:
    """Until the last of the old pods is gone."""
    before = pods(client.namespace, "router")
    with Load(client, issuer, gateway) as load:
        generation = edit(gateway, client.namespace, {"workloads": {"router": {"annotations": {"roll": "1"}}}})
        until_serves(gateway, client.namespace, generation)
        until_settled(gateway, client.namespace)
    assert load.found["bad"] == []
    assert not before & pods(client.namespace, "router")


def test_a_broken_edit_changes_nothing_and_says_why(client: Client, issuer: Issuer, gateway: str) -> None:
    """One that the API server cannot see through: the CRD's own rules would refuse most."""
    body = kube.get("aigateway", gateway, "-n", client.namespace)
    before = body["metadata"]["generation"]
    broken = copy.deepcopy(body["spec"]["models"])
    broken[0]["replaces"] = ["echo"]
    edit(gateway, client.namespace, {"models": broken})
    kube.until(
        "it is not accepted", lambda: kube.conditions(client.namespace, gateway)["Accepted"]["status"] == "False"
    )
    found = kube.conditions(client.namespace, gateway)
    assert "spec.models[0].replaces[0]" in found["Accepted"]["message"]
    assert (found["Serving"]["status"], found["Serving"]["observedGeneration"]) == ("True", before)
    assert ask(client, issuer, gateway)["bad"] == []


def test_a_bad_object_is_refused_at_the_door(namespace: str, issuer: Issuer) -> None:
    body = manifest("bad", namespace, issuer)
    body["spec"]["models"][0]["provider"] = "nobody"
    with pytest.raises(kube.Failed, match="provider"):
        kube.apply(body)


def test_a_secret_that_comes_late_reaches_the_provider_without_a_restart(
    client: Client, issuer: Issuer, gateway: str
) -> None:
    where, reference = client.namespace, {"name": "claude-key", "key": "api-key"}
    spec = manifest(gateway, where, issuer)["spec"]
    keyed = {"name": "claude", "type": "Anthropic", "credentials": {"secretRef": reference}}
    generation = edit(gateway, where, {"providers": [*spec["providers"], keyed]})
    kube.until("it says what is missing", lambda: kube.conditions(where, gateway)["Degraded"]["status"] == "True", 60)
    assert 'no Secret "claude-key"' in kube.conditions(where, gateway)["Degraded"]["message"]
    deployment = f"deployment/{gateway}-provider-claude"
    kube.kubectl("wait", "--for=condition=Available", deployment, "-n", where, "--timeout=60s")
    before = pods(where, "provider-claude")
    kube.apply(secret("claude-key", where, api_key="sk-one"))
    kube.until("it is there", lambda: kube.conditions(where, gateway)["Degraded"]["status"] == "False", 150)
    until_serves(gateway, where, generation)
    assert pods(where, "provider-claude") == before


def test_a_stranger_reaches_neither_auth_nor_a_provider(client: Client, gateway: str) -> None:
    def reaches(part: str) -> str:
        return client.python(CONNECT, f"{gateway}-{part}.{client.namespace}.svc", "5052").strip()

    assert reaches("router") == "open"
    assert reaches("auth") == "closed"
    assert reaches("provider-echo") == "closed"
