# SPDX-License-Identifier: Apache-2.0
"""The operator dies, is replaced, and has no right that it does not use."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from aigw_operator.kinds import CHILDREN, Kind
from cluster import kube
from cluster.asking import Load, ask, wait
from cluster.conftest import Client, Issuer, manifest
from cluster.looking import edit, generation, until_serves

pytestmark = pytest.mark.cluster
DEPLOYMENT = "deployment/aigw-operator"
LABEL = "app.kubernetes.io/name=ai-gateway-operator"


def test_the_operator_may_die_and_come_back(client: Client, issuer: Issuer, operator: str, gateway: str) -> None:
    kube.kubectl("delete", "pod", "-n", operator, "-l", LABEL, "--force", "--grace-period=0")
    assert ask(client, issuer, gateway)["bad"] == []
    generation = edit(gateway, client.namespace, {"region": "elsewhere"})
    until_serves(gateway, client.namespace, generation)


def test_edits_during_an_upgrade_are_reconciled(
    client: Client, issuer: Issuer, own_operator: str, gateway: str
) -> None:
    """The next operator takes over from the last; an edit finds the one, the other, or both."""
    before = holder(own_operator)
    with Load(client, issuer, gateway) as load:
        kube.kubectl("rollout", "restart", DEPLOYMENT, "-n", own_operator)
        numbers = itertools.count()
        while holder(own_operator) in ("", before):
            edit(gateway, client.namespace, {"region": f"r{next(numbers)}"})
            wait(0.3)
        until_serves(gateway, client.namespace, edit(gateway, client.namespace, {"region": "last"}), 60)
    assert load.found["bad"] == []
    kept = kube.get("configmap", f"{gateway}-last-good", "-n", client.namespace)["data"]["gateway.json"]
    assert '"region": "last"' in kept
    assert next(numbers) > 1, "no edit came before the hand-over"


def holder(namespace: str) -> str:
    return str(kube.get("lease", "aigw-operator", "-n", namespace)["spec"].get("holderIdentity", ""))


LACKING = {
    "httproutes.gateway.networking.k8s.io": ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    "podmonitors.monitoring.coreos.com": ("monitoring.coreos.com", "v1", "PodMonitor"),
}
"""Kinds that the test cluster does not have by itself."""

UNUSED = {
    ("aigateways/finalizers", "update"): "asked for by an admission plugin that this cluster has switched off",
    ("customresourcedefinitions", "create"): "Helm made it; the operator does where somebody has removed it",
    ("customresourcedefinitions", "list"): "kopf's own, which the operator does not count",
}
"""Rights that no run here can use, each with its reason. Watches are kopf's, too."""


@pytest.fixture
def every_kind() -> Iterator[None]:
    """Definitions of kinds that are there for the operator to write; nobody acts on them."""
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    missing = [name for name in LACKING if not kube.kubectl("get", "crd", name, "--ignore-not-found", "-o", "name")]
    for name in missing:
        group, version, kind = LACKING[name]
        plural = name.partition(".")[0]
        approved = {"api-approved.kubernetes.io": "unapproved, for a test"}
        kube.apply({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name, "annotations": approved},
            "spec": {
                "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                "versions": [{"name": version, "served": True, "storage": True, "schema": anything}],
            },
        })  # fmt: skip
    yield
    for name in missing:
        kube.kubectl("delete", "crd", name, "--timeout=60s")


def test_the_role_has_no_right_that_a_whole_run_does_not_use(
    own_operator: str, namespace: str, issuer: Issuer, every_kind: None
) -> None:
    """Create, edit, drift and removal of an object of each kind, by an operator that has just started."""
    before = holder(own_operator)
    kube.kubectl("rollout", "restart", DEPLOYMENT, "-n", own_operator)
    kube.until("the fresh operator leads", lambda: holder(own_operator) not in ("", before), 90)
    whole = manifest("whole", namespace, issuer)
    whole["spec"] |= {
        "workloads": {"router": {"autoscaling": {}}},
        "expose": {"ingress": {"host": "ai.example"}, "httpRoute": {"parentRefs": [{"name": "front"}]}},
    }
    kube.apply(whole)
    until_serves("whole", namespace, 1)
    for kind in CHILDREN:
        put_back(kind, namespace)
    smaller = manifest("whole", namespace, issuer)
    smaller["spec"] |= {
        "providers": [{"name": "other", "type": "Echo"}],
        "models": [{"name": "echo", "provider": "other", "id": "echo"}],
        "monitoring": {"podMonitor": False},
    }
    kube.put(smaller)
    until_serves("whole", namespace, generation("whole", namespace))
    kube.until("the provider is gone", lambda: "provider-echo" not in kube.belongings(namespace, "whole"), 120)
    kube.kubectl("delete", "aigateway", "whole", "-n", namespace)
    unused = granted(own_operator) - used(own_operator) - UNUSED.keys()
    assert unused == set(), "remove them from charts/ai-gateway-operator/templates/_rules.tpl, or say why they stay"


def put_back(kind: Kind, namespace: str) -> None:
    """One of the kind is deleted, and comes back."""
    where = (f"{kind.plural}.{kind.api_version.rpartition('/')[0]}".rstrip("."), "-n", namespace)
    labels = "app.kubernetes.io/instance=whole,app.kubernetes.io/component!=signing"

    def found() -> dict[str, str]:
        items = kube.get(*where, "-l", labels)["items"]
        return {o["metadata"]["name"]: o["metadata"]["uid"] for o in items}

    before = found()
    assert before, f"there is no {kind.kind}"
    name = min(before)
    kube.kubectl("delete", where[0], name, "-n", namespace, "--wait=false")
    kube.until(f"the {kind.kind} is back", lambda: found().get(name, before[name]) != before[name], 30)


def granted(namespace: str) -> set[tuple[str, str]]:
    """Resource and verb, of all roles of the operator, but for watches."""
    account = {"kind": "ServiceAccount", "name": "aigw-operator", "namespace": namespace}
    rules: list[dict[str, Any]] = []
    for binding, role in (("clusterrolebindings", "clusterrole"), ("rolebindings", "role")):
        for bound in kube.get(binding, "-A")["items"]:
            if account in bound.get("subjects", []):
                where = ("-n", namespace) if role == "role" else ()
                rules += kube.get(role, bound["roleRef"]["name"], *where)["rules"]
    found = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert found
    return {(resource, verb) for resource, verb in found if verb != "watch"}


def used(namespace: str) -> set[tuple[str, str]]:
    """As the operator counts its requests; to make an object by `patch` needs `create`, too."""
    read = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8082/metrics').read().decode())"
    text = kube.kubectl("exec", "-n", namespace, holder(namespace), "--", "/opt/aigw/bin/python", "-c", read)
    line = r'^aigw_operator_api_requests_total\{resource="([^"]*)",status="(\d+)",verb="([a-z]+)"\}'
    found = set()
    for resource, status, verb in re.findall(line, text, re.MULTILINE):
        found |= {(resource, verb)} | ({(resource, "create")} if (verb, status) == ("patch", "201") else set())
    assert found
    return found
