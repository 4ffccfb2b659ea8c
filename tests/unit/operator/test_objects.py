# SPDX-License-Identifier: Apache-2.0
"""All that is made for a gateway: which objects, in which order, under which names, and how fast."""

import time
from statistics import median

import pytest

from aigw_operator.desired.context import Context
from aigw_operator.desired.objects import objects
from aigw_operator.kinds import CHILDREN, kind_of
from unit.operator.gateways import context, made

PARTS = ("router", "auth", "provider-anthropic", "provider-vllm")


def test_each_part_has_its_objects() -> None:
    kinds = ("ServiceAccount", "ConfigMap", "NetworkPolicy", "Service", "Deployment", "PodDisruptionBudget")
    assert set(made()) == {(kind, part) for kind in kinds for part in PARTS} | {("NetworkPolicy", "default-deny")}


@pytest.mark.parametrize(
    ("path", "value", "kind", "name"),
    [
        ("workloads", {"auth": {"autoscaling": {}}}, "HorizontalPodAutoscaler", "auth"),
        ("expose", {"ingress": {"host": "ai.example.com"}}, "Ingress", "router"),
        ("expose", {"httpRoute": {"parentRefs": [{"name": "shared"}]}}, "HTTPRoute", "router"),
        ("monitoring", {"podMonitor": True}, "PodMonitor", "metrics"),
    ],
)
def test_what_is_asked_for_is_made_and_else_is_not(path: str, value: object, kind: str, name: str) -> None:
    assert (kind, name) in made(path, value, pod_monitors=True)
    assert (kind, name) not in made()


@pytest.mark.parametrize(
    ("path", "value", "kind", "names"),
    [
        ("network", {"policies": False}, "NetworkPolicy", ()),
        ("monitoring", {"podMonitor": False}, "PodMonitor", ()),
        (
            "workloads",
            {"router": {"replicas": 1}},
            "PodDisruptionBudget",
            ("auth", "provider-anthropic", "provider-vllm"),
        ),
        ("workloads", {"providers": {"replicas": 0}}, "PodDisruptionBudget", ("router", "auth")),
        ("workloads", {"providers": {"autoscaling": {"minReplicas": 1}}}, "PodDisruptionBudget", ("router", "auth")),
    ],
)
def test_what_is_turned_off_or_useless_is_not_made(path: str, value: object, kind: str, names: tuple[str, ...]) -> None:
    assert {name for made_kind, name in made(path, value, pod_monitors=True) if made_kind == kind} == set(names)


def test_what_a_pod_needs_is_applied_before_it() -> None:
    kinds = [body["kind"] for body in objects(context(pod_monitors=True))]
    first = kinds.index("Deployment")
    assert {"ServiceAccount", "ConfigMap", "NetworkPolicy", "Service"} <= set(kinds[:first])
    assert not {"ServiceAccount", "ConfigMap", "NetworkPolicy", "Service"} & set(kinds[first:])


def test_names_are_unique_and_the_operator_knows_every_kind() -> None:
    found = objects(context("expose", {"httpRoute": {"parentRefs": [{"name": "shared"}]}}, pod_monitors=True))
    assert len({(body["kind"], body["metadata"]["name"]) for body in found}) == len(found)
    assert {kind_of(body) for body in found} <= set(CHILDREN)


def test_no_secret_is_made_here() -> None:
    assert "Secret" not in {kind for kind, _ in made()}


def test_all_is_labelled_and_owned() -> None:
    for body in objects(context(uid="u-1", pod_monitors=True)):
        metadata = body["metadata"]
        assert metadata["namespace"] == "ai-gateway"
        assert metadata["labels"]["app.kubernetes.io/instance"] == "eu"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "aigw-operator"
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("AIGateway", "eu", "u-1", True)


def test_without_a_cluster_nothing_has_an_owner() -> None:
    assert not any("ownerReferences" in body["metadata"] for body in objects(context()))


def test_the_same_gateway_gives_the_same_objects_and_each_call_its_own() -> None:
    first, second = objects(context()), objects(context())
    assert first == second
    first[0]["metadata"]["labels"]["spoilt"] = "yes"
    assert objects(context()) == second


def test_the_desired_state_takes_less_than_a_millisecond() -> None:
    known: Context = context()
    times = []
    for _ in range(30):
        began = time.process_time()
        objects(known)
        times.append(time.process_time() - began)
    assert median(times) < 0.001
