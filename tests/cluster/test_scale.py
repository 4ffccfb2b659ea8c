# SPDX-License-Identifier: Apache-2.0
"""The operator with many gateways, and without an API server for a while.

It runs as a process of this machine, for a namespace of gateways whose pods find no node: so they cost a cluster
little, and never settle, which is the harder case. `AIGW_TEST_GATEWAYS` says how many; `-s` shows what was measured.
"""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aigw_operator.api.cluster import Cluster
from aigw_operator.kinds import CHILDREN, CONFIG_MAP, DEPLOYMENT, GATEWAY
from cluster import fleet, kube
from cluster.fleet import HOME, NAMESPACE, Operator, Way

pytestmark = pytest.mark.cluster

COUNT = int(os.environ.get("AIGW_TEST_GATEWAYS", "30"))
FEW = 10
PATIENCE = 30 + 2 * COUNT  # seconds, on a machine that others use too
Start = Callable[..., Operator]


@pytest.fixture(scope="module")
def api() -> Iterator[Cluster]:
    """In namespaces of its own; the operator that looks after the whole cluster sleeps meanwhile, if there is one."""
    cluster = fleet.api()
    others = [o["metadata"] for o in cluster.find(DEPLOYMENT, "", "app.kubernetes.io/name=ai-gateway-operator")]
    _scale(others, 0)
    pods = ("pods", "-A", "-l", "app.kubernetes.io/name=ai-gateway-operator")
    kube.until("no other operator runs", lambda: not kube.get(*pods)["items"], 120)
    for namespace in (NAMESPACE, HOME):
        kube.kubectl("create", "namespace", namespace)
    yield cluster
    kube.kubectl("delete", "namespace", NAMESPACE, HOME, "--timeout=600s", timeout=620)
    _scale(others, 1)


def _scale(deployments: list[Any], replicas: int) -> None:
    for one in deployments:
        kube.kubectl("scale", "deployment", one["name"], "-n", one["namespace"], f"--replicas={replicas}")


@pytest.fixture(scope="module")
def way() -> Way:
    return Way()


