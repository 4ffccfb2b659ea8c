# SPDX-License-Identifier: Apache-2.0
"""`kubectl apply` an AIGateway and it is serving, proven from another pod, and stays so through what happens to it."""

import copy
import json
import threading
from typing import Any

import pytest

from cluster import kube
from cluster.conftest import Client, Issuer, manifest, secret

pytestmark = pytest.mark.cluster

ASK = """
import json, sys, time, urllib.request
url, token, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
body = json.dumps({"prompt_components": [{"type": "code_editor_completion", "payload": {
    "file_name": "a.py", "content_above_cursor": "def hello():", "content_below_cursor": ""}}]}).encode()
headers = {"Authorization": f"Bearer {token}", "X-Gitlab-Authentication-Type": "oidc",
           "Content-Type": "application/json", "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": "instance-1"}
end, good, bad = time.time() + seconds, 0, []
while True:
    try:
        request = urllib.request.Request(url + "/v3/code/completions", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = json.load(answer)["choices"][0]["text"]
        good += 1
    except Exception as error:
        bad.append(repr(error)[:200])
    if time.time() >= end:
        break
    time.sleep(0.02)
print(json.dumps({"good": good, "bad": bad, "text": text if good else ""}))
"""

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("open")
except OSError as error:
    print("closed")
"""


def ask(client: Client, issuer: Issuer, gateway: str, seconds: float = 0) -> dict[str, Any]:
    url = f"http://{gateway}-router.{client.namespace}.svc:5052"
    found: dict[str, Any] = json.loads(client.python(ASK, url, issuer.token(), str(seconds), timeout=seconds + 60))
    return found


class Load:
    """Requests without a pause from another pod, while something happens."""

    def __init__(self, client: Client, issuer: Issuer, gateway: str, seconds: float) -> None:
        self.found: dict[str, Any] = {}
        self._thread = threading.Thread(target=lambda: self.found.update(ask(client, issuer, gateway, seconds)))

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def versions(namespace: str) -> dict[str, str]:
    """Not of disruption budgets: their controller writes there when pods of the test before are gone at last."""
    kinds = "deployments,services,configmaps,secrets,networkpolicies,serviceaccounts,aigateways"
    items = kube.get(kinds, "-n", namespace)["items"]
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in items}


def pods(namespace: str, part: str) -> set[str]:
    found = kube.get("pods", "-n", namespace, "-l", f"app.kubernetes.io/component={part}")["items"]
    return {o["metadata"]["name"] for o in found if not o["metadata"].get("deletionTimestamp")}


def edit(gateway: str, namespace: str, spec: dict[str, Any]) -> int:
    kube.kubectl("patch", "aigateway", gateway, "-n", namespace, "--type=merge", "-p", json.dumps({"spec": spec}))
    generation: int = kube.get("aigateway", gateway, "-n", namespace)["metadata"]["generation"]
    return generation


def serves(gateway: str, namespace: str, generation: int) -> bool:
    serving = kube.conditions(namespace, gateway).get("Serving", {})
    return serving.get("status") == "True" and serving.get("observedGeneration", 0) >= generation


def test_a_request_from_another_pod_is_answered(client: Client, issuer: Issuer, gateway: str) -> None:
    """The probe goes to pods; the Service's own address follows up to a second later, as kube-proxy gathers changes."""
    kube.until("an answer", lambda: ask(client, issuer, gateway)["text"].startswith("echo: "), 5)
    status = kube.get("aigateway", gateway, "-n", client.namespace)["status"]
    assert status["servingGeneration"] == status["observedGeneration"] == 1
    assert status["providers"] == [{"name": "echo", "ready": True}]


def test_a_steady_state_writes_nothing(client: Client, gateway: str) -> None:
    where = client.namespace
    kube.until("all has settled", lambda: kube.conditions(where, gateway)["Progressing"]["status"] == "False")
    threading.Event().wait(3)
    kube.kubectl("annotate", "configmap", f"{gateway}-router", "-n", where, "somebody/else=1")  # wakes the operator
    before = versions(where)
    threading.Event().wait(10)
    assert versions(where) == before


