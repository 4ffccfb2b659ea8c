# SPDX-License-Identifier: Apache-2.0
"""Which pods an edit restarts: those that cannot learn of it otherwise, and no others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.contract.good import GOOD
from unit.operator.gateways import made, pods

ROUTER, AUTH, ANTHROPIC, VLLM = "router", "auth", "provider-anthropic", "provider-vllm"
PROVIDERS = {ANTHROPIC, VLLM}
ALL = {ROUTER, AUTH} | PROVIDERS
SPEC = GOOD["spec"]

EDITS: list[tuple[str, Any, set[str]]] = [
    # what is re-read restarts nothing
    ("region", "europe-west4", set()),
    ("auth/issuers/0/realms", [], set()),
    ("auth/issuers/1", {"name": "customers", "url": "https://customers.gitlab.com"}, set()),
    ("auth/decisionCache", "0s", set()),
    ("auth/staleKeys", "1h", set()),
    ("models/0/id", "claude-opus-4", set()),
    ("models/0/replaces", ["claude-2", "claude-2.1"], set()),
    ("features/chat/timeout", "90s", set()),
    ("features/codeCompletions/models/0/weight", 50, set()),
    # what is no pod's business either
    ("expose", {"serviceType": "NodePort"}, set()),
    ("expose", {"ingress": {"host": "ai.example.com"}}, set()),
    ("network", {"policies": False}, set()),
    ("monitoring", {"labels": {"team": "ai"}}, set()),
    ("workloads", {"router": {"replicas": 5}}, set()),
    ("workloads", {"providers": {"autoscaling": {"minReplicas": 3}}}, set()),
    # a provider reads its settings once
    ("providers/1/endpoint", "http://vllm.elsewhere.svc:8000/v1", {VLLM}),
    ("providers/0/timeout", "30s", {ANTHROPIC}),
    ("limits", {"maxBodyBytes": 4096}, PROVIDERS),
    # where a file comes from is in the pod; what is in it is not
    ("providers/0/credentials/secretRef", {"name": "anthropic", "key": "other-key"}, {ANTHROPIC}),
    ("keys", {"signing": {"name": "own", "key": "k"}}, {AUTH}),
    ("keys", {"internal": {"name": "own", "key": "k"}}, ALL),
    ("trust", {"caBundle": {"name": "corporate"}}, {AUTH} | PROVIDERS),
    ("egressProxy", {"url": "http://proxy:3128"}, {AUTH} | PROVIDERS),
    ("images", {"digests": {"auth": "sha256:" + "a" * 64}}, {AUTH}),
    ("images", {"tag": "2.0.0"}, ALL),
    ("logging", {"level": "DEBUG"}, ALL),
    ("logging", {"level": "INFO"}, set()),  # which it is by itself
    ("workloads", {"auth": {"resources": {"limits": {"memory": "1Gi"}}}}, {AUTH}),
    ("workloads", {"providers": {"annotations": {"team": "ai"}}}, PROVIDERS),
    # a provider comes or goes
    ("providers/2", {"name": "openai", "type": "OpenAI"}, {"provider-openai"}),
]


@pytest.mark.parametrize(("path", "value", "rolled"), EDITS, ids=[f"{path}={value}"[:60] for path, value, _ in EDITS])
def test_an_edit_restarts_only_what_cannot_re_read_it(path: str, value: Any, rolled: set[str]) -> None:
    before, after = pods(made()), pods(made(path, value))
    assert {name for name in before | after if before.get(name) != after.get(name)} == rolled


@given(
    timeout=st.integers(1, 999),
    ids=st.lists(st.text("abc-", min_size=1, max_size=9), min_size=2, max_size=2),
    region=st.text("abc", max_size=9),
)
def test_whatever_is_routed_where_no_pod_restarts(timeout: int, ids: list[str], region: str) -> None:
    models = [m | {"id": new} for m, new in zip(SPEC["models"], ids, strict=True)]
    features = {"chat": {"timeout": f"{timeout}s", "models": [{"name": "claude-sonnet"}, {"name": "qwen-coder"}]}}
    edited = {**SPEC, "region": region, "models": models, "features": features}
    assert pods(made(value=edited)) == pods(made())


@given(st.permutations(range(2)))
def test_one_provider_never_restarts_another(order: list[int]) -> None:
    edited = {**SPEC, "providers": [SPEC["providers"][at] for at in order] + [{"name": "openai", "type": "OpenAI"}]}
    found = pods(made(value=edited))
    assert {name: found[name] for name in ALL} == pods(made())


def test_selectors_stay_whatever_is_edited() -> None:
    """A Deployment's selector cannot be changed."""
    before = {name: body["spec"]["selector"] for (kind, name), body in made().items() if kind == "Deployment"}
    for path, value, _ in EDITS:
        after = made(path, value)
        assert all(after["Deployment", name]["spec"]["selector"] == selector for name, selector in before.items())


def test_with_autoscaling_the_number_of_replicas_is_left_alone() -> None:
    found = made("workloads", {"router": {"replicas": 7, "autoscaling": {"minReplicas": 3}}})
    assert "replicas" not in found["Deployment", ROUTER]["spec"]
    assert found["Deployment", AUTH]["spec"]["replicas"] == 2
    spec = found["HorizontalPodAutoscaler", ROUTER]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    assert spec["scaleTargetRef"]["name"] == "eu-router"
