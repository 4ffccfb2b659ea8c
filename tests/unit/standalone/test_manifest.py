# SPDX-License-Identifier: Apache-2.0
"""Manifest files: what is read, what is refused, and what each service is given."""

from pathlib import Path

import msgspec
import pytest

from aigw_contract.table import ProviderSettings
from aigw_standalone import plan
from aigw_standalone.manifest import ECHO, BadManifest, Manifest, parse, read
from aigw_standalone.plan import Credential

TEXT = """
apiVersion: aigateway.dev/v1alpha1
kind: AIGateway
metadata: {name: lab}
spec:
  deployment: SelfManaged
  providers:
    - name: anthropic
      type: Anthropic
      credentials: {secretRef: {name: keys, key: anthropic}}
  models: [{name: claude, provider: anthropic, id: claude-x}]
  features: {codeCompletions: {timeout: 3s, models: [{name: claude}]}}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {anthropic: from-the-file}
data: {other: c2VjcmV0}
"""


@pytest.fixture
def found(tmp_path: Path) -> Manifest:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    return read([file])


def test_without_a_file_the_echo_gateway_runs() -> None:
    assert read([]).gateway.spec.providers[0].type == "Echo"
    assert parse([ECHO]).secrets == {}


def test_a_secret_may_stand_in_the_same_file_or_another(found: Manifest, tmp_path: Path) -> None:
    assert found.secrets == {"keys": {"anthropic": b"from-the-file", "other": b"secret"}}
    one, two = TEXT.split("---\n")
    (tmp_path / "1.yaml").write_text(one)
    (tmp_path / "2.yaml").write_text(two)
    assert read([tmp_path / "2.yaml", tmp_path / "1.yaml"]) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "gateway.yaml:1:6: not YAML"),
        ("kind: AIGateway\n---\nkind: AIGateway", "one AIGateway is needed, 2 found"),
        ("kind: ConfigMap", "one AIGateway is needed, 0 found"),
        ("3", "one AIGateway is needed, 0 found"),
        (TEXT + "---\nkind: ConfigMap\n", "(document of kind ConfigMap): only AIGateway and Secret"),
        (TEXT.replace("c2VjcmV0", "'*'"), "Secret keys: data: is not base64"),
        (TEXT.replace("provider: anthropic", "provider: foo"), 'spec.models[0].provider: no provider "foo"'),
        ("\x00", "not YAML"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(BadManifest) as bad:
        read([file])
    assert expected in "\n".join(bad.value.faults)


def test_a_missing_file_and_a_binary_one_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    for name, why in (("none.yaml", "No such file"), ("binary.yaml", "not UTF-8")):
        with pytest.raises(BadManifest, match=why):
            read([tmp_path / name])


def test_the_secret_beside_the_manifest_wins_over_the_environment(found: Manifest) -> None:
    provider = found.gateway.spec.providers[0]
    environment = {"ANTHROPIC_API_KEY": "from-the-environment"}
    assert plan.credential(provider, found.secrets, environment) == Credential(b"from-the-file")
    assert plan.credential(provider, {}, environment) == Credential(b"from-the-environment")
    assert plan.credential(provider, {}, {}) == Credential()


def test_a_missing_credential_is_a_warning_that_names_the_variable(found: Manifest) -> None:
    assert plan.warnings(found, {}) == []
    (warning,) = plan.warnings(found._replace(secrets={}), {})
    assert warning.startswith("spec.providers[0].credentials: ")
    assert "ANTHROPIC_API_KEY" in warning


def test_a_providers_settings_hold_no_secret(found: Manifest) -> None:
    raw = plan.provider_file(found.gateway, found.gateway.spec.providers[0], "/run/key")
    assert b"from-the-file" not in raw
    assert msgspec.json.decode(raw, type=ProviderSettings).credential_file == "/run/key"
