# SPDX-License-Identifier: Apache-2.0
"""Providers come and go: routers never have a table whose providers have no pods, whatever is slow or never comes."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aigw_operator import order
from aigw_operator.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Key, Object
from aigw_operator.loop.pace import Outcome
from aigw_operator.planning.plan import plan
from aigw_operator.wanted import everything, named
from unit.contract.good import GOOD
from unit.operator.applied import UID, applied
from unit.operator.gateways import context
from unit.operator.moving import Moving, answering, pod, settle

BEFORE: Object = GOOD["spec"]
NEW = "provider-openai"
OLD = "provider-vllm"
ALL = {"Deployment", "Service", "ServiceAccount", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "Secret"}
USED = {"anthropic", "vllm"}


def moved() -> Object:
    """What vllm served is openai's from now on."""
    spec = copy.deepcopy(BEFORE)
    spec["providers"][1] = {"name": "openai", "type": "OpenAI"}
    spec["models"][1] = {"name": "qwen-coder", "provider": "openai", "id": "gpt"}
    return spec


def without() -> Object:
    """Nobody takes vllm's place."""
    spec = copy.deepcopy(BEFORE)
    del spec["providers"][1], spec["models"][1], spec["features"]["codeCompletions"]["models"][0]
    return spec


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    """The good gateway, and it serves."""
    made = Moving(copy.deepcopy(BEFORE), *applied().values())
    answering(made, monkeypatch)
    settle(made)
    made.written.clear()
    assert made.look() is Outcome.SETTLED
    assert (made.written, made.table()) == ([], USED)
    return made


def serving(cluster: Moving) -> tuple[str, int]:
    found = cluster.condition("Serving")
    return found["status"], found["observedGeneration"]


def goes(cluster: Moving, part: str = OLD) -> bool:
    """Its Deployment is being deleted."""
    return "deletionTimestamp" in cluster.at(DEPLOYMENT, f"eu-{part}")["metadata"]


def test_a_table_waits_for_pods_of_a_new_provider(cluster: Moving) -> None:
    cluster.edit(moved() | {"probe": {"models": ["claude-sonnet"]}})
    assert cluster.look() is Outcome.WAITING
    assert cluster.table() == USED
    assert {f"eu-{NEW}", "eu-auth"} & set(cluster.applied_last) == {f"eu-{NEW}"}
    assert serving(cluster) == ("True", 1)
    found = cluster.condition("Progressing")
    assert (found["status"], found["reason"]) == ("True", "WaitingForProvider")
    assert NEW in found["message"]
    assert OLD in found["message"], "what is left of it"
    status = cluster.gateway["status"]
    assert (status["observedGeneration"], status["appliedGeneration"], status["servingGeneration"]) == (2, 1, 1)
    assert cluster.asked[-1] == []
    cluster.run(NEW)
    assert cluster.look() is Outcome.WAITING
    assert cluster.table() == {"anthropic", "openai"}
    assert serving(cluster) == ("True", 2)
    assert cluster.asked[-1] == ["claude-sonnet"]


def test_it_waits_for_ever_and_writes_nothing(cluster: Moving) -> None:
    """An image that cannot be pulled, and an operator that begins anew."""
    cluster.edit(moved())
    cluster.look()
    cluster.run(NEW, ready=0)
    cluster.look()
    cluster.written.clear()
    for _ in range(3):
        assert cluster.look() is Outcome.WAITING
    assert cluster.written == []
    assert (serving(cluster), cluster.table(), cluster.names(OLD)) == (("True", 1), USED, ALL)
    assert f"{NEW} 0/2" in cluster.condition("Progressing")["message"]


def test_an_edit_that_is_taken_back_recovers(cluster: Moving) -> None:
    cluster.edit(moved())
    cluster.look()
    cluster.run(NEW, ready=0)
    cluster.edit(copy.deepcopy(BEFORE))
    settle(cluster)
    assert (serving(cluster), cluster.table(), cluster.names(NEW), cluster.names(OLD)) == (
        ("True", 3),
        USED,
        set(),
        ALL,
    )
    assert cluster.condition("Progressing")["reason"] == "UpToDate"
    assert cluster.look() is Outcome.SETTLED


def test_the_rest_of_the_table_waits_with_it(cluster: Moving) -> None:
    cluster.edit(moved() | {"region": "elsewhere"})
    cluster.look()
    assert cluster.applied_last
    assert json.loads(cluster.at(CONFIG_MAP, "eu-router")["data"]["table.json"])["region"] == BEFORE["region"]