@pytest.fixture(scope="module")
def start(api: Cluster, way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    place, started = Path(tmp_path_factory.mktemp("operators")), []

    def begin(identity: str, *, leads: bool = True) -> Operator:
        operator = Operator(place, identity, way.kubeconfig)
        started.append(operator)
        if leads:
            kube.until(f"{identity} leads", lambda: fleet.holder(api) == identity, 60)
        return operator

    yield begin
    for operator in started:
        operator.stop(signal.SIGKILL)


class Growth:
    """What it took to have so many."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.sizes: list[tuple[int, float, float, float]] = []  # gateways, MB, requests, seconds

    def to(self, api: Cluster, count: int) -> None:
        known = self.sizes[-1][0] if self.sizes else 0
        began, calls = time.monotonic(), self.operator.total("aigw_operator_api_requests_total")
        for at in range(known, count):
            api.create(GATEWAY, fleet.manifest(f"g{at}"))
        kube.until("all are observed", lambda: not self._behind(api), PATIENCE, every=1 + count / 200)
        calls = self.operator.total("aigw_operator_api_requests_total") - calls
        self.sizes.append((count, self.operator.memory(), calls / (count - known), time.monotonic() - began))

    def _behind(self, api: Cluster) -> list[str]:
        assert self.operator.process.poll() is None
        return fleet.behind(api)


@pytest.fixture(scope="module")
def grown(api: Cluster, start: Start) -> Growth:
    operator = start("one")
    kube.until("it knows the kind", lambda: kube.kubectl("get", "crd", "aigateways.aigateway.dev", "-o", "name") != "")
    made = Growth(operator)
    for count in (FEW, COUNT):
        made.to(api, count)
    return made


@pytest.fixture
def operator(grown: Growth, api: Cluster, start: Start) -> Operator:
    """The one that leads now; the tests before may have ended theirs."""
    if grown.operator.process.poll() is not None:
        grown.operator = start(f"again-{time.monotonic_ns()}")
    return grown.operator


def test_memory_and_requests_are_flat_for_each_gateway(grown: Growth) -> None:
    for count, memory, calls, seconds in grown.sizes:
        print(f"\n{count} gateways: {memory:.0f} MB, {calls:.0f} requests for each new one, {seconds:.1f} s", end="")
    (few, memory_few, calls_few, _), (many, memory_many, calls_many, _) = grown.sizes
    assert calls_many < calls_few * 1.5
    assert (memory_many - memory_few) / (many - few) < 0.5  # MB


def test_a_look_asks_for_the_gateway_and_its_pods_and_nothing_is_written(api: Cluster, operator: Operator) -> None:
    """Not of the Lease."""
    time.sleep(3)
    before, versions = operator.metrics(), _versions(api)
    time.sleep(15)
    after = operator.metrics()
    spent = {name: after[name] - before.get(name, 0) for name in after}
    writes = sum(_requests(spent, verb) for verb in ("create", "patch", "delete"))
    looks = sum(count for name, count in spent.items() if name.startswith("aigw_operator_reconciles_total"))
    reads = _requests(spent, "get") + _requests(spent, "list")
    print(f"\n{COUNT} gateways for 15 s: {looks:g} looks, {reads:g} reads, {writes:g} writes", end="")
    assert looks > 0
    assert writes == 0
    assert _requests(spent, "update") <= 5
    assert reads <= 2 * looks + 20
    assert _versions(api) == versions


def test_an_edit_is_observed_soon(api: Cluster, operator: Operator) -> None:
    """While all the others wait for pods that never come."""
    names = [f"g{at}" for at in range(0, COUNT, max(1, -(-COUNT // 20)))]
    found = [fleet.seconds_until_observed(api, name, fleet.edit(api, name, region="us")) for name in names]
    print(f"\n{len(found)} edits: median {statistics.median(found):.2f} s, worst {max(found):.2f} s", end="")
    assert max(found) < 10


def test_a_burst_of_edits_is_few_looks_and_the_last_one_wins(api: Cluster, operator: Operator) -> None:
    before = operator.applied("ConfigMap g0-last-good")
    began = time.monotonic()
    for at in range(50):
        generation = fleet.edit(api, "g0", region=f"burst-{at}")
    took = time.monotonic() - began
    fleet.seconds_until_observed(api, "g0", generation)
    applied = operator.applied("ConfigMap g0-last-good") - before
    print(f"\n50 edits in {took:.1f} s were applied {applied} times", end="")
    kept = api.get(CONFIG_MAP, NAMESPACE, "g0-last-good")
    assert kept is not None
    assert "burst-49" in kept["data"]["gateway.json"]
    assert 1 <= applied <= 5 + took * 5  # looks at one gateway are at least 0.2 s apart


def test_secrets_of_others_cost_no_memory(api: Cluster, operator: Operator) -> None:
    before, data = operator.memory(), {"big": "A" * 280_000}
    for at in range(100):
        metadata = {"name": f"big-{at}", "namespace": NAMESPACE}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        api.create(CHILDREN[1], body)
    time.sleep(2)
    print(f"\n100 Secrets of 200 kB: {operator.memory() - before:+.1f} MB", end="")
    assert operator.memory() - before < 10


def test_it_hands_over_at_once(api: Cluster, grown: Growth, operator: Operator, start: Start) -> None:
    following = start(f"next-{time.monotonic_ns()}", leads=False)
    kube.until("it watches", following.healthy)
    assert fleet.holder(api) == operator.identity
    began = time.monotonic()
    operator.process.send_signal(signal.SIGTERM)
    while fleet.holder(api) != following.identity:
        assert time.monotonic() < began + 10
        time.sleep(0.02)
    handed = time.monotonic() - began
    operator.stop()
    print(f"\nhanded over after {handed:.2f} s, the process ended after {time.monotonic() - began:.2f} s", end="")
    assert handed < 5
    grown.operator = following
    assert fleet.seconds_until_observed(api, "g1", fleet.edit(api, "g1", region="next")) < 20


def test_it_outlives_the_api_server(api: Cluster, operator: Operator, way: Way) -> None:
    """Longer than its Lease; with everything that it had open broken."""
    way.cut()
    try:
        time.sleep(17)
        assert operator.process.poll() is None
        assert operator.healthy()
        generation = fleet.edit(api, "g2", region="while-it-was-away")
    finally:
        way.mend()
    missed = fleet.seconds_until_observed(api, "g2", generation)
    edited = fleet.seconds_until_observed(api, "g3", fleet.edit(api, "g3", region="afterwards"))
    print(f"\nafter an outage: missed edit after {missed:.1f} s, the next one after {edited:.2f} s", end="")
    assert operator.process.poll() is None
    assert fleet.holder(api) == operator.identity
    assert missed < 30
    assert edited < 20


def test_a_gateway_can_be_deleted_while_no_operator_runs(api: Cluster, grown: Growth, start: Start) -> None:
    grown.operator.stop(signal.SIGKILL)
    body = api.get(GATEWAY, NAMESPACE, "g4")
    assert body is not None
    assert "finalizers" not in body["metadata"]
    assert kube.belongings(NAMESPACE, "g4")
    kube.kubectl("delete", "aigateway", "g4", "-n", NAMESPACE, "--timeout=30s")
    kube.until("its children are gone", lambda: not kube.belongings(NAMESPACE, "g4"), 120)
    grown.operator = start(f"after-{time.monotonic_ns()}")
    assert fleet.seconds_until_observed(api, "g5", fleet.edit(api, "g5", region="after")) < 30
    assert not kube.belongings(NAMESPACE, "g4")


def _requests(spent: dict[str, float], verb: str) -> float:
    pattern = f'verb="{verb}"'
    return sum(count for name, count in spent.items() if "api_requests_total" in name and pattern in name)


def _versions(api: Cluster) -> dict[tuple[str, str], Any]:
    """Of Deployments without what their controller says of pods that it may not make."""
    kinds = [kind for kind in (GATEWAY, *CHILDREN) if not kind.optional]
    found = [o for kind in kinds for o in api.find(kind, NAMESPACE)]
    version = {DEPLOYMENT.kind: "generation"}
    return {(o["kind"], o["metadata"]["name"]): o["metadata"][version.get(o["kind"], "resourceVersion")] for o in found}
