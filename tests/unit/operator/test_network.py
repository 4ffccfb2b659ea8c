# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicies: only the arrows of the picture; and how the router is reached from outside."""

from typing import Any

import pytest

from aigw_operator.desired.peers import LINK_LOCAL, METADATA_SERVERS
from unit.contract.good import GOOD
from unit.operator.gateways import made

PARTS = ("router", "auth", "provider-anthropic", "provider-vllm")
ANYONE: list[Any] = [{"namespaceSelector": {}}]
INGRESS = {"ingress": {"host": "ai.example.com"}}


def policy(part: str, path: str = "", value: Any = None, **facts: Any) -> dict[str, Any]:
    spec: dict[str, Any] = made(path, value, **facts)["NetworkPolicy", part]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    return spec


def let_in(part: str, port: int, path: str = "", value: Any = None) -> list[Any] | None:
    """The peers that may connect to a port; None: anyone."""
    (rule,) = (r for r in policy(part, path, value)["ingress"] if r["ports"] == [{"port": port, "protocol": "TCP"}])
    peers: list[Any] | None = rule.get("from")
    return peers


def way_out(part: str, path: str = "", value: Any = None) -> list[Any]:
    """The peers that it may connect to, without DNS."""
    rules = policy(part, path, value)["egress"]
    return [
        peer for rule in rules if {"port": 53, "protocol": "UDP"} not in rule.get("ports", []) for peer in rule["to"]
    ]


def test_what_is_not_allowed_is_denied_for_all_pods_of_the_gateway() -> None:
    spec = policy("default-deny")
    assert "ingress" not in spec
    assert "egress" not in spec
    assert spec["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "ai-gateway",
        "app.kubernetes.io/instance": "eu",
    }


@pytest.mark.parametrize("part", PARTS[1:])
def test_behind_the_router_only_the_router_and_the_operator_call(part: str) -> None:
    peers = let_in(part, 5052)
    assert peers is not None
    router, operator = peers
    (expression,) = router["podSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("In", ["router"])
    assert router["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "eu"
    assert "namespaceSelector" not in router, "the gateway's own namespace"
    assert operator["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ai-gateway"}
    assert operator["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "ai-gateway-operator"}


def test_the_operator_is_where_it_says() -> None:
    (rule, _) = policy("auth", operator_namespace="elsewhere")["ingress"]
    assert rule["from"][1]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "elsewhere"}


@pytest.mark.parametrize("part", PARTS)
def test_metrics_are_open_to_the_cluster(part: str) -> None:
    assert let_in(part, 8082) == ANYONE


def test_the_router_connects_to_parts_and_names_alone() -> None:
    (peer,) = way_out("router")
    (expression,) = peer["podSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("NotIn", ["router"])
    (_, parts) = policy("router")["egress"]
    assert parts["ports"] == [{"port": 5052, "protocol": "TCP"}]


def test_a_new_provider_changes_no_other_policy() -> None:
    more = made("providers/2", {"name": "openai", "type": "OpenAI"})
    assert all(more["NetworkPolicy", part] == made()["NetworkPolicy", part] for part in PARTS)


@pytest.mark.parametrize("part", PARTS[1:])
def test_providers_and_auth_reach_models_and_issuers_but_no_metadata_server(part: str) -> None:
    v4, *v6 = METADATA_SERVERS
    assert way_out(part) == [
        {"namespaceSelector": {}},
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [v4]}},
        {"ipBlock": {"cidr": "::/0", "except": v6}},
    ]


@pytest.mark.parametrize(("credentials", "asks"), [(None, True), ({"secretRef": {"name": "g", "key": "k"}}, False)])
def test_vertex_without_a_key_may_ask_the_metadata_server_for_its_identity(credentials: Any, asks: bool) -> None:
    vertex = {"name": "vertex", "type": "VertexAI", "project": "p", "location": "global", "credentials": credentials}
    assert ({"ipBlock": {"cidr": LINK_LOCAL}} in way_out("provider-vertex", "providers/2", vertex)) == asks


@pytest.mark.parametrize(
    ("cidr", "block"),
    [
        ("10.0.0.0/8", {"cidr": "10.0.0.0/8"}),
        (LINK_LOCAL, {"cidr": LINK_LOCAL}),  # who names it means it
        ("169.254.169.254/32", {"cidr": "169.254.169.254/32"}),
        ("169.0.0.0/8", {"cidr": "169.0.0.0/8", "except": [LINK_LOCAL]}),
        ("10.1.2.3/8", {"cidr": "10.1.2.3/8"}),
        ("2001:db8::/32", {"cidr": "2001:db8::/32"}),
    ],
)
def test_the_way_out_can_be_narrowed(cidr: str, block: dict[str, Any]) -> None:
    (_, found) = way_out("auth", "network", {"providerEgress": [cidr]})
    assert found == {"ipBlock": block}


def test_models_that_requests_name_are_reached_as_any_others() -> None:
    """In the cluster and outside of it; which of them are called is not for a policy to say."""
    custom = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["*"]}
    assert way_out("provider-custom", "providers/2", custom) == way_out("provider-vllm")


