# SPDX-License-Identifier: Apache-2.0
"""Pods: restricted, with the files that they need and no others, ready to be replaced without a lost request."""

from typing import Any

import pytest

from aigw_contract.gateway import Logging
from aigw_kit.settings import ServiceSettings
from aigw_operator.desired import places
from unit.contract.good import set_at
from unit.operator.gateways import context, made, pods

PARTS = ("router", "auth", "provider-anthropic", "provider-vllm")
KEYS = {
    "internal": {"name": "own", "key": "i"},
    "signing": {"name": "own", "key": "s"},
    "validation": {"name": "o", "key": "v"},
}


def the_pod(part: str, path: str = "", value: Any = None, **facts: Any) -> dict[str, Any]:
    spec: dict[str, Any] = pods(made(path, value, **facts))[part]["spec"]
    return spec


def the_container(part: str, path: str = "", value: Any = None, **facts: Any) -> dict[str, Any]:
    (container,) = the_pod(part, path, value, **facts)["containers"]
    found: dict[str, Any] = container
    return found


def environment(part: str, path: str = "", value: Any = None) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in the_container(part, path, value)["env"]}


@pytest.mark.parametrize("part", PARTS)
def test_pods_meet_the_restricted_standard_under_any_user_id(part: str) -> None:
    """Each point of https://kubernetes.io/docs/concepts/security/pod-security-standards, profile `restricted`."""
    pod, container = the_pod(part), the_container(part)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any("hostPort" in port for port in container["ports"])
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "secret", "projected"}


@pytest.mark.parametrize("part", PARTS)
def test_the_log_level_is_told_where_it_is_not_the_usual(part: str) -> None:
    assert "AIGW_LOG_LEVEL" not in environment(part)
    assert ServiceSettings().log_level == Logging().level == "INFO"
    assert environment(part, "logging", {"level": "DEBUG"})["AIGW_LOG_LEVEL"] == "DEBUG"


@pytest.mark.parametrize("part", PARTS)
def test_pods_have_no_token_and_no_foreign_variables(part: str) -> None:
    pod = the_pod(part)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["serviceAccountName"] == f"eu-{part}"
    assert made()["ServiceAccount", part]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("part", PARTS)
