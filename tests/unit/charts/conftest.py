# SPDX-License-Identifier: Apache-2.0
"""One copy of the charts for all tests: their dependencies are put into it, and not into the repository."""

import shutil

import pytest

from unit.charts.rendering import CHARTS, GATEWAY, Helm, helm_binary


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    binary = helm_binary()
    if binary is None:
        pytest.skip("helm is neither on the path nor in ~/.cache/aigw-cluster/bin (AIGW_HELM names another)")
    copy = tmp_path_factory.mktemp("charts")
    shutil.copytree(CHARTS, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.tgz", "Chart.lock", "*.pyc"))
    found = Helm(binary, copy)
    found.run("dependency", "update", GATEWAY, "--skip-refresh")
    return found
