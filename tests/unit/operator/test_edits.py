# SPDX-License-Identifier: Apache-2.0
"""The plan of an edit: what the operator would write, which pods restart and why, and nothing secret in it."""

import base64
import copy
import json
from typing import Any, cast

import pytest

from aigw_operator import reconcile
from aigw_operator.api.cluster import FIELD_MANAGER, Cluster
from aigw_operator.desired.context import MANAGER
from aigw_operator.drift import stamped
from aigw_operator.planning.plan import HIDDEN, Plan, plan, spec_changes
from aigw_operator.planning.report import Report, to_json, to_text
from unit.contract.good import GOOD, set_at
from unit.operator.applied import UID, FakeCluster, applied, wanted
from unit.operator.gateways import context
from unit.operator.moving import Moving, answering, settle
from unit.operator.test_rollouts import EDITS

PROXY = {"url": "http://user:hunter2@proxy:3128"}


def planned(path: str = "", value: Any = None, *, live: Any = None, **facts: Any) -> Plan:
    """An edit of the good gateway at one place, beside the good gateway as it was applied."""
    before = applied() if live is None else live
    known = context(path, value, uid=UID, **facts)
    return plan(known, wanted(known, before), before)


def report(found: Plan, **more: Any) -> Report:
    return Report("ai-gateway", "eu", "there", False, [], found, {}, [])._replace(**more)


def effects(found: Plan, what: str) -> set[str]:
    return {effect.part for effect in found.effects if effect.what == what}


def test_without_an_edit_nothing_changes() -> None:
    found = planned()
    assert found.empty
    assert found.unchanged == len(applied())
    assert {effect.what for effect in found.effects} == {"is not affected"}
    assert "Nothing changes" in to_text(report(found))


@pytest.mark.parametrize(("path", "value", "rolled"), EDITS, ids=[f"{path}={value}"[:60] for path, value, _ in EDITS])
def test_it_names_the_parts_that_restart(path: str, value: Any, rolled: set[str]) -> None:
    found = planned(path, value)
    assert effects(found, "restarts") | effects(found, "starts") == rolled
    assert all(effect.because for effect in found.effects if effect.what != "is not affected")


@pytest.mark.parametrize(("path", "value", "rolled"), EDITS, ids=[f"{path}={value}"[:60] for path, value, _ in EDITS])
def test_taking_it_back_restarts_the_same(path: str, value: Any, rolled: set[str]) -> None:
    """What is stated no more is in no object that should be: only the API server's book says that it goes."""
    found = planned(live=applied(path, value))
    assert effects(found, "restarts") | effects(found, "stops") == rolled


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, value, _ in EDITS])
@pytest.mark.parametrize("back", [False, True])
def test_the_operator_does_what_the_plan_says_in_the_end(path: str, value: Any, back: bool, monkeypatch: Any) -> None:
    before = applied(path, value) if back else applied()
    found = planned(live=before) if back else planned(path, value)
    edited = GOOD if back else set_at(f"spec/{path}", value)
    cluster = Moving(edited["spec"], *copy.deepcopy([*before.values()]))
    answering(cluster, monkeypatch)
    settle(cluster)
    changed = [("apply", (kind, name)) for kind, name, _ in found.changed]
    created = [("apply", name) for name in found.created]
    written = [what for what in cluster.written if what[0] != "status"]
    assert sorted(written) == sorted([*changed, *created, *(("delete", name) for name in found.deleted)])


def test_a_table_is_re_read() -> None:
    found = planned("models/0/id", "claude-opus-4")
    assert effects(found, "re-reads") == {"router"}
    text = to_text(report(found))
    assert (
        "  ~ ConfigMap eu-router\n      data[table.json].models.claude-sonnet.id: claude-sonnet-4 → claude-opus-4"
        in text
    )
    assert "  router: re-reads its table (ConfigMap eu-router), no restart\n" in text
    assert "  not affected: auth, provider-anthropic, provider-vllm\n" in text
    assert "revision" not in text
    assert "  ~ ConfigMap eu-last-good: what the operator notes for itself\n" in text


def test_the_reason_of_a_restart_is_the_field() -> None:
    found = planned(image_tag="2")
    assert effects(found, "restarts") == {"router", "auth", "provider-anthropic", "provider-vllm"}
    line = (
        "spec.template.spec.containers[0].image: ghcr.io/ai-gateway/aigw-router:dev → ghcr.io/ai-gateway/aigw-router:2"
    )
    assert found.effects[0].because == [line]
    assert f"  router: restarts:\n      {line}\n" in to_text(report(found))


def test_the_reason_of_a_provider_is_in_its_settings() -> None:
    found = planned("providers/1/endpoint", "http://elsewhere/v1")
    because = next(effect.because for effect in found.effects if effect.part == "provider-vllm")
    assert because == ["data[settings.json].endpoint: http://vllm.models.svc:8000/v1 → http://elsewhere/v1"]


def test_replicas_scale() -> None:
    found = planned("workloads", {"router": {"replicas": 5}})
    assert "  router: scales: spec.replicas: 2 → 5, no restart\n" in to_text(report(found))


def test_a_new_gateway_is_created() -> None:
    found = planned(live={})
    assert len(found.created) == len(applied())
    assert [*found.changed, *found.deleted] == []
    assert {effect.what for effect in found.effects} == {"starts"}


