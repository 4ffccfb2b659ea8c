# SPDX-License-Identifier: Apache-2.0
"""values.yaml is the one source: what is generated from it is fresh, and what is not in it is refused."""

import subprocess
import sys

import pytest
import yaml

from unit.charts.rendering import CHARTS, GATEWAY, OPERATOR, Helm, Refused, values

ENOUGH = ["--set", "gitlab.url=https://gitlab.example.com", "--set", "anthropicApiKey.secret=anthropic"]


def test_tables_and_schemas_are_as_values_yaml_says() -> None:
    check = [sys.executable, str(CHARTS / "generate.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"run `python charts/generate.py`:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("chart", [OPERATOR, GATEWAY])
def test_helm_finds_nothing_to_mend(helm: Helm, chart: str) -> None:
    for path in values(chart):
        assert "0 chart(s) failed" in helm.run("lint", "--strict", chart, "--values", str(path))


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("gitlab.urll=x", "urll"),
        ("anthropicApiKeys.value=x", "anthropicApiKeys"),
        ("models[0].nme=x", "nme"),
        ("workloads.router.replica=3", "replica"),
        ("egressProxy.url=https://proxy", "egressProxy"),
        ("operator.watch.namespace=x", "namespace"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("customModels.endpoint=x", "endpoint"),
        ("customModels.endpoints={}", "endpoints"),
        ("aigwSigningKey.name=x", "name"),
    ],
)
def test_a_value_that_is_not_there_is_refused(helm: Helm, option: str, named: str) -> None:
    with pytest.raises(Refused, match=named):
        helm.template(GATEWAY, *ENOUGH, "--set", option)


@pytest.mark.parametrize("option", ["image.digest=latest", "watch.namespaces={Eu}", "networkPolicies.enabled=true"])
def test_the_operators_values_are_checked_too(helm: Helm, option: str) -> None:
    with pytest.raises(Refused, match=r"schema"):
        helm.template(OPERATOR, "--set", option)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "no provider: set anthropicApiKey"),
        (["--set", "providers[0].name=echo,providers[0].type=Echo"], "no model: say in models"),
        ([*ENOUGH, "--set", "ingress.enabled=true"], "ingress.hosts is empty"),
        ([*ENOUGH, "--set", "aigwSigningKey.secret=keys"], "aigwSigningKey.key is empty"),
        ([*ENOUGH, "--set", "image.tag=self-hosted-v18.4.0-ee"], "image.tag is that of GitLab's image"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_installed(helm: Helm, options: list[str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        helm.template(GATEWAY, *options)


def test_both_charts_are_of_the_same_version() -> None:
    operator, gateway = (yaml.safe_load((CHARTS / name / "Chart.yaml").read_text()) for name in (OPERATOR, GATEWAY))
    (dependency,) = gateway["dependencies"]
    versions = {chart[key] for chart in (operator, gateway) for key in ("version", "appVersion")}
    assert versions == {dependency["version"]}
