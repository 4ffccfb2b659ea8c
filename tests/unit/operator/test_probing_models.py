# SPDX-License-Identifier: Apache-2.0
"""Which models a probe asks: those that the spec names, once for a generation, through one router pod."""

from collections.abc import Sequence
from typing import Any

import pytest

from aigw_contract.gateway import AIGateway
from aigw_contract.probes import Probed
from aigw_operator.probing import Pod, Prober
from aigw_operator.reconcile import _to_ask
from unit.contract.good import GOOD


def gateway() -> AIGateway:
    return AIGateway.model_validate({**GOOD, "spec": {**GOOD["spec"], "probe": {"models": ["claude-sonnet"]}}})


@pytest.mark.parametrize(
    ("status", "asked"),
    [({}, ["claude-sonnet"]), ({"servingGeneration": 1}, ["claude-sonnet"]), ({"servingGeneration": 2}, [])],
)
def test_models_are_asked_until_the_generation_serves(status: dict[str, Any], asked: list[str]) -> None:
    assert list(_to_ask(gateway(), {"metadata": {"generation": 2}, "status": status})) == asked


def test_without_a_wish_none_is_asked() -> None:
    assert list(_to_ask(AIGateway.model_validate(GOOD), {"metadata": {"generation": 2}})) == []


class Recording(Prober):
    """Does not send: the third pod is gone."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []

    def _probe(self, pod: Pod, models: Sequence[str]) -> tuple[Probed | None, str]:
        self.sent.append((pod.name, [*models]))
        return (None, "gone") if pod.name == "router-3" else (Probed("r1", models=dict.fromkeys(models, "")), "")


def pods(*names: str) -> list[Pod]:
    return [Pod(name, name.partition("-")[0], "10.0.0.1", True) for name in names]


def test_only_the_first_router_pod_asks_models() -> None:
    prober = Recording()
    assert prober.probe(pods("auth-1", "router-1", "router-2"), ["a"]) == (Probed("r1", models={"a": ""}), "")
    assert prober.sent == [("router-1", ["a"]), ("router-2", [])]


def test_one_pod_that_does_not_answer_is_one_too_many() -> None:
    assert Recording().probe(pods("router-1", "router-3"), ["a"]) == (None, "router-3: gone")
    assert Recording().probe(pods("auth-1"), ["a"]) == (None, "there is no router pod")
