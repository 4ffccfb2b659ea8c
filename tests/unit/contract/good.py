# SPDX-License-Identifier: Apache-2.0
"""A manifest without a fault, and a way to break it at one place."""

import copy
from typing import Any

GOOD: dict[str, Any] = {
    "apiVersion": "aigateway.dev/v1alpha1",
    "kind": "AIGateway",
    "metadata": {"name": "eu", "namespace": "ai-gateway"},
    "spec": {
        "deployment": "Regional",
        "region": "europe-west1",
        "auth": {"issuers": [{"name": "gitlab-com", "url": "https://gitlab.com", "realms": ["saas"]}]},
        "providers": [
            {
                "name": "anthropic",
                "type": "Anthropic",
                "credentials": {"secretRef": {"name": "anthropic", "key": "api-key"}},
            },
            {"name": "vllm", "type": "OpenAICompatible", "endpoint": "http://vllm.models.svc:8000/v1"},
        ],
        "models": [
            {"name": "claude-sonnet", "provider": "anthropic", "id": "claude-sonnet-4", "replaces": ["claude-2"]},
            {"name": "qwen-coder", "provider": "vllm", "id": "qwen2.5-coder", "fim": "Qwen"},
        ],
        "features": {
            "codeCompletions": {
                "timeout": "3s",
                "models": [{"name": "qwen-coder", "weight": 90}, {"name": "claude-sonnet", "weight": 10}],
            },
            "chat": {"timeout": "60s", "models": [{"name": "claude-sonnet"}]},
        },
    },
}


def set_at(path: str, value: Any) -> dict[str, Any]:
    manifest = copy.deepcopy(GOOD)
    place: Any = manifest
    *steps, last = [int(s) if s.isdigit() else s for s in path.split("/")]
    for step in steps:
        place = place[step]
    if isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return manifest