def test_a_provider_that_goes_is_deleted() -> None:
    more = applied("providers/2", {"name": "openai", "type": "OpenAI"})
    found = planned(live=more)
    assert set(found.deleted) == set(more) - set(applied())
    assert effects(found, "stops") == {"provider-openai"}
    assert "  - Deployment eu-provider-openai\n" in to_text(report(found))


def test_what_somebody_else_owns_is_left_alone() -> None:
    more = applied("providers/2", {"name": "openai", "type": "OpenAI"})
    for body in more.values():
        body["metadata"]["ownerReferences"][0]["uid"] = "other"
    assert not planned(live=more).deleted


def test_drift_is_put_back() -> None:
    live = applied()
    live["Service", "eu-auth"]["spec"]["ports"][0]["port"] = 1
    found = planned(live=live)
    assert [(c.name, [str(change) for change in c.changes]) for c in found.changed] == [
        ("eu-auth", ["spec.ports[0].port: 1 → 5052"])
    ]


def test_no_value_of_a_secret_is_in_it() -> None:
    """Of a key that is to be made, of a certificate that is due, and of what somebody else put there."""
    live = applied()
    secrets = {name: body for name, body in live.items() if name[0] == "Secret"}
    live["Secret", "eu-internal"]["data"] = {}
    live["Secret", "eu-tls-auth"]["data"]["tls.crt"] = base64.b64encode(b"hunter2").decode()
    known = context(uid=UID)
    made = wanted(known, live)
    found = plan(known, made, live)
    said = to_text(report(found)) + json.dumps(to_json(report(found)))
    values = [v for o in (*made, *secrets.values()) if o["kind"] == "Secret" for v in o["data"].values()]
    assert len(values) > 10
    assert not [value for value in values if value in said]
    lines = {c.name: [str(change) for change in c.changes] for c in found.changed}
    assert lines["eu-internal"] == [f"data.key: (not set) → {HIDDEN}"]
    assert f"data[tls.crt]: {HIDDEN} → {HIDDEN}" in lines["eu-tls-auth"]
    assert effects(found, "re-reads") == {"router", "auth", "provider-anthropic", "provider-vllm"}


def test_no_password_of_an_address_is_in_it() -> None:
    found = planned("egressProxy", PROXY)
    spec = spec_changes({"egressProxy": None}, {"egressProxy": PROXY})
    said = to_text(report(found, spec=spec)) + json.dumps(to_json(report(found, spec=spec)))
    assert "hunter2" not in said
    assert "http://(secret)@proxy:3128" in said


def test_what_is_stated_anew_and_stays_the_same_restarts_nothing() -> None:
    """As after an upgrade whose builders say what the API server has by default."""
    live = applied()
    body = live["Service", "eu-auth"]
    del body["spec"]["ports"][0]["appProtocol"]
    live["Service", "eu-auth"] = stamped(body)
    body["spec"]["ports"][0]["appProtocol"] = "https"
    found = planned(live=live)
    assert [(c.name, c.changes) for c in found.changed] == [("eu-auth", [])]
    assert {effect.what for effect in found.effects} == {"is not affected"}


def test_json_has_the_same() -> None:
    found = to_json(report(planned("models/0/id", "b"), notes=["n"], facts={"image_tag": ("1", "x")}))
    assert found["ok"]
    assert found["changes"]
    assert found["unchanged"] == len(applied()) - 2
    changed = {one["name"]: one["changes"] for one in found["changed"]}
    assert changed["eu-router"] == [
        {"path": "data[table.json].models.claude-sonnet.id", "old": "claude-sonnet-4", "new": "b"},
        {"path": "data[table.json].aliases.b", "old": None, "new": "claude-sonnet"},
        {"path": "data[table.json].aliases.claude-sonnet-4", "old": "claude-sonnet", "new": None},
    ]
    assert found["parts"][0] == {"part": "router", "what": "re-reads", "because": ["its table (ConfigMap eu-router)"]}
    assert found["facts"] == {"image_tag": {"value": "1", "from": "x"}}
    json.dumps(found)


def test_the_manager_is_the_one_that_applies() -> None:
    assert MANAGER == FIELD_MANAGER, "else nothing would be found that is stated no more"


def test_an_autoscaler_begins_with_the_replicas_that_are_there() -> None:
    """Without it they would fall to one: nobody would state them any more."""
    before = applied("workloads", {"router": {"replicas": 4}})
    scaled = context("workloads", {"router": {"autoscaling": {"minReplicas": 2}}}, uid=UID)
    cluster = FakeCluster(*before.values())
    reconcile._apply(scaled, before, cast(Cluster, cluster))
    (kept,) = cluster.handed_over
    assert (kept["metadata"]["name"], kept["spec"]) == ("eu-router", {"replicas": 4})
    after = applied("workloads", {"router": {"autoscaling": {"minReplicas": 2}}})
    again = FakeCluster(*after.values())
    reconcile._apply(scaled, after, cast(Cluster, again))
    assert again.handed_over == []


def test_the_plan_of_an_autoscaler_says_where_it_begins() -> None:
    found = planned("workloads", {"router": {"autoscaling": {"minReplicas": 2}}})
    assert "  router: scales: the autoscaler has it from here, beginning with 2, no restart\n" in to_text(report(found))
