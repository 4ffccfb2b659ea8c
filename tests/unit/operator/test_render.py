# SPDX-License-Identifier: Apache-2.0
"""`aigw render`: the builders' objects and nothing else, and every Secret that they need named."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from aigw_operator import generated, pki
from aigw_operator.desired.objects import objects
from aigw_operator.render import brought, render, secrets_made, to_yaml
from aigw_standalone.cli import main
from unit.contract.good import GOOD
from unit.operator.gateways import context

KEYS = {"internal": {"name": "own", "key": "i"}, "signing": {"name": "own", "key": "s"}}


def test_it_prints_the_builders_objects() -> None:
    known = context(pod_monitors=True)
    assert list(yaml.safe_load_all(render(known))) == objects(known)


def test_it_has_no_anchors_and_readable_files() -> None:
    text = render(context())
    assert "&id" not in text
    assert "table.json: |" in text


@pytest.mark.parametrize("keys", [{}, KEYS])
def test_the_secrets_that_the_operator_makes_are_named(keys: dict[str, dict[str, str]]) -> None:
    known = context("keys", keys)
    made = generated.wanted(known, {}, datetime(2026, 1, 1, tzinfo=UTC))
    assert sorted(secrets_made(known)) == sorted(f"{name} ({', '.join(values)})" for name, values in made.items())
    assert all(f"#   {line}\n" in render(known) for line in secrets_made(known))


def test_what_is_brought_is_named() -> None:
    spec = GOOD["spec"] | {
        "keys": KEYS,
        "trust": {"caBundle": {"name": "corporate"}},
        "images": {"pullSecrets": ["registry"]},
        "expose": {"ingress": {"host": "h", "tlsSecretName": "tls"}},
    }
    assert brought(context("", spec).gateway.spec) == [
        "Secret anthropic (api-key)",
        "Secret own (i)",
        "Secret own (s)",
        "Secret registry (.dockerconfigjson)",
        "Secret tls (tls.crt, tls.key)",
        "ConfigMap corporate (ca.crt)",
    ]


def test_given_secrets_are_printed_first_and_not_asked_for() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "eu-internal"}}
    text = render(context(), [secret])
    assert next(iter(yaml.safe_load_all(text))) == secret
    assert "yours to make" not in text


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(to_yaml([GOOD]))
    arguments = ["render", "-f", str(file), "--image-tag", "9", "--operator-namespace", "ops", "--pod-monitors"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    bodies = list(yaml.safe_load_all(done.output))
    assert bodies == objects(context(image_tag="9", operator_namespace="ops", pod_monitors=True))


def test_the_command_names_faults(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(GOOD | {"spec": GOOD["spec"] | {"models": []}}))
    done = CliRunner().invoke(main, ["render", "-f", str(file)])
    assert done.exit_code == 2
    assert 'no model "qwen-coder"' in done.output


def with_secrets(tmp_path: Path, manifest: Any = GOOD) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(to_yaml([manifest]))
    done = CliRunner().invoke(main, ["render", "-f", str(file), "--with-secrets"])
    assert done.exit_code == 0, done.output
    return done.output


def test_with_secrets_everything_is_there_that_pods_mount_and_nobody_brings(tmp_path: Path) -> None:
    bodies = list(yaml.safe_load_all(with_secrets(tmp_path)))
    secrets = {body["metadata"]["name"]: body["data"] for body in bodies if body["kind"] == "Secret"}
    assert bodies[len(secrets) :] == objects(context())
    for pod in (body["spec"]["template"]["spec"] for body in bodies if body["kind"] == "Deployment"):
        for volume in pod["volumes"]:
            for source in (volume, *volume.get("projected", {}).get("sources", [])):
                wanted = source.get("secret", {"optional": True})
                if not wanted.get("optional"):  # the provider's own key
                    found = secrets[wanted.get("secretName") or wanted["name"]]
                    assert {item["key"] for item in wanted.get("items", [])} <= set(found)


def test_the_certificates_are_those_of_the_authority(tmp_path: Path) -> None:
    bodies = yaml.safe_load_all(with_secrets(tmp_path))
    found = {b["metadata"]["name"]: generated.values_of(b) for b in bodies if b["kind"] == "Secret"}
    now = datetime.now(UTC)
    authority = generated.authority_of(context(), found, now)
    assert found["eu-tls-router"]["ca.crt"] == authority.bundle
    for part in ("auth", "provider-anthropic", "provider-vllm"):
        values = found[f"eu-tls-{part}"]
        assert pki.is_good(pki.Pair(values["tls.crt"], values["tls.key"]), authority, context().host(part), now)


def test_it_warns_of_private_keys_that_are_new_each_time(tmp_path: Path) -> None:
    text = with_secrets(tmp_path)
    head = text.partition("---\n")[0]
    assert "PRIVATE KEYS" in head
    assert "new on each run" in head
    assert "yours to make" not in head
    assert text != with_secrets(tmp_path)
    assert "PRIVATE" not in render(context())


def test_a_key_that_is_brought_is_not_made(tmp_path: Path) -> None:
    manifest = GOOD | {"spec": GOOD["spec"] | {"keys": KEYS}}
    names = [
        b["metadata"]["name"] for b in yaml.safe_load_all(with_secrets(tmp_path, manifest)) if b["kind"] == "Secret"
    ]
    assert names == ["eu-ca", "eu-tls-router", "eu-tls-auth", "eu-tls-provider-anthropic", "eu-tls-provider-vllm"]
