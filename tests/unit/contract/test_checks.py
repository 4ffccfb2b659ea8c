# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table of cases, a line each
"""`check`: every fault with its path, one test per rule, and no fault where there is none."""

from typing import Any

import pytest

from aigw_contract.checks import RULES, check
from unit.contract.good import GOOD, set_at


def test_the_object_of_the_documentation_has_no_fault() -> None:
    gateway, faults = check(GOOD)
    assert faults == []
    assert gateway is not None
    assert gateway.spec.features.code_completions is not None


P, M, F, I = "spec/providers", "spec/models", "spec/features", "spec/auth/issuers"  # noqa: E741 - as short as their paths

NAMED = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["http://models.svc:8000/v1", "*"]}

CASES = [
    # shape
    ("spec/colour", "red", "spec.colour: no such field"),
    (f"{P}/0/credentials/secretRef/nam", "x", "spec.providers[0].credentials.secretRef.nam: no such field"),
    ("spec/deployment", "Galactic", "spec.deployment: input should be 'Regional', 'Customer' or 'SelfManaged'"),
    (f"{P}/0/type", "Clippy", "spec.providers[0].type"),
    ("spec/logging", {"level": "loud"}, "spec.logging.level: input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    (f"{F}/chat/timeout", "soon", "spec.features.chat.timeout"),
    (f"{M}/0/name", "Not A Name", "spec.models[0].name"),
    (f"{F}/chat/models", [], "spec.features.chat.models"),
    (f"{P}/1/endpoint", "ftp://x", "spec.providers[1].endpoint"),
    ("kind", "Gateway", "kind"),
    # rules
    (f"{M}/1/provider", "foo", 'spec.models[1].provider: no provider "foo" (known: anthropic, vllm)'),
    (f"{F}/chat/models/0/name", "gpt", 'spec.features.chat.models[0].name: no model "gpt" (known: claude-sonnet, qwen-coder)'),
    ("spec/probe", {"models": ["gpt"]}, 'spec.probe.models[0]: no model "gpt" (known: claude-sonnet, qwen-coder)'),
    (f"{M}/1/name", "claude-sonnet", 'spec.models[0].name: "claude-sonnet" is used 2 times'),
    (f"{I}/1", {"name": "gitlab-com", "url": "https://b.example"}, 'spec.auth.issuers[0].name: "gitlab-com" is used 2 times'),
    (f"{F}/codeCompletions/models/1", {"name": "claude-sonnet"}, "spec.features.codeCompletions.models: give every model a weight"),
    (f"{F}/codeCompletions/models", [{"name": "qwen-coder", "weight": 0}], "spec.features.codeCompletions.models: all weights are 0"),
    (f"{F}/chat/models/1", {"name": "claude-sonnet"}, 'spec.features.chat.models[1].name: "claude-sonnet" is listed before'),
    (f"{F}/chat/timeout", "0s", "spec.features.chat.timeout: must be longer than 0"),
    ("spec/auth/decisionCache", "5m", "spec.auth.decisionCache: must be at most 60s"),
    (f"{M}/0/replaces", ["qwen-coder"], 'spec.models[0].replaces[0]: "qwen-coder" is the name of a model here'),
    (f"{M}/1/replaces", ["claude-2"], 'spec.models[1].replaces[0]: "claude-2" is replaced by "claude-sonnet" already'),
    (f"{M}/0/fim", "Qwen", "spec.models[0].fim: Anthropic has no raw completion endpoint"),
    (f"{P}/2", {"name": "idle", "type": "Echo"}, 'spec.providers[2]: no model uses "idle"'),
    (f"{P}/2", {"name": "second", "type": "Anthropic"}, 'spec.providers[2]: no model uses "second"'),
    (f"{P}/2", {"name": "vertex", "type": "VertexAI", "project": "p"}, "spec.providers[2].location: is required for VertexAI"),
    (f"{P}/1/endpoint", None, "spec.providers[1].endpoint: is required for OpenAICompatible"),
    (f"{P}/0/project", "p", "spec.providers[0].project: has no meaning for Anthropic"),
    (f"{P}/1/requestEndpoints", ["*", "http://a@b"], "spec.providers[1].requestEndpoints[1]"),
    (f"{P}/1/requestEndpoints", ["http://127.1/v1"], "spec.providers[1].requestEndpoints[0]: value error, has a host that is no IP address"),
    (f"{P}/1/requestEndpoints", ["http://a"] * 65, "spec.providers[1].requestEndpoints"),
    (f"{P}/0/requestEndpoints", ["*"], "spec.providers[0].requestEndpoints: has no meaning for Anthropic"),
    (f"{P}/1", NAMED | {"name": "vllm"}, 'spec.models[1].provider: "vllm" has no endpoint, only requestEndpoints'),
    (f"{P}/2", NAMED | {"requestEndpoints": []}, "spec.providers[2].endpoint: is required for OpenAICompatible"),
    (f"{P}/2", NAMED | {"credentials": {"secretRef": {"name": "s", "key": "k"}}}, "spec.providers[2].credentials: is never sent"),
    ("spec/workloads", {"auth": {"autoscaling": {"minReplicas": 20}}}, "spec.workloads.auth.autoscaling: minReplicas is more than maxReplicas"),
    ("spec", GOOD["spec"] | {"expose": {"serviceType": "NodePort"}, "network": {"callers": [{"a": "b"}]}}, "spec.network.callers: never matches: a Service of type NodePort lets anyone call"),
    ("spec/network", {"providerEgress": ["300.0.0.0/8"]}, "spec.network.providerEgress[0]"),
    # names of objects in a cluster
    ("metadata/name", "4eu", "metadata.name"),
    ("metadata/name", "eu.west", "metadata.name"),
    (f"{P}/0/name", "a.b", "spec.providers[0].name"),
    ("metadata/name", "e" * 48, "spec.providers[0].name: is too long: with this metadata.name it has 5 characters at most"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected"), CASES, ids=[expected[:60] for _, _, expected in CASES])
def test_each_fault_is_named_with_its_path(path: str, value: Any, expected: str) -> None:
    _, faults = check(set_at(path, value))
    assert [str(fault) for fault in faults if str(fault).startswith(expected)], [str(f) for f in faults]


def test_every_rule_has_a_case() -> None:
    """A rule that no case above breaks is a rule that no test would miss."""
    broken = set()
    for path, value, _ in CASES:
        gateway, _ = check(set_at(path, value))
        if gateway is not None:
            broken |= {rule for rule in RULES if list(rule(gateway.spec))}
    assert broken == set(RULES)


@pytest.mark.parametrize("manifest", [None, 3, [], "text", {}, {"spec": None}])
def test_what_is_no_manifest_has_faults_too(manifest: Any) -> None:
    gateway, faults = check(manifest)
    assert gateway is None
    assert faults


def test_a_provider_without_models_may_serve_its_proxy() -> None:
    _, faults = check(set_at(f"{P}/2", {"name": "openai", "type": "OpenAI"}))
    assert faults == []


def test_a_provider_for_models_of_requests_needs_no_endpoint_and_no_model() -> None:
    gateway, faults = check(set_at(f"{P}/2", NAMED))
    assert faults == []
    assert gateway is not None
    assert gateway.spec.providers[2].request_endpoints == ["http://models.svc:8000/v1", "*"]


def test_it_may_have_an_endpoint_and_models_of_its_own_beside() -> None:
    assert check(set_at(f"{P}/1/requestEndpoints", ["*"]))[1] == []


def test_a_third_party_type_is_accepted() -> None:
    manifest = set_at(f"{P}/1/type", "example.Shout")
    assert check(manifest)[1] == []