def test_the_plan_says_what_is_so_in_the_end(cluster: Moving) -> None:
    cluster.edit(moved())
    cluster.look()
    known, live = context("", moved(), uid=UID), {named(body): body for body in cluster.belongings(Key("", "eu"))}
    found = plan(known, everything(known, live, datetime.now(UTC)), live)
    assert {name for _, name, _ in found.changed} == {"eu-router", "eu-last-good"}
    assert {effect.part for effect in found.effects if effect.what == "stops"} == {OLD}
    assert len(found.deleted) == len(ALL)
    assert found.created == []


def test_a_broken_edit_meanwhile_changes_nothing(cluster: Moving) -> None:
    cluster.edit(moved())
    cluster.look()
    broken = moved()
    broken["models"][0]["provider"] = "nobody"
    cluster.edit(broken)
    cluster.run(NEW)
    cluster.look()
    assert cluster.condition("Accepted")["status"] == "False"
    assert (serving(cluster), cluster.table(), cluster.names(OLD)) == (("True", 1), USED, ALL)


def test_on_a_first_install_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Moving(copy.deepcopy(BEFORE), *[o for o in applied().values() if o["kind"] == "Secret"])
    answering(made, monkeypatch)
    made.look()
    assert made.table() == USED
    assert made.condition("Progressing")["reason"] == "RollingOut"


@pytest.mark.parametrize(
    ("changed", "waits"),
    [
        ({}, False),
        ({"status": {}}, True),
        ({"spec": {"template": "another"}}, True),
        ({"metadata": {"deletionTimestamp": "now"}}, True),
        ({"status": {"availableReplicas": 1}}, False),
        ({"status": {"availableReplicas": 0}}, True),
        ({"status": {"observedGeneration": 0}}, True),
        ({"status": {"replicas": 3}}, True),  # a pod of its old state, which the Service leads to, too
        ({"since": 1}, True),
        ({"since": 5}, False),
    ],
)
def test_when_a_provider_can_be_routed_to(changed: dict[str, Any], waits: bool) -> None:
    known, now = context("providers/2", {"name": "openai", "type": "OpenAI"}, uid=UID), datetime.now(UTC)
    live = applied("providers/2", {"name": "openai", "type": "OpenAI"})
    live["ConfigMap", "eu-router"] = applied()["ConfigMap", "eu-router"]
    whole = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    since = (now - timedelta(seconds=changed.pop("since", 60))).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = {"conditions": [{"type": "Available", "lastUpdateTime": since}, {"type": "Other"}]}
    body = live["Deployment", f"eu-{NEW}"]
    body["metadata"]["generation"] = 1
    body["status"] = (whole | conditions | changed["status"]) if changed.get("status") else {}
    body["status"] = body["status"] if "status" in changed else whole | conditions
    for place in ("spec", "metadata"):
        body[place] |= changed.get(place, {})
    assert order.step(known, everything(known, live, now), live, now).awaited == ([NEW] if waits else [])


def test_a_provider_that_wants_no_pods_is_not_waited_for() -> None:
    spec = copy.deepcopy(BEFORE) | {"workloads": {"providers": {"replicas": 0}}}
    spec["providers"].append({"name": "openai", "type": "OpenAI"})
    live, now = applied("", spec), datetime.now(UTC)
    live["ConfigMap", "eu-router"] = applied()["ConfigMap", "eu-router"]
    live["Deployment", f"eu-{NEW}"]["metadata"]["generation"] = 0
    known = context("", spec, uid=UID)
    assert order.step(known, everything(known, live, now), live, now).awaited == []


def test_a_table_that_cannot_be_read_is_written_anew(cluster: Moving) -> None:
    cluster.at(CONFIG_MAP, "eu-router")["data"] = {"table.json": "[]"}
    cluster.look()
    assert cluster.table() == USED


def test_a_provider_that_changes_under_its_name_is_not_waited_for(cluster: Moving) -> None:
    spec = copy.deepcopy(BEFORE)
    spec["providers"][1]["endpoint"] = "http://elsewhere/v1"
    spec["models"][1]["id"] = "another"
    cluster.edit(spec)
    cluster.look()
    assert "eu-router" in cluster.applied_last


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
