# SPDX-License-Identifier: Apache-2.0
"""helm as a person uses it, without a cluster, on a copy of the charts with their dependencies in place."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHARTS = ROOT / "charts"
OPERATOR, GATEWAY = "ai-gateway-operator", "ai-gateway"


def helm_binary() -> str | None:
    """AIGW_HELM, or what is on the path, or what the cluster kit has built."""
    kit = Path(os.environ.get("AIGW_CLUSTER_HOME", Path.home() / ".cache" / "aigw-cluster")) / "bin" / "helm"
    return os.environ.get("AIGW_HELM") or shutil.which("helm") or (str(kit) if kit.exists() else None)


class Refused(Exception):
    """helm's own words."""


class Helm(NamedTuple):
    binary: str
    charts: Path

    def run(self, *words: str) -> str:
        home = {name: str(self.charts / ".helm") for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
        environment = {"PATH": os.environ["PATH"], "KUBECONFIG": os.devnull, **home}
        done = subprocess.run(
            [self.binary, *words],
            cwd=self.charts,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def template(self, chart: str, *options: str, release: str = "") -> list[dict[str, Any]]:
        """The objects that would be installed, hooks among them."""
        text = self.run("template", release or chart, chart, "--namespace", "ai", *options)
        return [body for body in yaml.safe_load_all(text) if body is not None]

    def notes(self, chart: str, *options: str) -> str:
        """What is told after the installation, without line breaks and indentation."""
        text = self.run("install", chart, chart, "--namespace", "ai", "--dry-run=client", *options)
        return " ".join(text.partition("NOTES:")[2].split())

    def gateway(self, *options: str) -> dict[str, Any]:
        """The one AIGateway."""
        (body,) = (o for o in self.template(GATEWAY, *options) if o["kind"] == "AIGateway")
        return body


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (body,) = (o for o in objects if o["kind"] == kind)
    return body


def values(chart: str) -> list[Path]:
    """The values files that the chart is tried with."""
    return sorted((CHARTS / chart / "ci").glob("*.yaml"))
