# SPDX-License-Identifier: Apache-2.0
"""From the object to what the services read."""

import msgspec
import pytest

from aigw_contract.checks import check
from aigw_contract.gateway import GatewaySpec
from aigw_contract.plan import plan_auth, plan_provider, plan_table
from aigw_contract.shape import seconds
from aigw_contract.table import Choice, FeatureRoute, ModelRoute, RequestedRoute, RoutingTable
from unit.contract.good import GOOD, set_at

URLS = {"anthropic": "http://a:1", "vllm": "http://v:1"}


@pytest.fixture
def spec() -> GatewaySpec:
    gateway, _ = check(GOOD)
    assert gateway is not None
    return gateway.spec


def test_the_table_says_what_the_spec_says(spec: GatewaySpec) -> None:
    table = plan_table(spec, URLS)
    assert table.models["qwen-coder"] == ModelRoute("vllm", "qwen2.5-coder", "Qwen")
    assert table.features["code_completions"] == FeatureRoute(
        3.0, [Choice("qwen-coder", 90), Choice("claude-sonnet", 10)]
    )
    assert table.proxies == {"anthropic": "anthropic"}
    assert table.region == "europe-west1"
    assert set(table.features) == {"code_completions", "chat"}


def test_the_revision_names_the_content(spec: GatewaySpec) -> None:
    same = plan_table(spec, dict(reversed(URLS.items())))
    other = plan_table(spec, URLS | {"vllm": "http://elsewhere:1"})
    assert plan_table(spec, URLS).revision == same.revision
    assert plan_table(spec, URLS).revision != other.revision


def test_the_table_survives_its_file(spec: GatewaySpec) -> None:
    table = plan_table(spec, URLS)
    assert msgspec.json.decode(msgspec.json.encode(table), type=RoutingTable) == table


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("claude-sonnet", "", "claude-sonnet"),
        ("claude-2", "", "claude-sonnet"),  # replaced
        ("claude-2", "anthropic", "claude-sonnet"),
        ("claude-sonnet-4", "Anthropic", "claude-sonnet"),  # the provider's own id
        ("qwen2.5-coder", "litellm", "qwen-coder"),
        ("qwen-coder", "vllm", "qwen-coder"),
        ("claude-2", "openai", None),
        ("gpt-4", "", None),
        ("", "", None),
    ],
)
def test_callers_names_are_resolved(spec: GatewaySpec, model: str, provider: str, found: str | None) -> None:
    assert plan_table(spec, URLS).resolve(model, provider) == found


def test_a_retired_name_wins_over_a_provider_id() -> None:
    gateway, faults = check(set_at("spec/models/1/replaces", ["claude-sonnet-4"]))
    assert faults == []
    assert gateway is not None
    assert plan_table(gateway.spec, URLS).resolve("claude-sonnet-4") == "qwen-coder"


def test_the_cache_of_decisions_is_never_longer_than_a_minute() -> None:
    gateway, _ = check(set_at("spec/auth/decisionCache", "2h"))
    assert gateway is not None
    assert plan_table(gateway.spec, URLS).decision_cache_seconds == 60.0


def test_issuers_and_providers_keep_what_was_written(spec: GatewaySpec) -> None:
    auth = plan_auth(spec, signing_key_file="/k")
    assert [(i.issuer, i.realms, i.algorithms) for i in auth.issuers] == [("https://gitlab.com", ["saas"], ["RS256"])]
    settings = plan_provider(spec, spec.providers[1], "", "")
    assert settings.endpoint == "http://vllm.models.svc:8000/v1"


def test_addresses_that_requests_may_name_are_told_in_the_order_of_the_providers() -> None:
    manifest = set_at("spec/providers/2", {"name": "b", "type": "OpenAICompatible", "requestEndpoints": ["http://b"]})
    last = {"name": "a", "type": "OpenAICompatible", "requestEndpoints": ["*"], "timeout": "5s"}
    manifest["spec"]["providers"].append(last)
    gateway, faults = check(manifest)
    assert faults == []
    assert gateway is not None
    table = plan_table(gateway.spec, URLS | {"a": "http://x:1", "b": "http://y:1"})
    assert table.requested == [RequestedRoute("b", ["http://b"], 90.0), RequestedRoute("a", ["*"], 5.0)]
    settings = plan_provider(gateway.spec, gateway.spec.providers[3], "", "")
    assert (settings.endpoint, settings.request_endpoints) == ("", ["*"])


def test_what_names_no_addresses_is_written_as_before(spec: GatewaySpec) -> None:
    """So that a table and settings of an older version are read, and an upgrade alone restarts nothing."""
    assert b"request" not in msgspec.json.encode(plan_table(spec, URLS))
    assert b"request" not in msgspec.json.encode(plan_provider(spec, spec.providers[1], "", ""))


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("3s", 3), ("2m", 120), ("24h", 86400)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value
