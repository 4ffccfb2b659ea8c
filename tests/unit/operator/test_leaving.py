# SPDX-License-Identifier: Apache-2.0
"""Providers go: what is left of them stays until no router uses it, whatever is slow or never ends."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from aigw_operator import order
from aigw_operator.kinds import DEPLOYMENT, SECRET
from aigw_operator.loop.pace import Outcome
from aigw_operator.wanted import everything, named
from unit.operator.applied import UID, applied
from unit.operator.edited import ALL, BEFORE, OLD, USED, goes, serving, without
from unit.operator.gateways import context
from unit.operator.moving import Moving, pod, settle


def test_what_is_left_of_a_provider_goes_when_no_router_uses_it(cluster: Moving) -> None:
    cluster.edit(without())
    cluster.reads = False
    assert cluster.look() is Outcome.WAITING
    assert (cluster.table(), cluster.names(OLD)) == ({"anthropic"}, ALL)
    assert cluster.look() is Outcome.WAITING
    assert not goes(cluster)
    found = cluster.condition("Progressing")
    assert (found["reason"], OLD in found["message"]) == ("WaitingForAcknowledgement", True)
    cluster.reads = True
    assert cluster.look() is Outcome.WAITING
    assert goes(cluster), "its pods serve what they have"
    assert cluster.names(OLD) == ALL
    found = cluster.condition("Progressing")
    assert (found["status"], found["reason"], OLD in found["message"]) == ("False", "UpToDate", True)
    assert serving(cluster) == ("True", 2)
    cluster.written.clear()
    assert cluster.look() is Outcome.WAITING
    assert cluster.written == []
    cluster.end(OLD)
    assert cluster.look() is Outcome.SETTLED
    assert cluster.names(OLD) == set()
    assert OLD not in cluster.condition("Progressing")["message"]


@pytest.mark.parametrize(
    "state", [{"replicas": 3}, {"observedGeneration": 0}, {"availableReplicas": 1}, {"updatedReplicas": 1}]
)
def test_it_stays_while_routers_are_rolled(cluster: Moving, state: dict[str, int]) -> None:
    cluster.edit(without())
    cluster.at(DEPLOYMENT, "eu-router")["status"] |= state
    cluster.look()
    assert not goes(cluster)
    cluster.run("router")
    cluster.look()
    assert goes(cluster)


@pytest.mark.parametrize("other", [{"deletionTimestamp": "now"}, {}, {"deletionTimestamp": "now", "ended": True}])
def test_it_stays_while_a_router_cannot_be_asked(cluster: Moving, other: dict[str, Any]) -> None:
    """One on its way out serves for some seconds with the table it has; one on its way in may have read the old one."""
    ended = other.pop("ended", False)
    late = pod("router", **other | {"name": "router-2"})
    late["status"] = {"phase": "Failed"} if ended else {"phase": "Pending"}
    cluster.bodies.append(late)
    cluster.edit(without())
    cluster.look()
    assert goes(cluster) == ended


def test_it_stays_while_nobody_can_be_asked(cluster: Moving) -> None:
    """Without a key no pod is asked; that is no yes."""
    cluster.edit(without() | {"keys": {"signing": {"name": "later", "key": "k"}}})
    cluster.look()
    cluster.run("auth")
    cluster.look()
    assert not goes(cluster)


def test_it_goes_where_no_router_is_wanted(cluster: Moving) -> None:
    cluster.edit(without() | {"workloads": {"router": {"replicas": 0}}})
    cluster.look()
    router = cluster.at(DEPLOYMENT, "eu-router")
    router["status"] = {"observedGeneration": router["metadata"]["generation"]}
    cluster.bodies = [body for body in cluster.bodies if body["metadata"]["name"] != "router-1"]
    cluster.look()
    assert goes(cluster)


def test_a_provider_that_comes_back_while_it_goes_is_waited_for(cluster: Moving) -> None:
    cluster.edit(without())
    cluster.look()
    cluster.edit(copy.deepcopy(BEFORE))
    cluster.look()
    assert cluster.table() == {"anthropic"}
    assert cluster.condition("Progressing")["reason"] == "WaitingForProvider"
    cluster.end(OLD)
    cluster.look()
    assert cluster.table() == {"anthropic"}
    cluster.run(OLD)
    settle(cluster)
    assert (serving(cluster), cluster.table(), cluster.names(OLD)) == (("True", 3), USED, ALL)


def test_what_is_no_provider_s_goes_at_once(cluster: Moving) -> None:
    cluster.edit(copy.deepcopy(BEFORE) | {"expose": {"ingress": {"host": "ai.example.com"}}})
    settle(cluster)
    cluster.edit(without() | {"network": {"policies": False}})
    cluster.reads = False
    cluster.look()
    gone = {name for verb, name in cluster.written if verb == "delete"}
    assert {("Ingress", "eu-router"), ("NetworkPolicy", "eu-default-deny"), ("NetworkPolicy", "eu-auth")} <= gone
    assert cluster.names(OLD) == ALL


def test_a_certificate_that_is_due_is_made_anew_while_a_provider_stays(cluster: Moving) -> None:
    cluster.edit(without())
    cluster.reads = False
    cluster.look()
    secret = cluster.at(SECRET, f"eu-tls-{OLD}")
    good, secret["data"]["tls.crt"] = secret["data"]["tls.crt"], ""
    cluster.bodies.remove(cluster.at(SECRET, "eu-ca"))  # so the authority is another one, too
    cluster.look()
    data = cluster.at(SECRET, f"eu-tls-{OLD}")["data"]
    assert data["tls.crt"] not in ("", good)
    assert data["ca.crt"] == cluster.at(SECRET, "eu-tls-auth")["data"]["ca.crt"]
    cluster.written.clear()
    cluster.look()
    assert cluster.written == []


def test_what_is_left_of_others_is_theirs() -> None:
    live = applied()
    for body in live.values():
        body["metadata"]["ownerReferences"][0]["uid"] = "other"
    known = context("", without(), uid=UID)
    assert order.kept(known, everything(known, live, datetime.now(UTC)), live, routed=False) == []
    assert named(live["Deployment", f"eu-{OLD}"]) in live
