# SPDX-License-Identifier: Apache-2.0
"""Edits of the good gateway that move what one provider served to another, and what is seen of them."""

import copy

from aigw_operator.kinds import DEPLOYMENT, Object
from unit.contract.good import GOOD
from unit.operator.moving import Moving

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


def serving(cluster: Moving) -> tuple[str, int]:
    found = cluster.condition("Serving")
    return found["status"], found["observedGeneration"]


def goes(cluster: Moving, part: str = OLD) -> bool:
    """Its Deployment is being deleted."""
    return "deletionTimestamp" in cluster.at(DEPLOYMENT, f"eu-{part}")["metadata"]
