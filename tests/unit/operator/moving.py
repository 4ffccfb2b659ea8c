# SPDX-License-Identifier: Apache-2.0
"""A cluster in which pods come and go when a test says so, and routers read their table when it says so."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pytest

from aigw_contract.probes import Probed, ProviderState
from aigw_operator import observe
from aigw_operator.api.cluster import FIELD_MANAGER, Cluster
from aigw_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, Key, Kind, Object
from aigw_operator.loop.pace import Outcome
from aigw_operator.order import providers_of
from aigw_operator.probing import Late, Pod
from aigw_operator.reconcile import Facts, reconcile
from aigw_operator.wanted import named
from unit.contract.good import GOOD
from unit.operator.applied import UID, FakeCluster

FACTS = Facts("ghcr.io/ai-gateway/aigw-", "dev", "ai-gateway", False)
WHERE = {"namespace": GOOD["metadata"]["namespace"]}
BROUGHT: Object = {"kind": "Secret", "metadata": {"name": "anthropic", **WHERE}, "data": {"api-key": "a2V5"}}
LONG_AGO = "2026-01-01T00:00:00Z"


class Moving(FakeCluster):
    """What is written is there. `reads`: whether routers read a table that is new, and say so."""

    def __init__(self, spec: Object, *bodies: Object) -> None:
        metadata = GOOD["metadata"] | {"uid": UID, "generation": 1}
        super().__init__({**GOOD, "metadata": metadata, "spec": spec}, BROUGHT, *bodies)
        self.reads = True
        self.used: dict[str, Any] = {}  # the table that routers use
        self.asked: list[Sequence[str]] = []  # models, for each probe
        self.requests: list[str] = []  # kinds that were asked for
        self.applied_last: list[str] = []  # names, of the look before
        for name in self.deployments():
            self.run(name.removeprefix("eu-"))

    def look(self) -> Outcome:
        before = len(self.written)
        outcome = reconcile(Key(WHERE["namespace"], "eu"), cast(Cluster, self), FACTS)
        self.applied_last = [name for verb, (_, name) in self.written[before:] if verb == "apply"]
        return outcome

    def edit(self, spec: Object) -> None:
        self.gateway["metadata"]["generation"] += 1
        self.gateway["spec"] = spec

    @property
    def gateway(self) -> Object:
        return self.bodies[0]

    def condition(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = next(c for c in self.gateway["status"]["conditions"] if c["type"] == kind)
        return found

    def at(self, kind: Kind, name: str) -> Object:
        return next(body for body in self.bodies if named(body) == (kind.kind, name))

    def deployments(self) -> list[str]:
        return [body["metadata"]["name"] for body in self.bodies if body["kind"] == DEPLOYMENT.kind]

    def names(self, part: str) -> set[str]:
        """Kinds of what there is of a part."""
        parts = (part, f"tls-{part}")
        return {o["kind"] for o in self._ours() if o["metadata"]["labels"]["app.kubernetes.io/component"] in parts}

    def table(self) -> set[str]:
        """Providers of the table that is there."""
        return providers_of(self.at(CONFIG_MAP, "eu-router")) or set()

    def run(self, part: str, ready: int = 2, since: str = LONG_AGO) -> None:
        """Its pods are those of the newest state."""
        deployment = self.at(DEPLOYMENT, f"eu-{part}")
        counts = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": ready}
        moved = {"conditions": [{"type": "Progressing", "lastUpdateTime": since}]}
        deployment["status"] = (
            {"observedGeneration": deployment["metadata"].setdefault("generation", 1)} | counts | moved
        )
        self.bodies = [body for body in self.bodies if body["metadata"]["name"] != f"{part}-1"]
        self.bodies.append(pod(part))

    def end(self, part: str) -> None:
        """The last pod of a Deployment that is being deleted has ended."""
        assert self.at(DEPLOYMENT, f"eu-{part}")["metadata"]["deletionTimestamp"]
        gone = [(DEPLOYMENT.kind, f"eu-{part}"), (POD.kind, f"{part}-1")]
        self.bodies = [body for body in self.bodies if named(body) not in gone]

    def belongings(self, _: Key) -> list[Object]:
        return [cast(Object, json.loads(json.dumps(body))) for body in self._ours()]

    def _ours(self) -> list[Object]:
        return [body for body in self.bodies[2:] if body["kind"] != POD.kind]

    def find(self, kind: Kind, namespace: str, selector: str = "", name: str = "", **_: Any) -> list[Object]:
        self.requests.append(kind.kind)
        return super().find(kind, namespace, selector, name)

    def apply(self, _: Kind, body: Object, manager: str = FIELD_MANAGER) -> Object:
        super().apply(_, body, manager)
        if manager == FIELD_MANAGER:
            self._keep(json.loads(json.dumps(body)))
        return body

    def overwrite(self, kind: Kind, body: Object) -> Object:
        return self.apply(kind, body)

    def _keep(self, body: Object) -> None:
        old = next((known for known in self.bodies if named(known) == named(body)), {"metadata": {}})
        self.bodies = [known for known in self.bodies if named(known) != named(body)]
        metadata = {"uid": "9f", "generation": old["metadata"].get("generation", 0) + 1}
        self.bodies.append({**body, "metadata": {**body["metadata"], **metadata}, "status": old.get("status", {})})

    def delete(self, kind: Kind, _: str, name: str, uid: str, *, with_pods: bool = False) -> None:
        super().delete(kind, _, name)
        assert self.at(kind, name)["metadata"]["uid"] == uid
        if with_pods:
            self.at(kind, name)["metadata"]["deletionTimestamp"] = "now"
        else:
            self.bodies = [body for body in self.bodies if named(body) != (kind.kind, name)]

    def annotate(self, *_: Any) -> None:
        pass

    def patch_status(self, _: Kind, __: str, ___: str, status: Object) -> None:
        self.written.append(("status", ("AIGateway", "eu")))
        self.gateway["status"] = status

    def event(self, *_: Any, **__: Any) -> None:
        pass


def pod(part: str, **metadata: Any) -> Object:
    labels = {"app.kubernetes.io/component": part, "app.kubernetes.io/instance": "eu"}
    labels["app.kubernetes.io/managed-by"] = "aigw-operator"
    return {
        "kind": POD.kind,
        "metadata": {"name": f"{part}-1", **WHERE, "labels": labels, **metadata},
        "status": {"podIP": "10.0.0.1", "phase": "Running"},
    }


def answering(cluster: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods say what `cluster` knows of them."""

    class Answers:
        def __init__(self, *_: Any) -> None:
            if cluster.reads:
                cluster.used = json.loads(cluster.at(CONFIG_MAP, "eu-router")["data"]["table.json"])

        def behind(self, pods: Iterable[Pod], wanted: Mapping[str, str]) -> list[Late]:
            asked = {pod.part for pod in pods}
            assert asked <= wanted.keys(), "a part that should have no pods is asked"
            states = {part: cluster.at(DEPLOYMENT, f"eu-{part}")["status"] for part in asked}
            late = {part for part, state in states.items() if state.get("availableReplicas") == 0}
            late |= {"router"} if wanted["router"] != cluster.used["revision"] else set()
            return [Late(part, f"{part}-1 is late") for part in sorted(late & asked)]

        def probe(self, _: Any, models: Sequence[str]) -> tuple[Probed, str]:
            cluster.asked.append(models)
            names = cluster.used["providers"]
            lost = [name for name in names if f"eu-provider-{name}" not in cluster.deployments()]
            return Probed("r", {name: ProviderState("r", "present") for name in names}, lost), ""

        def close(self) -> None:
            pass

    monkeypatch.setattr(observe, "Prober", Answers)


def settle(cluster: Moving, looks: int = 12) -> None:
    """Pods come and go as they should."""
    for _ in range(looks):
        cluster.look()
        for name in cluster.deployments():
            leaving = cluster.at(DEPLOYMENT, name)["metadata"].get("deletionTimestamp")
            (cluster.end if leaving else cluster.run)(name.removeprefix("eu-"))
