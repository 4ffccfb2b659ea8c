# SPDX-License-Identifier: Apache-2.0
"""What the operator applies for the examples, as checked-in manifests: a reviewer sees what a change of a builder does.

`AIGW_UPDATE_GOLDEN=1` writes them anew.
"""

import os
from pathlib import Path

import pytest
import yaml

from aigw_contract.checks import check
from aigw_operator.desired.context import Context
from aigw_operator.render import render

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
UPDATE = os.environ.get("AIGW_UPDATE_GOLDEN") == "1"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/gateway.yaml"))


def rendered(name: str) -> str:
    documents = yaml.safe_load_all((EXAMPLES / f"{name}/gateway.yaml").read_text())
    gateway, faults = check(next(d for d in documents if d["kind"] == "AIGateway"))
    assert gateway is not None
    assert not faults
    return render(Context(gateway, image_tag="1.2.3", pod_monitors=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_manifests_are_as_checked_in(name: str) -> None:
    golden = HERE / f"{name}.yaml"
    found = rendered(name)
    if UPDATE:
        golden.write_text(found)
    assert found == golden.read_text(), "AIGW_UPDATE_GOLDEN=1 writes it anew"


def test_no_golden_manifest_is_left_over() -> None:
    assert {path.stem for path in HERE.glob("*.yaml")} == set(NAMES)
