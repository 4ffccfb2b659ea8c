# SPDX-License-Identifier: Apache-2.0
"""Providers come: routers never have a table whose providers have no pods, whatever is slow or never comes."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aigw_operator import order
from aigw_operator.kinds import CONFIG_MAP, Key
from aigw_operator.loop.pace import Outcome
from aigw_operator.planning.plan import plan
from aigw_operator.wanted import everything, named
from unit.operator.applied import UID, applied
from unit.operator.edited import ALL, BEFORE, NEW, OLD, USED, moved, serving
from unit.operator.gateways import context
from unit.operator.moving import Moving, answering, settle


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


def test_a_look_asks_for_nothing_more_than_it_did(cluster: Moving) -> None:
    """The gateway, its pods, and a Secret that its spec names; also while a table waits."""
    cluster.requests.clear()
    cluster.look()
    assert sorted(cluster.requests) == ["AIGateway", "Pod", "Secret"]
    cluster.edit(moved())
    cluster.look()
    cluster.run(NEW, ready=0)
    cluster.requests.clear()
    cluster.look()
    assert sorted(cluster.requests) == ["AIGateway", "Pod", "Secret"]


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
        ({"metadata": {"annotations": {}}}, True),  # its newest state is being stated in this very look
        ({"spec": {"template": "as an admission made it"}}, False),
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
