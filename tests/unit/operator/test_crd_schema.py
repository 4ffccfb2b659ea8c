# SPDX-License-Identifier: Apache-2.0
"""The CRD: fresh, structural, described, and in step with the model, its rules and the status that is written.

What a real API server makes of it is in tests/cluster/test_crd.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from aigw_contract.gateway import FEATURES
from aigw_contract.probes import Probed, ProviderState
from aigw_operator import crd
from aigw_operator.crd import rules
from aigw_operator.kinds import CRD, GATEWAY
from aigw_operator.status import Observation, Part, status
from unit.contract.good import GOOD

CHECKED_IN = Path(__file__).parents[3] / "charts" / "ai-gateway-operator" / "crds" / "aigateways.yaml"
ROOT: dict[str, Any] = crd.manifest()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
Found = tuple[str, dict[str, Any]]


def walk(schema: dict[str, Any], path: str = "") -> Iterator[Found]:
    """Every schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}".lstrip("."))
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from walk(schema[name], f"{path}[]")


SCHEMAS = dict(walk(ROOT))


def test_the_checked_in_crd_is_fresh() -> None:
    assert CHECKED_IN.read_text() == crd.text(), f"python -m aigw_operator.crd > {CHECKED_IN.name}"


def test_the_operator_and_the_crd_speak_of_the_same_kind() -> None:
    manifest = crd.manifest()
    assert manifest["apiVersion"] == CRD.api_version
    assert f"{manifest['spec']['group']}/{manifest['spec']['versions'][0]['name']}" == GATEWAY.api_version
    assert manifest["spec"]["names"]["plural"] == GATEWAY.plural
    assert manifest["metadata"]["name"] == f"{GATEWAY.plural}.{manifest['spec']['group']}"


def test_every_field_has_a_description() -> None:
    bare = [path for path, schema in SCHEMAS.items() if not schema.get("description") and not path.endswith("[]")]
    assert [path for path in bare if path not in ("metadata", "metadata.name")] == []


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_schema_is_structural(path: str) -> None:
    schema = SCHEMAS[path]
    assert "type" in schema
    assert not {"$ref", "anyOf", "oneOf", "allOf", "nullable", "title", "propertyNames", "const"} & set(schema)
    assert not {"properties", "additionalProperties"} <= set(schema)
    assert schema.get("additionalProperties") is not False


@pytest.mark.parametrize("path", [path for path in SCHEMAS if path.startswith("spec")])
def test_the_spec_is_bounded_so_that_rules_are_affordable(path: str) -> None:
    schema = SCHEMAS[path]
    if schema["type"] == "array":
        assert "maxItems" in schema
    elif schema["type"] == "string":
        assert {"maxLength", "enum"} & set(schema)


def test_defaults_are_scalars_within_what_somebody_wrote() -> None:
    found = {path: schema["default"] for path, schema in SCHEMAS.items() if "default" in schema}
    assert found["spec.providers[].timeout"] == "90s"
    assert found["spec.network.policies"] is True
    assert all(isinstance(value, str | int | bool) for value in found.values())


def test_every_rule_and_key_is_in_the_schema_and_tells_the_mend() -> None:
    found = [rule for schema in SCHEMAS.values() for rule in schema.get("x-kubernetes-validations", [])]
    for rule in (rule for known in rules.RULES.values() for rule in known):
        assert rule.manifest() in found
        assert rule.message
    keyed = [
        path for path, schema in SCHEMAS.items() if path.startswith("spec") and "x-kubernetes-list-map-keys" in schema
    ]
    assert sorted(keyed) == ["spec.auth.issuers", "spec.models", "spec.providers"]


def test_the_rules_know_every_feature() -> None:
    assert rules.FEATURES == FEATURES


def test_the_good_gateway_uses_only_fields_of_the_schema() -> None:
    assert unknown(GOOD["spec"], SCHEMAS["spec"]) == []


def test_the_status_that_is_written_is_in_the_schema() -> None:
    state = ProviderState("r", "present", 1.0, 2.0, "auth", 3.0)
    seen = Observation(
        3,
        2,
        parts=[Part("router", 1, 1, 1, True)],
        probed=Probed("r", {"a": state}, ["b"]),
        warnings=["w"],
        url="http://u",
    )
    written = status(seen, {}, datetime(2026, 1, 1, tzinfo=UTC))
    assert set(written) <= set(SCHEMAS["status"]["properties"])
    assert unknown(written, SCHEMAS["status"]) == []


def test_columns_show_what_the_schema_has() -> None:
    columns = crd.manifest()["spec"]["versions"][0]["additionalPrinterColumns"]
    paths = [column["jsonPath"].removeprefix(".") for column in columns if "[" not in column["jsonPath"]]
    assert [path for path in paths if path not in SCHEMAS and not path.startswith("metadata")] == []


def test_the_checked_in_crd_is_yaml_for_everyone() -> None:
    assert yaml.safe_load(CHECKED_IN.read_text()) == crd.manifest()


def unknown(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Paths of `value` that the schema does not have."""
    if isinstance(value, list):
        return [found for item in value for found in unknown(item, schema["items"], f"{path}[]")]
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return []
    known = schema.get("properties", {})
    missing = [f"{path}.{name}" for name in value if name not in known]
    return missing + [f for n, v in value.items() if n in known for f in unknown(v, known[n], f"{path}.{n}")]
