# SPDX-License-Identifier: Apache-2.0
"""What each values file in `charts/*/ci` leads to, as checked-in manifests for a reviewer to see.

`AIGW_UPDATE_GOLDEN=1` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.charts.rendering import GATEWAY, OPERATOR, Helm, values

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = os.environ.get("AIGW_UPDATE_GOLDEN") == "1"
CASES = [(chart, path) for chart in (OPERATOR, GATEWAY) for path in values(chart)]


def snapshot(chart: str, path: Path) -> Path:
    return SNAPSHOTS / f"{chart}.{path.stem.removesuffix('-values')}.yaml"


def place(body: dict[str, Any]) -> tuple[str, ...]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


@pytest.mark.parametrize(("chart", "path"), CASES, ids=lambda c: getattr(c, "stem", c))
def test_the_manifests_are_as_checked_in(helm: Helm, chart: str, path: Path) -> None:
    options = ["--set", "operator.enabled=false"] if chart == GATEWAY else []
    objects = sorted(helm.template(chart, "--values", str(path), *options), key=place)
    found = yaml.safe_dump_all(objects, sort_keys=True, width=120)
    golden = snapshot(chart, path)
    if UPDATE:
        golden.write_text(found)
    assert found == golden.read_text(), "AIGW_UPDATE_GOLDEN=1 writes it anew"


def test_no_snapshot_is_left_over() -> None:
    assert set(SNAPSHOTS.glob("*.yaml")) == {snapshot(*case) for case in CASES}
