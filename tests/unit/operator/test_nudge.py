# SPDX-License-Identifier: Apache-2.0
"""Which pods are annotated: each once for what its files hold, and none while that stays."""

import base64
from typing import Any

import pytest

from aigw_operator.api.cluster import Cluster, Refused
from aigw_operator.desired.context import Context
from aigw_operator.kinds import Named, Object
from aigw_operator.nudge import contents, nudge
from aigw_operator.probing import READ, Pod, pods_of
from unit.operator.applied import UID, applied
from unit.operator.gateways import context

KEY = b"internal"
OPENAI = {"name": "openai", "type": "OpenAI", "credentials": {"secretRef": {"name": "brought", "key": "k"}}}
PROVIDER = ("providers/2", OPENAI)


class Pods(Cluster):
    """Remembers which were annotated; `refuses` as a role does that knows nothing of it."""

    def __init__(self, refuses: bool = False) -> None:
        self.annotated: dict[str, str] = {}
        self.refuses = refuses

    def annotate(self, kind: Any, namespace: str, name: str, annotations: dict[str, str]) -> None:
        if self.refuses:
            raise Refused("pods is forbidden")
        self.annotated[name] = annotations[READ]


def where() -> Context:
    return context(*PROVIDER, uid=UID)


def live(**changed: str) -> dict[Named, Object]:
    """What the cluster has, with `changed` in place of the first value of these objects."""
    found = {**applied(*PROVIDER), ("Secret", "brought"): {"data": {"k": encoded("one")}}}
    for body in found.values():
        body.get("metadata", {})["generation"] = 3
        body["status"] = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2}
    for name, value in changed.items():
        body = next(body for (_, known), body in found.items() if known == name.replace("_", "-") and "data" in body)
        body["data"] = {**body["data"], next(iter(body["data"])): value}
    return found


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pod(part: str, read: str = "") -> Pod:
    return Pod(f"{part}-1", part, "10.0.0.1", True, read)


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({}, set()),
        ({"eu_router": "another table"}, {"router"}),
        ({"eu_auth": "other settings"}, {"auth"}),
        ({"eu_tls_auth": encoded("x")}, {"auth"}),
        ({"brought": encoded("two")}, {"provider-openai"}),
        ({"eu_internal": encoded("x")}, {"router", "auth", "provider-anthropic", "provider-vllm", "provider-openai"}),
    ],
)
def test_a_part_reads_what_it_mounts(changed: dict[str, str], parts: set[str]) -> None:
    before, after = contents(where(), live(), KEY), contents(where(), live(**changed), KEY)
    assert {part for part in before if before[part] != after[part]} == parts


def test_a_pod_is_annotated_once_for_what_its_files_hold() -> None:
    known, cluster = live(), Pods()
    wanted = contents(where(), known, KEY)
    nudge(where(), known, [pod("router"), pod("auth", wanted["auth"]), pod("gone-part")], KEY, cluster)
    assert cluster.annotated == {"router-1": wanted["router"]}


@pytest.mark.parametrize("state", [{"observedGeneration": 2}, {"replicas": 3}])
def test_pods_of_a_rollout_are_left_alone(state: dict[str, int]) -> None:
    """The old ones may lack a volume of which the new files speak."""
    known, cluster = live(), Pods()
    known["Deployment", "eu-auth"]["status"] |= state
    nudge(where(), known, [pod("router"), pod("auth")], KEY, cluster)
    assert list(cluster.annotated) == ["router-1"]


def test_values_cannot_be_tried_out_without_the_key() -> None:
    assert contents(where(), live(), KEY)["auth"] != contents(where(), live(), b"another")["auth"]


def test_without_the_right_to_it_all_else_goes_on() -> None:
    nudge(where(), live(), [pod("router"), pod("auth")], KEY, Pods(refuses=True))


def test_what_a_pod_was_told_last_is_in_its_annotation() -> None:
    body = {"metadata": {"name": "a", "labels": {"app.kubernetes.io/component": "auth"}, "annotations": {READ: "r"}}}
    assert [found.read for found in pods_of([body])] == ["r"]