def test_the_echo_provider_connects_to_nobody() -> None:
    models = [*GOOD["spec"]["models"], {"name": "echo", "provider": "echo", "id": "echo"}]
    spec = {
        **GOOD["spec"],
        "providers": [*GOOD["spec"]["providers"], {"name": "echo", "type": "Echo"}],
        "models": models,
    }
    assert policy("provider-echo", "", spec)["egress"] == []


@pytest.mark.parametrize(
    ("expose", "callers", "expected"),
    [
        ({}, [], ANYONE),
        ({}, [{"team": "a"}], [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]),
        (INGRESS, [{"team": "a"}], [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]),
        (INGRESS, [], None),  # an Ingress controller's address can be a node's
        ({"httpRoute": {"parentRefs": [{"name": "shared"}]}}, [], None),
        ({"serviceType": "LoadBalancer"}, [], None),  # the client's own address can arrive
        ({"serviceType": "NodePort"}, [], None),
    ],
)
def test_who_may_call_the_router(expose: dict[str, Any], callers: list[Any], expected: list[Any] | None) -> None:
    peers = let_in("router", 5052, "", {**GOOD["spec"], "expose": expose, "network": {"callers": callers}})
    if expected is None:
        assert peers is None
    else:
        assert peers is not None
        assert peers[:-1] == expected
        assert "podSelector" in peers[-1], "the operator"


def test_only_the_routers_service_changes_its_type() -> None:
    found = made("expose", {"serviceType": "LoadBalancer"})
    types = {part: found["Service", part]["spec"]["type"] for part in PARTS}
    assert types == {"router": "LoadBalancer"} | dict.fromkeys(PARTS[1:], "ClusterIP")


def test_an_ingress_keeps_streams_unbuffered_and_its_annotations_are_the_users_at_last() -> None:
    own = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "600", "cert-manager.io/issuer": "x"}
    wanted = {"host": "ai.example.com", "className": "nginx", "tlsSecretName": "tls", "annotations": own}
    body = made("expose", {"ingress": wanted})["Ingress", "router"]
    annotations = body["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == str(10 * 1024 * 1024)
    assert own.items() <= annotations.items()
    assert body["spec"]["tls"] == [{"hosts": ["ai.example.com"], "secretName": "tls"}]
    assert body["spec"]["ingressClassName"] == "nginx"


def test_an_ingress_needs_only_a_host() -> None:
    spec = made("expose", INGRESS)["Ingress", "router"]["spec"]
    assert set(spec) == {"rules"}


def test_a_route_names_its_gateways() -> None:
    parents = [{"name": "shared", "namespace": "gateways", "sectionName": "https"}]
    spec = made("expose", {"httpRoute": {"hostnames": ["ai.example.com"], "parentRefs": parents}})[
        "HTTPRoute", "router"
    ]["spec"]
    assert parents[0].items() <= spec["parentRefs"][0].items()
    assert spec["hostnames"] == ["ai.example.com"]
    assert spec["rules"][0]["backendRefs"][0]["name"] == "eu-router"


def test_a_pod_monitor_has_the_labels_that_prometheus_selects_by() -> None:
    body = made("monitoring", {"labels": {"release": "prometheus"}}, pod_monitors=True)["PodMonitor", "metrics"]
    assert body["metadata"]["labels"]["release"] == "prometheus"
    assert body["spec"]["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics"}]
