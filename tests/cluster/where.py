# SPDX-License-Identifier: Apache-2.0
"""Which cluster the tests use: the one that AIGW_TEST_KUBECONFIG names, else one of kind's, where Docker runs."""

import os
import shutil
import subprocess
from functools import cache
from typing import Any

from cluster import kube

TOOLS = ("kubectl", "helm")


def named() -> bool:
    return bool(os.environ.get("AIGW_TEST_KUBECONFIG"))


@cache
def missing() -> str:
    """Why there is no cluster; empty if there is one, or can be."""
    needed = TOOLS if named() else (*TOOLS, "kind", "docker")
    gone = [tool for tool in needed if not shutil.which(tool)]
    if not gone and not named() and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        gone = ["a running Docker"]
    other = "" if named() else "AIGW_TEST_KUBECONFIG names no cluster, and for one of kind's "
    return f"{other}there is no {', '.join(gone)}" if gone else ""


def use(kind_cluster: Any) -> None:
    """pytest-kind's. The images are built before, each as `localhost/aigw-<name>:dev`, as docs/install.md says."""
    for name in ("router", "auth", "providers", "operator", "standalone"):
        kind_cluster.load_docker_image(f"{kube.IMAGE}{name}:{kube.TAG}")
    os.environ["AIGW_TEST_KUBECONFIG"] = str(kind_cluster.kubeconfig_path.resolve())
    os.environ.setdefault("AIGW_TEST_HOST", _gateway_of_docker())


def host() -> str:
    """Where pods reach a server that a test runs on this machine."""
    return os.environ.get("AIGW_TEST_HOST", "10.250.0.2")


def _gateway_of_docker() -> str:
    form = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    words = ["docker", "network", "inspect", "kind", "--format", form]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return next(address for address in found if ":" not in address)