def test_drift_is_put_back(client: Client, gateway: str) -> None:
    name, where = f"{gateway}-auth", ("-n", client.namespace)
    kube.kubectl(
        "patch",
        "service",
        name,
        *where,
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/spec/ports/0/port","value":1}]',
    )
    kube.until("the port is back", lambda: kube.get("service", name, *where)["spec"]["ports"][0]["port"] == 5052, 15)
    kube.kubectl("delete", "configmap", f"{gateway}-router", *where)
    kube.until(
        "the ConfigMap is back",
        lambda: bool(kube.kubectl("get", "configmap", "-o", "name", *where).count(f"{gateway}-router")),
        15,
    )


def test_an_edit_of_the_table_restarts_nothing_and_fails_no_request(
    client: Client, issuer: Issuer, gateway: str
) -> None:
    routers, providers = pods(client.namespace, "router"), pods(client.namespace, "provider-echo")
    models = [{"name": "echo", "provider": "echo", "id": "echo--pace-1", "replaces": ["older-echo"]}]
    with Load(client, issuer, gateway, 100) as load:
        generation = edit(gateway, client.namespace, {"models": models})
        kube.until("the edit serves", lambda: serves(gateway, client.namespace, generation), 95)
    assert load.found["bad"] == []
    assert load.found["good"] > 50
    assert pods(client.namespace, "router") == routers
    assert pods(client.namespace, "provider-echo") == providers


def test_a_rolling_update_under_load_fails_no_request(client: Client, issuer: Issuer, gateway: str) -> None:
    before = pods(client.namespace, "router")
    with Load(client, issuer, gateway, 75) as load:
        generation = edit(gateway, client.namespace, {"workloads": {"router": {"annotations": {"roll": "1"}}}})
        kube.until("the new pods serve", lambda: serves(gateway, client.namespace, generation), 70)
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


def test_a_changed_secret_reaches_the_provider_without_a_restart(client: Client, issuer: Issuer, gateway: str) -> None:
    where = client.namespace
    spec = manifest(gateway, where, issuer)["spec"]
    keyed = {
        "name": "claude",
        "type": "Anthropic",
        "credentials": {"secretRef": {"name": "claude-key", "key": "api-key"}},
    }
    generation = edit(gateway, where, {"providers": [*spec["providers"], keyed]})
    kube.until("it says what is missing", lambda: kube.conditions(where, gateway)["Degraded"]["status"] == "True", 60)
    assert 'no Secret "claude-key"' in kube.conditions(where, gateway)["Degraded"]["message"]
    kube.kubectl(
        "wait", "--for=condition=Available", f"deployment/{gateway}-provider-claude", "-n", where, "--timeout=60s"
    )
    before = pods(where, "provider-claude")
    kube.apply(secret("claude-key", where, api_key="sk-one"))
    kube.until("it is there", lambda: kube.conditions(where, gateway)["Degraded"]["status"] == "False", 150)
    kube.until("it serves", lambda: serves(gateway, where, generation))
    assert pods(where, "provider-claude") == before


def test_the_operator_may_die_and_come_back(client: Client, issuer: Issuer, operator: str, gateway: str) -> None:
    kube.kubectl(
        "delete",
        "pod",
        "-n",
        operator,
        "-l",
        "app.kubernetes.io/name=ai-gateway-operator",
        "--force",
        "--grace-period=0",
    )
    assert ask(client, issuer, gateway)["bad"] == []
    generation = edit(gateway, client.namespace, {"region": "elsewhere"})
    kube.until("the next one works on", lambda: serves(gateway, client.namespace, generation), 150)


def test_a_stranger_reaches_neither_auth_nor_a_provider(client: Client, gateway: str) -> None:
    def reaches(part: str) -> str:
        return client.python(CONNECT, f"{gateway}-{part}.{client.namespace}.svc", "5052").strip()

    assert reaches("router") == "open"
    assert reaches("auth") == "closed"
    assert reaches("provider-echo") == "closed"


def test_a_deleted_gateway_leaves_nothing(client: Client, gateway: str) -> None:
    kube.kubectl("delete", "aigateway", gateway, "-n", client.namespace)
    kube.until("all is gone", lambda: not kube.belongings(client.namespace, gateway), 90)