def test_selectors_are_among_the_labels_of_their_pods(part: str) -> None:
    found = made()
    labels = pods(found)[part]["metadata"]["labels"]
    selectors = [
        found["Deployment", part]["spec"]["selector"]["matchLabels"],
        found["Service", part]["spec"]["selector"],
        found["PodDisruptionBudget", part]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy", part]["spec"]["podSelector"]["matchLabels"],
        *(s["labelSelector"]["matchLabels"] for s in the_pod(part)["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert set(selector) == {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}


def test_every_file_that_is_named_is_mounted_as_a_whole_directory() -> None:
    for part in PARTS:
        mounts = the_container(part)["volumeMounts"]
        assert not any("subPath" in mount for mount in mounts), "a subPath is never updated in a running pod"
        paths = [mount["mountPath"] for mount in mounts]
        files = [value for value in environment(part).values() if value.startswith("/")]
        assert files
        assert all(any(file.startswith(f"{path}/") for path in paths) for file in files)


def test_all_files_can_be_read_by_any_user_id() -> None:
    for part in PARTS:
        for volume in the_pod(part, "keys", KEYS)["volumes"]:
            (source,) = (value for key, value in volume.items() if key != "name")
            assert source["defaultMode"] == 0o444


def test_a_providers_key_is_mounted_into_that_provider_alone() -> None:
    users = [part for part in PARTS if "anthropic" in secrets(the_pod(part))]
    assert users == ["provider-anthropic"]
    volume = next(v for v in the_pod("provider-anthropic")["volumes"] if v["name"] == "credentials")
    assert volume["secret"]["items"] == [{"key": "api-key", "path": "credential"}], "no other key of that Secret"
    assert volume["secret"]["optional"] is True, "the pod must start and say that it is missing"


def test_each_part_has_its_own_certificate_and_only_auth_the_signing_key() -> None:
    assert secrets(the_pod("router")) == {"eu-internal", "eu-tls-router"}
    assert secrets(the_pod("auth")) == {"eu-internal", "eu-tls-auth", "eu-signing"}
    assert secrets(the_pod("provider-vllm")) == {"eu-internal", "eu-tls-provider-vllm"}


def test_brought_keys_take_the_place_of_made_ones() -> None:
    assert secrets(the_pod("auth", "keys", KEYS)) == {"own", "o", "eu-tls-auth"}
    volume = next(v for v in the_pod("auth", "keys", KEYS)["volumes"] if v["name"] == "signing")
    items = [source["secret"]["items"][0] for source in volume["projected"]["sources"]]
    assert items == [{"key": "s", "path": "signing.pem"}, {"key": "v", "path": "validation.pem"}]


def secrets(pod: dict[str, Any]) -> set[str]:
    named = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    projected = [s for v in pod["volumes"] if "projected" in v for s in v["projected"]["sources"]]
    return named | {source["secret"]["name"] for source in projected}


def test_own_authorities_are_mounted_where_connections_leave() -> None:
    bundle = {"caBundle": {"name": "corporate", "key": "bundle.pem"}}
    users = [p for p in PARTS if "trust" in {v["name"] for v in the_pod(p, "trust", bundle)["volumes"]}]
    assert users == ["auth", "provider-anthropic", "provider-vllm"]
    settings = made("trust", bundle)["ConfigMap", "auth"]["data"]["settings.json"]
    assert places.TRUST_FILE in settings
    assert places.TRUST_FILE not in made()["ConfigMap", "auth"]["data"]["settings.json"]


def test_the_proxy_is_for_what_leaves_the_cluster() -> None:
    proxy = {"url": "http://proxy:3128/", "noProxy": ["gitlab.corp"]}
    assert "HTTPS_PROXY" not in environment("router", "egressProxy", proxy)
    for part in PARTS[1:]:
        found = environment(part, "egressProxy", proxy)
        assert found["HTTPS_PROXY"] == found["HTTP_PROXY"] == "http://proxy:3128"
        assert {".svc", ".cluster.local", "localhost", "gitlab.corp"} <= set(found["NO_PROXY"].split(","))


def test_services_beside_the_gateway_are_reached_without_the_proxy() -> None:
    """Nobody but the cluster knows a name without a dot."""
    named = ["http://vllm:8000/v1", "http://*.internal", "https://models.example.com", "http://[2001:db8::1]", "*"]
    custom = {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": named, "endpoint": "http://own:8000"}
    manifest = set_at("spec/providers/2", custom)
    manifest["spec"]["egressProxy"] = {"url": "http://proxy:3128"}
    found = environment("provider-custom", "", manifest["spec"])["NO_PROXY"].split(",")
    assert {"own", "vllm"} <= set(found)
    assert not [host for host in found if host in ("models.example.com", "internal", "*", "2001:db8::1")]


def test_a_pod_leaves_the_endpoints_before_it_stops_and_drains_before_it_is_killed() -> None:
    pod, container = the_pod("router"), the_container("router")
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = float(environment("router")["AIGW_DRAIN_SECONDS"])
    assert pause > 0
    assert pod["terminationGracePeriodSeconds"] > pause + drain


@pytest.mark.parametrize(("part", "scheme"), [("router", "HTTP"), ("auth", "HTTPS"), ("provider-vllm", "HTTPS")])
def test_only_livez_can_restart_a_container(part: str, scheme: str) -> None:
    container = the_container(part)
    paths = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert {container[name]["httpGet"]["scheme"] for name in paths} == {scheme}


def test_a_provider_is_told_its_name_and_nobody_else_anything() -> None:
    assert the_container("provider-vllm")["args"] == ["vllm"]
    assert "args" not in the_container("router")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ({}, "ghcr.io/ai-gateway/aigw-router:7"),
        ({"prefix": "r.example/x-"}, "r.example/x-router:7"),
        ({"tag": "8"}, "ghcr.io/ai-gateway/aigw-router:8"),
        ({"digests": {"router": "sha256:" + "a" * 64}}, "ghcr.io/ai-gateway/aigw-router@sha256:" + "a" * 64),
        ({"digests": {"auth": "sha256:" + "a" * 64}}, "ghcr.io/ai-gateway/aigw-router:7"),
    ],
)
def test_images(images: dict[str, Any], expected: str) -> None:
    assert the_container("router", "images", images, image_tag="7")["image"] == expected


def test_registries_with_a_password() -> None:
    images = {"pullSecrets": ["registry"], "pullPolicy": "Always"}
    assert the_pod("router", "images", images)["imagePullSecrets"] == [{"name": "registry"}]
    assert the_container("router", "images", images)["imagePullPolicy"] == "Always"


def test_pods_are_spread_over_nodes_and_zones_without_insisting() -> None:
    """One constraint: with two the scheduler would leave both aside where nodes have no zone."""
    (zones,) = the_pod("router")["topologySpreadConstraints"]
    assert (zones["topologyKey"], zones["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")
    affinity = the_pod("router")["affinity"]["podAntiAffinity"]
    (wish,) = affinity.pop("preferredDuringSchedulingIgnoredDuringExecution")
    assert wish["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert affinity == {}


def test_the_context_names_what_the_gateway_is_called() -> None:
    assert environment("router")["AIGW_AUTH_URL"] == context().url("auth") == "https://eu-auth.ai-gateway.svc:5052"
