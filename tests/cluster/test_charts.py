# SPDX-License-Identifier: Apache-2.0
"""The self-managed chart over its life: installed, tested, upgraded and rolled back under load, removed.

"The previous version" is this tree's chart with a lower number: it shows how helm and the operator go about it, and
nothing about what an older version was like.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster import kube
from cluster.asking import Load
from cluster.conftest import RESTRICTED, Client, Issuer
from cluster.looking import generation, pods, until_serves, until_settled

pytestmark = pytest.mark.cluster

NAMESPACE, RELEASE = "aigw-charts", "ai-gateway"
CHARTS = kube.ROOT / "charts"
CURRENT = str(yaml.safe_load((CHARTS / "ai-gateway" / "Chart.yaml").read_text())["version"])
PREVIOUS = "0.0.1"
STAYS = {"configmap/kube-root-ca.crt", "serviceaccount/default", "secret/brought"}
KINDS = "all,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,aigateways"


class Release:
    """The gateway's chart beside an operator that looks after the whole cluster."""

    def __init__(self, folder: Path, values: Path) -> None:
        self.folder, self.values = folder, values

    def package(self, version: str) -> str:
        """As it would be pulled, with the operator's chart in it."""
        copy = self.folder / version
        shutil.copytree(CHARTS, copy, ignore=shutil.ignore_patterns("*.tgz", "Chart.lock", "*.pyc"))
        kube.helm("package", str(copy / RELEASE), "--dependency-update", "--version", version, "-d", str(copy))
        return str(copy / f"{RELEASE}-{version}.tgz")

    def upgrade(self, chart: str, *options: str) -> None:
        words = ("upgrade", "--install", RELEASE, chart, "--namespace", NAMESPACE, "--values", str(self.values))
        kube.helm(*words, "--set", "operator.enabled=false", *options)
        until_serves(RELEASE, NAMESPACE, generation(RELEASE, NAMESPACE))


@pytest.fixture(scope="module")
def place(operator: str) -> Iterator[str]:
    with kube.namespace(NAMESPACE, **RESTRICTED):
        yield NAMESPACE


@pytest.fixture(scope="module")
def release(place: str, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Of the previous version, and serving."""
    kube.kubectl("create", "secret", "generic", "brought", "--from-literal=key=value", "-n", NAMESPACE)
    folder = tmp_path_factory.mktemp("charts")
    values = folder / "values.json"
    issuers = [{"name": "test", "url": issuer.url, "jwksUri": f"{issuer.url}/keys"}]
    values.write_text(json.dumps({
        "customerPortalUrl": "", "auth": {"issuers": issuers},
        "providers": [{"name": "echo", "type": "Echo"}],
        "models": [{"name": "echo", "provider": "echo", "id": "echo"}],
        "image": {"prefix": kube.IMAGE, "tag": kube.TAG},
    }))  # fmt: skip
    made = Release(folder, values)
    made.upgrade(made.package(PREVIOUS))
    return made


def version() -> str:
    """The chart's, as the object says."""
    labels = kube.get("aigateway", RELEASE, "-n", NAMESPACE)["metadata"]["labels"]
    return str(labels["helm.sh/chart"].removeprefix(f"{RELEASE}-"))


def test_an_installation_serves_and_its_test_passes(client: Client, issuer: Issuer, release: Release) -> None:
    said = kube.helm("test", RELEASE, "--namespace", NAMESPACE, "--logs", "--timeout", "120s")
    assert "/monitoring/ready 200" in said
    assert "/ 401" in said
    assert version() == PREVIOUS


def test_an_upgrade_and_a_rollback_under_load_fail_no_request(client: Client, issuer: Issuer, release: Release) -> None:
    """The upgrade changes the routing table and rolls the routers; the rollback does it again."""
    first = pods(NAMESPACE, "router")
    with Load(client, issuer, RELEASE, namespace=NAMESPACE) as load:
        models = json.dumps([{"name": "echo", "provider": "echo", "id": "echo--pace-1"}])
        workloads = json.dumps({"router": {"annotations": {"new": "1"}}})
        changed = ("--set-json", f"models={models}", "--set-json", f"workloads={workloads}")
        release.upgrade(release.package(CURRENT), *changed)
        until_settled(RELEASE, NAMESPACE)
        second = pods(NAMESPACE, "router")
        assert (version(), model()) == (CURRENT, "echo--pace-1")
        kube.helm("rollback", RELEASE, "1", "--namespace", NAMESPACE)
        until_serves(RELEASE, NAMESPACE, generation(RELEASE, NAMESPACE))
        until_settled(RELEASE, NAMESPACE)
    assert load.found["bad"] == []
    assert (version(), model()) == (PREVIOUS, "echo")
    assert not first & second
    assert not second & pods(NAMESPACE, "router")


def model() -> str:
    """In the table that routers read."""
    table = kube.get("configmap", f"{RELEASE}-router", "-n", NAMESPACE)["data"]["table.json"]
    return str(json.loads(table)["models"]["echo"]["id"])


def test_an_uninstallation_leaves_what_was_brought_and_the_crd(release: Release) -> None:
    assert left() > STAYS
    kube.helm("uninstall", RELEASE, "--namespace", NAMESPACE)
    kube.until("all else is gone", lambda: left() == STAYS, 120)
    assert kube.kubectl("get", "crd", "aigateways.aigateway.dev", "-o", "name")


def left() -> set[str]:
    return set(kube.kubectl("get", KINDS, "-n", NAMESPACE, "-o", "name").split())
