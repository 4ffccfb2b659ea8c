# SPDX-License-Identifier: Apache-2.0
"""The AIGateway object that the tests run, and its Secrets: every provider is the scripted upstream."""

from collections.abc import Iterable, Sequence
from typing import Any

KEYS = {"anthropic": "test-anthropic-key", "openai": "test-openai-key", "vertex": "test-vertex-token"}
"""Provider -> the credential that the scripted upstream takes."""

FAMILIES = {"claude": "anthropic", "gpt": "openai", "gemini": "vertex", "mistral": "vllm"}
"""What a scripted model's name begins with -> its provider."""

BEHAVIOURS = (
    "hang",
    "slow-5000",
    "die-before",
    "die-after-3--pace-20",
    "truncate-after-3",
    "hang-after-3",
    "error-event-first",
    "error-event-after-3",
    "empty",
    "too-long",
    "fail-400",
    "fail-401",
    "fail-404",
    "fail-429--retry-after-7",
    "fail-429--retry-after-30",
    "fail-500",
    "fail-503",
    "pace-50--chunks-200",
    "pace-100--chunks-8",
    "slow-300",
)
"""Each is a model of each family, under the name that tells it: `claude--hang`."""


def scripted(family: str, behaviour: str) -> dict[str, Any]:
    """A model whose behaviour is in its name."""
    name = f"{family}--{behaviour}"
    return {"name": name, "provider": FAMILIES[family], "id": name}


MODELS: list[dict[str, Any]] = [
    {"name": "claude", "provider": "anthropic", "id": "claude-x", "replaces": ["claude-2", "claude-2.1"]},
    {"name": "gpt", "provider": "openai", "id": "gpt-x", "replaces": ["gpt-retired"]},
    {"name": "gemini", "provider": "vertex", "id": "gemini-x"},
    {"name": "claude-on-vertex", "provider": "vertex", "id": "claude-x@20250101"},
    {"name": "mistral", "provider": "vllm", "id": "mistral-x"},
    {"name": "qwen", "provider": "vllm", "id": "qwen-x", "fim": "Qwen"},
    {"name": "qwen-paced", "provider": "vllm", "id": "qwen-x--pace-100--chunks-8", "fim": "Qwen"},
    {"name": "echo", "provider": "echo", "id": "echo"},
    {"name": "embed", "provider": "openai", "id": "text-embedding-x"},
    *(scripted(family, behaviour) for family in FAMILIES for behaviour in BEHAVIOURS),
]


def providers(upstream: str, silence: str = "1s") -> list[dict[str, Any]]:
    """All five types. `silence`: the longest that a begun answer may pause."""
    return [
        _provider("anthropic", "Anthropic", f"{upstream}/anthropic", silence),
        _provider("openai", "OpenAI", f"{upstream}/openai/v1", silence),
        _provider("vertex", "VertexAI", f"{upstream}/vertex", silence) | {"project": "ours", "location": "here"},
        _provider("vllm", "OpenAICompatible", f"{upstream}/vllm/v1", silence),
        {"name": "echo", "type": "Echo"},
    ]


def _provider(name: str, kind: str, endpoint: str, silence: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": kind, "endpoint": endpoint, "timeout": silence}
    return found | ({"credentials": {"secretRef": {"name": name, "key": "key"}}} if name in KEYS else {})


def secret(name: str, value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"key": value}}


def feature(timeout: str, *models: str) -> dict[str, Any]:
    return {"timeout": timeout, "models": [{"name": name} for name in models]}


def manifest(
    providers: Sequence[dict[str, Any]],
    models: Iterable[dict[str, Any]],
    features: dict[str, Any],
    keys: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The documents of one file."""
    spec = {
        "deployment": "Regional",
        "region": "test",
        "providers": list(providers),
        "models": list(models),
        "features": features,
    }
    gateway = {
        "apiVersion": "aigateway.dev/v1alpha1",
        "kind": "AIGateway",
        "metadata": {"name": "tests"},
        "spec": spec,
    }
    return [gateway, *(secret(name, value) for name, value in (KEYS if keys is None else keys).items())]


def everything(upstream: str) -> list[dict[str, Any]]:
    """What most tests run: all providers, all scripted models, all features."""
    features = {
        "codeCompletions": feature("2s", "qwen", "claude"),
        "codeGenerations": feature("5s", "claude", "gpt"),
        "embeddings": feature("3s", "embed"),
    }
    return manifest(providers(upstream), MODELS, features)
