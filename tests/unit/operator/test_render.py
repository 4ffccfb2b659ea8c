# SPDX-License-Identifier: Apache-2.0
"""`aigw render`: the builders' objects and nothing else, and every Secret that they need named."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from aigw_operator import generated
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
