# SPDX-License-Identifier: Apache-2.0
"""A node is emptied for maintenance while requests come."""

from collections.abc import Iterator

import pytest

from cluster import kube
from cluster.asking import Load
from cluster.conftest import Client, Issuer
from cluster.looking import generation, objects, until_serves, until_settled

pytestmark = pytest.mark.cluster
PARTS = ("router", "auth", "provider-echo")


@pytest.fixture
def other_node(client: Client) -> Iterator[str]:
    """One without the pod that asks, and without the name server that it asks with; in use again afterwards."""
    nodes = {o["metadata"]["name"] for o in kube.get("nodes", "-l", "type!=kwok")["items"]}
    busy = kube.get("pod", client.name, "-n", client.namespace)["spec"]["nodeName"]
    if len(nodes) < 2:
        pytest.skip("the cluster has one node: nothing can move to another")
    node = min(nodes - {busy})
    yield node
    kube.kubectl("uncordon", node)


def nodes(namespace: str, part: str) -> list[str]:
    return sorted(o["spec"].get("nodeName", "") for o in objects(namespace, part))


def test_a_drained_node_fails_no_request(client: Client, issuer: Issuer, gateway: str, other_node: str) -> None:
    where = client.namespace
    until_settled(gateway, where)
    spread = [part for part in PARTS if len(set(nodes(where, part))) == 2]
    assert len(spread) >= 2, f"a wish that the scheduler weighs: of {PARTS} only {spread} are on both nodes"
    for part in PARTS:
        assert len(nodes(where, part)) == 2
        budget = kube.get("poddisruptionbudget", f"{gateway}-{part}", "-n", where)
        assert budget["status"]["disruptionsAllowed"] == 1
    with Load(client, issuer, gateway) as load:
        kube.kubectl(
            "drain", other_node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=150s", timeout=170
        )
        until_settled(gateway, where)
    assert load.found["bad"] == []
    assert {node for part in PARTS for node in nodes(where, part)}.isdisjoint({other_node})
    until_serves(gateway, where, generation(gateway, where))
