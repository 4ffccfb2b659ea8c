# SPDX-License-Identifier: Apache-2.0
"""The self-managed chart: values become an AIGateway that the operator takes, and nothing is passed over in silence."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aigw_contract.checks import check
from unit.charts.rendering import CHARTS, GATEWAY, Helm, Refused, only, values

ENOUGH = ["--set", "gitlab.url=https://gitlab.example.com", "--set", "anthropicApiKey.secret=anthropic"]
COMING_FROM_GITLAB = ["--values", str(CHARTS / GATEWAY / "ci" / "gitlab-chart-values.yaml")]


@pytest.mark.parametrize("path", values(GATEWAY), ids=lambda p: p.stem)
def test_the_object_has_no_fault(helm: Helm, path: Path) -> None:
    gateway, faults = check(helm.gateway("--values", str(path)))
    assert gateway is not None
    assert not faults


def test_issuers_are_gitlab_and_the_customer_portal(helm: Helm) -> None:
    issuers = helm.gateway(*ENOUGH)["spec"]["auth"]["issuers"]
    assert [(i["name"], i["url"], i["realms"]) for i in issuers] == [
        ("gitlab", "https://gitlab.example.com", ["self-managed"]),
        ("customers", "https://customers.gitlab.com", ["self-managed"]),
    ]
    assert [i.get("required", True) for i in issuers] == [True, False]


def test_nobody_asks_a_portal_that_is_empty(helm: Helm) -> None:
    issuers = helm.gateway(*ENOUGH, "--set", "customerPortalUrl=")["spec"]["auth"]["issuers"]
    assert [i["name"] for i in issuers] == ["gitlab"]


def test_the_variable_of_gitlabs_image_comes_in_place_of_the_value(helm: Helm) -> None:
    said = (
        '[{"name": "AIGW_CUSTOMER_PORTAL_URL", "value": ""}, {"name": "AIGW_GITLAB_URL", "value": "https://g.example"}]'
    )
    issuers = helm.gateway(*ENOUGH, "--set-json", f"extraEnvironmentVariables={said}")["spec"]["auth"]["issuers"]
    assert [i["url"] for i in issuers] == ["https://g.example"]


def test_issuers_of_ones_own_come_after(helm: Helm) -> None:
    more = '{"staleKeys": "72h", "issuers": [{"name": "other", "url": "https://other.example.com"}]}'
    auth = helm.gateway(*ENOUGH, "--set-json", f"auth={more}")["spec"]["auth"]
    assert [i["name"] for i in auth["issuers"]] == ["gitlab", "customers", "other"]
    assert auth["staleKeys"] == "72h"


def test_gitlab_com_asserts_its_own_realm(helm: Helm) -> None:
    (issuer, _) = helm.gateway(*ENOUGH, "--set", "gitlab.url=https://gitlab.com/")["spec"]["auth"]["issuers"]
    assert issuer["realms"] == ["saas"]


def test_a_key_becomes_a_secret_of_which_the_provider_has_one_key(helm: Helm) -> None:
    objects = helm.template(GATEWAY, *COMING_FROM_GITLAB)
    secrets = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "Secret"}
    spec = only(objects, "AIGateway")["spec"]
    for provider in spec["providers"][:3]:
        reference = provider["credentials"]["secretRef"]
        assert base64.b64decode(secrets[reference["name"]][reference["key"]])
    assert [p["name"] for p in spec["providers"]] == ["anthropic", "openai", "vertex", "custom"]
    assert "not-a-key" not in yaml.safe_dump(only(objects, "AIGateway"))


def test_a_secret_that_is_there_is_used_and_none_is_made(helm: Helm) -> None:
    objects = helm.template(GATEWAY, *ENOUGH)
    assert not [o for o in objects if o["kind"] == "Secret"]
    (provider,) = only(objects, "AIGateway")["spec"]["providers"]
    assert provider["credentials"]["secretRef"] == {"name": "anthropic", "key": "api-key"}


def test_names_of_gitlabs_chart_lead_to_the_object(helm: Helm) -> None:
    spec = helm.gateway(*COMING_FROM_GITLAB)["spec"]
    assert spec["expose"]["ingress"] == {"className": "nginx", "host": "ai.example.com", "tlsSecretName": "ai-tls"}
    assert spec["keys"] == {
        "signing": {"name": "jwt-keys", "key": "signing"},
        "validation": {"name": "jwt-keys", "key": "validation"},
    }
    assert spec["images"] == {"pullPolicy": "Always"}
    assert spec["egressProxy"] == {
        "url": "http://proxy.example.com:3128",
        "noProxy": ["gitlab.example.com", ".internal"],
    }


def test_what_has_no_effect_is_told(helm: Helm) -> None:
    notes = helm.notes(GATEWAY, *COMING_FROM_GITLAB)
    for warning in (
        "image.repository has no effect: there are several images: set image.prefix.",
        "gitlab.apiUrl has no effect",
        "volumes has no effect: nothing of yours is mounted; for certificates set trust.caBundle.",
        "duoWorkflow has no effect",
        "extraEnvironmentVariables: REQUESTS_CA_BUNDLE has no effect: set trust.caBundle.",
    ):
        assert f"WARNING: {warning}" in notes
    assert "WARNING: logging" not in notes
    assert "HTTPS_PROXY" not in notes
    assert "https://ai.example.com" in notes


def test_nothing_is_told_where_all_is_well(helm: Helm) -> None:
    notes = helm.notes(GATEWAY, *ENOUGH)
    assert "WARNING" not in notes
    assert "kubectl wait --for=condition=Serving aigateway/ai-gateway --namespace ai" in notes
    assert "http://ai-gateway-router.ai.svc:5052" in notes


def test_a_gateway_that_accepts_nobody_is_told(helm: Helm) -> None:
    notes = helm.notes(GATEWAY, "--values", str(CHARTS / GATEWAY / "ci" / "echo-values.yaml"))
    assert "WARNING: nobody's tokens are accepted." in notes


NAMED = [{"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["*"]}]


def variables(**said: str) -> list[str]:
    return ["--set-json", "extraEnvironmentVariables=" + json.dumps([{"name": n, "value": v} for n, v in said.items()])]


@pytest.mark.parametrize(
    ("options", "logging"),
    [
        ([], None),
        (["--set", "logging.level=info"], None),
        (["--set", "logging.level=debug"], {"level": "DEBUG"}),
        (["--set", "logging.level=ERROR"], {"level": "ERROR"}),
        (variables(AIGW_LOGGING__LEVEL="warning"), {"level": "WARNING"}),
        (["--set", "logging.level=debug", *variables(AIGW_LOGGING__LEVEL="error")], {"level": "ERROR"}),
    ],
)
def test_the_log_level_is_the_objects(helm: Helm, options: list[str], logging: Any) -> None:
    assert helm.gateway(*ENOUGH, *options)["spec"].get("logging") == logging
    assert "WARNING" not in helm.notes(GATEWAY, *ENOUGH, *options)


@pytest.mark.parametrize("options", [["--set", "logging.level=loud"], variables(AIGW_LOGGING__LEVEL="7")])
def test_a_log_level_that_does_not_exist_is_refused(helm: Helm, options: list[str]) -> None:
    with pytest.raises(Refused, match="is none of DEBUG, INFO, WARNING and ERROR"):
        helm.template(GATEWAY, *ENOUGH, *options)


@pytest.mark.parametrize(
    ("options", "endpoints"),
    [
        ([], None),
        (["--set", "customModels.enabled=true"], ["*"]),
        (["--set", "customModels.enabled=true,customModels.endpoints={http://a/v1}"], ["http://a/v1"]),
        (["--set", "customModels.endpoints={http://a/v1}"], None),
        (variables(AIGW_CUSTOM_MODELS__ENABLED="true"), ["*"]),
        (variables(AIGW_CUSTOM_MODELS__ENDPOINTS="http://a/v1, http://b"), ["http://a/v1", "http://b"]),
        (variables(AIGW_CUSTOM_MODELS__ENDPOINTS="http://a", AIGW_CUSTOM_MODELS__ENABLED="false"), None),
        (["--set", "customModels.enabled=true", *variables(AIGW_CUSTOM_MODELS__ENABLED="false")], None),
    ],
    ids=["default", "on", "narrowed", "off", "variable", "variables", "variable-off", "variable-before-value"],
)
def test_models_that_requests_name_are_called_where_somebody_says_so(
    helm: Helm, options: list[str], endpoints: list[str] | None
) -> None:
    found = helm.gateway(*ENOUGH, *options)["spec"]["providers"]
    assert [p["requestEndpoints"] for p in found if p["name"] == "custom"] == ([endpoints] if endpoints else [])
    notes = helm.notes(GATEWAY, *ENOUGH, *options)
    assert ("whatever address a request names" in notes) == (endpoints == ["*"])
    assert "WARNING" not in notes


def test_they_need_no_model_and_no_feature(helm: Helm) -> None:
    options = ["--set", "gitlab.url=https://gitlab.example.com", "--set", "customModels.enabled=true"]
    spec = helm.gateway(*options)["spec"]
    assert (spec["providers"], spec["models"], spec["features"]) == (NAMED, [], {})


@pytest.mark.parametrize(
    ("release", "name"),
    [("ai-gateway", "ai-gateway"), ("gitlab", "gitlab-ai-gateway"), ("a" * 53, "a" * 41 + "-ai-gateway")],
)
def test_the_object_is_named_after_the_release(helm: Helm, release: str, name: str) -> None:
    assert only(helm.template(GATEWAY, *ENOUGH, release=release), "AIGateway")["metadata"]["name"] == name


def test_it_brings_an_operator_for_its_own_namespace_unless_told_not_to(helm: Helm) -> None:
    brought = helm.template(GATEWAY, *ENOUGH)
    (container,) = only(brought, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "AIGW_OPERATOR_WATCH_NAMESPACES", "value": "ai"} in container["env"]
    alone = helm.template(GATEWAY, *ENOUGH, "--set", "operator.enabled=false")
    assert {o["kind"] for o in alone} == {"AIGateway", "Pod"}


def test_the_test_is_no_part_of_the_gateway(helm: Helm) -> None:
    """Neither its Services nor its NetworkPolicies select the pod of `helm test`."""
    pod = only(helm.template(GATEWAY, *ENOUGH), "Pod")
    labels = pod["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] != "ai-gateway"
    assert "app.kubernetes.io/instance" not in labels


@pytest.mark.parametrize(
    ("options", "image"),
    [
        ([], "ghcr.io/ai-gateway/aigw-router:0.1.0"),
        (
            ["--set", "operator.image.repository=r.example/x/aigw-operator,operator.image.tag=v2"],
            "r.example/x/aigw-router:v2",
        ),
        (["--set", "image.prefix=r.example/aigw-,image.tag=v3"], "r.example/aigw-router:v3"),
    ],
)
def test_the_test_runs_in_the_routers_image(helm: Helm, options: list[str], image: str) -> None:
    (container,) = only(helm.template(GATEWAY, *ENOUGH, *options), "Pod")["spec"]["containers"]
    assert container["image"] == image
    assert "sh" not in container["command"]
