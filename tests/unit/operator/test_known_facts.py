# SPDX-License-Identifier: Apache-2.0
"""Where `aigw plan` learns what the operator knows: from the user, the operator's Deployment, or what runs."""

from datetime import timedelta
from typing import Any

import pytest

from aigw_operator.lives import USUAL, Lives
from aigw_operator.planning import facts
from aigw_operator.planning.facts import DEFAULT, Source
from aigw_operator.settings import OperatorSettings
from unit.operator.applied import applied
from unit.operator.gateways import context


def operator(name: str, *, watches: str = "", **environment: str) -> dict[str, Any]:
    values = {"AIGW_OPERATOR_WATCH_NAMESPACES": watches, **environment}
    env: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in values.items()]
    env.append({"name": "AIGW_OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}})
    labels = {"app.kubernetes.io/name": "ai-gateway-operator", "app.kubernetes.io/version": "0.1.0"}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ops", "labels": labels},
        "spec": {"template": {"spec": {"containers": [{"name": "operator", "env": env}]}}},
    }


def test_the_operator_says_what_it_is_told() -> None:
    told = operator("o", AIGW_OPERATOR_IMAGE_PREFIX="r/aigw-", AIGW_OPERATOR_IMAGE_TAG="7")
    found = facts.of_operator(told)
    assert found.facts == {"image_prefix": "r/aigw-", "image_tag": "7", "operator_namespace": "ops"}
    assert found.who == "the operator's Deployment ops/o"
    assert facts.version(told) == "0.1.0"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, USUAL),
        ({"AIGW_OPERATOR_HANDOVER_SECONDS": "21600"}, USUAL._replace(handover=timedelta(hours=6))),
        (
            {"AIGW_OPERATOR_AUTHORITY_SECONDS": "90.5", "AIGW_OPERATOR_CERTIFICATE_SECONDS": "60"},
            USUAL._replace(authority=timedelta(seconds=90.5), certificate=timedelta(seconds=60)),
        ),
        ({"AIGW_OPERATOR_HANDOVER_SECONDS": "", "AIGW_OPERATOR_CERTIFICATE_SECONDS": "soon"}, USUAL),
        ({"AIGW_OPERATOR_CERTIFICATE_SECONDS": "1e300"}, USUAL),
    ],
)
def test_how_long_certificates_live_where_the_operator_makes_them(told: dict[str, str], found: Lives) -> None:
    assert facts.lives(operator("o", **told)) == found


def test_the_operator_reads_these_variables_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dict.fromkeys(facts.LIVES.values(), "7200")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert facts.lives(operator("o", **told)) == OperatorSettings().lives
    assert facts.lives(None) == USUAL


@pytest.mark.parametrize(
    ("operators", "found"),
    [
        ([], None),
        ([operator("all")], "all"),
        ([operator("elsewhere", watches="a,b")], None),
        ([operator("all"), operator("ours", watches="a, ai-gateway")], "ours"),
    ],
)
def test_the_one_that_looks_after_the_namespace(operators: list[Any], found: str | None) -> None:
    chosen = facts.responsible(operators, "ai-gateway")
    assert (chosen["metadata"]["name"] if chosen else None) == found


def test_what_runs_says_it_too() -> None:
    live = applied(image_prefix="r:5000/x/aigw-", image_tag="3", operator_namespace="ops")
    assert facts.of_live(context(), live).facts == {
        "image_prefix": "r:5000/x/aigw-",
        "image_tag": "3",
        "operator_namespace": "ops",
    }


def test_what_runs_says_nothing_that_the_gateway_said_itself() -> None:
    images = {"prefix": "own/aigw-", "tag": "9"}
    live = applied("images", images, operator_namespace="ops")
    assert facts.of_live(context("images", images), live).facts == {"operator_namespace": "ops"}


def test_a_digest_is_no_tag() -> None:
    images = {"digests": {"router": f"sha256:{'a' * 64}"}}
    found = facts.of_live(context("images", images), applied("images", images, image_prefix="r:5000/", image_tag="3"))
    assert (found.facts["image_prefix"], found.facts["image_tag"]) == ("r:5000/", "3")
    images = {"digests": dict.fromkeys(("router", "auth", "providers"), f"sha256:{'a' * 64}")}
    found = facts.of_live(context("images", images), applied("images", images))
    assert "image_tag" not in found.facts


def test_nothing_runs() -> None:
    assert facts.of_live(context(), {}).facts == {}


def test_the_first_who_knows_is_believed() -> None:
    known = facts.chosen([Source("a", {"image_tag": "1"}), Source("b", {"image_tag": "2", "image_prefix": "x"})])
    assert known == {
        "image_tag": ("1", "a"),
        "image_prefix": ("x", "b"),
        "operator_namespace": ("ai-gateway", DEFAULT),
    }
