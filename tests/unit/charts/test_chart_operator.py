# SPDX-License-Identifier: Apache-2.0
"""The operator's chart: rights for what it does and no more, and names that its code knows."""

import json
from typing import Any

import pytest

from aigw_operator import kinds
from aigw_operator.desired import peers
from aigw_operator.loop.leader import NAME as LEASE
from aigw_operator.settings import OperatorSettings
from unit.charts.rendering import OPERATOR, Helm, Refused, only

Objects = list[dict[str, Any]]


def rules(objects: Objects) -> list[dict[str, Any]]:
    return [rule for o in objects if o["kind"] in ("Role", "ClusterRole") for rule in o["rules"]]


def verbs(objects: Objects) -> dict[tuple[str, str], set[str]]:
    """(API group, plural) -> verbs, of all roles together."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in rules(objects):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def resource(kind: kinds.Kind) -> tuple[str, str]:
    return kind.api_version.rpartition("/")[0], kind.plural


def test_there_is_no_wildcard(helm: Helm) -> None:
    for rule in rules(helm.template(OPERATOR)):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_it_may_do_what_it_does_with_each_kind_that_it_makes(helm: Helm) -> None:
    found = verbs(helm.template(OPERATOR))
    for kind in kinds.CHILDREN:
        assert found[resource(kind)] == {"get", "list", "watch", "create", "patch", "delete"}, kind.kind


def test_it_may_do_nothing_with_any_other_kind(helm: Helm) -> None:
    found = verbs(helm.template(OPERATOR))
    for kind in kinds.CHILDREN:
        del found[resource(kind)]
    assert found == {
        resource(kinds.GATEWAY): {"get", "list", "watch"},
        ("aigateway.dev", "aigateways/status"): {"patch"},
        ("aigateway.dev", "aigateways/finalizers"): {"update"},
        resource(kinds.CRD): {"list", "watch", "create", "patch"},
        resource(kinds.LEASE): {"get", "update"},
        resource(kinds.POD): {"list", "patch"},
        resource(kinds.EVENT): {"create"},
    }


def test_it_may_change_its_own_crd_and_lease_alone(helm: Helm) -> None:
    narrow = {
        (tuple(r["resources"]), tuple(r["resourceNames"]), tuple(r["verbs"]))
        for r in rules(helm.template(OPERATOR))
        if "resourceNames" in r
    }
    assert narrow == {
        (("customresourcedefinitions",), ("aigateways.aigateway.dev",), ("create", "patch")),
        (("leases",), (LEASE,), ("get", "update")),
    }
    assert only(helm.template(OPERATOR), "Lease")["metadata"]["name"] == LEASE


def test_with_namespaces_it_has_no_right_to_objects_elsewhere(helm: Helm) -> None:
    objects = helm.template(OPERATOR, "--set", "watch.namespaces={eu,us},crds.manage=false")
    everywhere = verbs([o for o in objects if o["kind"] == "ClusterRole"])
    assert everywhere == {resource(kinds.CRD): {"list", "watch"}, ("", "namespaces"): {"list", "watch"}}
    places = {o["metadata"]["namespace"] for o in objects if o["kind"] == "Role" and "secrets" in str(o["rules"])}
    assert places == {"eu", "us"}
    bound = [o for o in objects if o["kind"] == "RoleBinding"]
    assert {s["namespace"] for o in bound for s in o["subjects"]} == {"ai"}


def test_its_metrics_can_be_read_by_those_who_are_named_alone(helm: Helm) -> None:
    assert only(helm.template(OPERATOR), "NetworkPolicy")["spec"]["ingress"] == []
    peers = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    option = f"networkPolicy.metricsFrom={json.dumps(peers)}"
    found = only(helm.template(OPERATOR, "--set-json", option), "NetworkPolicy")
    assert found["spec"]["ingress"] == [{"from": peers, "ports": [{"port": "metrics", "protocol": "TCP"}]}]


def test_ways_to_say_which_namespaces_exclude_each_other(helm: Helm) -> None:
    with pytest.raises(Refused, match="exclude each other"):
        helm.template(OPERATOR, "--set", "watch.namespaces={eu},watch.ownNamespaceOnly=true")


def environment(objects: Objects) -> dict[str, str]:
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {e["name"]: e.get("value", "") for e in container["env"]}


def test_each_variable_is_a_setting(helm: Helm) -> None:
    prefix = OperatorSettings.model_config["env_prefix"]
    names = {name.removeprefix(prefix).lower() for name in environment(helm.template(OPERATOR))}
    assert names <= set(OperatorSettings.model_fields)


@pytest.mark.parametrize(
    ("option", "namespaces"),
    [
        ("watch.namespaces=null", ""),
        ("watch.namespaces={eu,us}", "eu,us"),
        ("watch.ownNamespaceOnly=true", "ai"),
    ],
)
def test_what_is_watched_is_where_the_rights_are(helm: Helm, option: str, namespaces: str) -> None:
    objects = helm.template(OPERATOR, "--set", option)
    assert environment(objects)["AIGW_OPERATOR_WATCH_NAMESPACES"] == namespaces
    roles = {o["metadata"]["namespace"] for o in objects if o["kind"] == "Role" and "secrets" in str(o["rules"])}
    assert roles == set(filter(None, namespaces.split(",")))


def test_gateways_images_are_beside_the_operators(helm: Helm) -> None:
    objects = helm.template(
        OPERATOR, "--set", "image.repository=registry.example.com/mirror/aigw-operator,image.tag=1.2"
    )
    found = environment(objects)
    assert found["AIGW_OPERATOR_IMAGE_PREFIX"] == "registry.example.com/mirror/aigw-"
    assert found["AIGW_OPERATOR_IMAGE_TAG"] == "1.2"
    with pytest.raises(Refused, match=r"images\.prefix"):
        helm.template(OPERATOR, "--set", "image.repository=registry.example.com/renamed")


def test_gateways_let_its_pods_in(helm: Helm) -> None:
    """By a label that NetworkPolicies of gateways select."""
    pod = only(helm.template(OPERATOR, release="any"), "Deployment")["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == peers.OPERATOR


def test_no_gateway_takes_its_pod_for_one_of_its_own(helm: Helm) -> None:
    """A gateway's pods are found by app.kubernetes.io/instance, which is the gateway's name, often the release's."""
    pod = only(helm.template(OPERATOR, release="ai-gateway"), "Deployment")["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] != "ai-gateway"


def test_its_pod_is_restricted(helm: Helm) -> None:
    spec = only(helm.template(OPERATOR), "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_an_upgrade_hands_over(helm: Helm) -> None:
    """The new pod is ready, waiting for the Lease, before the old one goes."""
    spec = only(helm.template(OPERATOR), "Deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
