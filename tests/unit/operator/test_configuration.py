# SPDX-License-Identifier: Apache-2.0
"""What parts are told: the files in ConfigMaps are what the services read, and hold no secret."""

import msgspec
import pytest

from aigw_contract.plan import revision
from aigw_contract.table import AuthSettings, ProviderSettings, RequestedRoute, RoutingTable
from aigw_operator.desired.deployment import SETTINGS
from aigw_operator.desired.quantity import canonical
from unit.operator.gateways import made, pods


def file(part: str, name: str) -> str:
    data: dict[str, str] = made()["ConfigMap", part]["data"]
    assert set(data) == {name}
    return data[name]


def test_the_router_reads_its_table() -> None:
    table = msgspec.json.decode(file("router", "table.json"), type=RoutingTable)
    assert table.providers["vllm"].url == "https://eu-provider-vllm.ai-gateway.svc:5052"
    assert table.revision


def test_auth_reads_its_settings() -> None:
    settings = msgspec.json.decode(file("auth", "settings.json"), type=AuthSettings)
    assert [issuer.name for issuer in settings.issuers] == ["gitlab-com"]
    assert settings.signing_key_file == "/etc/aigw/signing/signing.pem"
    assert not settings.validation_key_file


def test_a_provider_reads_its_own_settings_and_its_pods_carry_their_revision() -> None:
    content = file("provider-anthropic", "settings.json")
    settings = msgspec.json.decode(content, type=ProviderSettings)
    assert (settings.name, settings.credential_file) == ("anthropic", "/etc/aigw/credentials/credential")
    assert not msgspec.json.decode(file("provider-vllm", "settings.json"), type=ProviderSettings).credential_file
    annotations = pods(made())["provider-anthropic"]["metadata"]["annotations"]
    assert annotations == {SETTINGS: revision(content.encode())}


def test_a_provider_without_an_endpoint_is_told_which_addresses_requests_may_name() -> None:
    custom = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["http://vllm:8000/v1", "*"]}
    found = made("providers/2", custom)
    table = msgspec.json.decode(found["ConfigMap", "router"]["data"]["table.json"], type=RoutingTable)
    assert table.requested == [RequestedRoute("custom", ["http://vllm:8000/v1", "*"], 90.0)]
    raw = found["ConfigMap", "provider-custom"]["data"]["settings.json"]
    settings = msgspec.json.decode(raw, type=ProviderSettings)
    assert (settings.endpoint, settings.request_endpoints) == ("", ["http://vllm:8000/v1", "*"])


def test_a_users_annotation_cannot_hide_the_revision() -> None:
    found = made("workloads", {"providers": {"annotations": {SETTINGS: "mine", "team": "ai"}}})
    annotations = pods(found)["provider-vllm"]["metadata"]["annotations"]
    assert annotations["team"] == "ai"
    assert annotations[SETTINGS] == pods(made())["provider-vllm"]["metadata"]["annotations"][SETTINGS]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("100m", "100m"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("1000m", "1"),
        ("2", "2"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("128Mi", "128Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Gi", "512Mi"),
        ("1.5Gi", "1536Mi"),
        ("2000M", "2G"),
        ("0.1", "100m"),
        ("0.0001", "1m"),
        ("0", "0"),
        ("0Mi", "0"),
        ("2048Gi", "2Ti"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1.1Gi", "1181116006400m"),
        ("0.3Ki", "307200m"),
        ("100000m", "100"),
    ],
)
def test_quantities_are_stated_as_the_api_server_stores_them(written: str, stored: str) -> None:
    assert canonical(written) == stored


def test_resources_are_those_of_the_workload() -> None:
    found = made("workloads", {"auth": {"resources": {"requests": {"cpu": "0.5"}, "limits": {}}}})
    (container,) = pods(found)["auth"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "500m"}}
