# SPDX-License-Identifier: Apache-2.0
"""kubectl and helm as a person uses them, against the cluster that the tests are told to use."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMAGE = os.environ.get("AIGW_TEST_IMAGE_PREFIX", "localhost/aigw-")
TAG = os.environ.get("AIGW_TEST_IMAGE_TAG", "dev")


class Failed(AssertionError):
    pass


def run(*words: str, stdin: str | None = None, timeout: float = 120) -> str:
    environment = os.environ | {"KUBECONFIG": os.environ["AIGW_TEST_KUBECONFIG"]}
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=environment
    )
    if done.returncode:
        raise Failed(f"{' '.join(words)[:300]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def start(*words: str) -> subprocess.Popen[str]:
    """Something that goes on until its stdin is closed."""
    environment = os.environ | {"KUBECONFIG": os.environ["AIGW_TEST_KUBECONFIG"]}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)


def kubectl(*words: str, stdin: str | None = None, timeout: float = 120) -> str:
    return run("kubectl", *words, stdin=stdin, timeout=timeout)


def helm(*words: str) -> str:
    return run("helm", *words, timeout=180)


def apply(body: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps(body))


def put(body: dict[str, Any]) -> None:
    """Exactly so, whatever it was before: `apply` would leave what others have set."""
    kind, metadata = body["kind"].lower(), body["metadata"]
    there = kubectl("get", kind, metadata["name"], "-n", metadata["namespace"], "--ignore-not-found", "-o", "name")
    how = ("replace", "--save-config") if there else ("apply",)
    kubectl(*how, "-f", "-", stdin=json.dumps(body))


@contextmanager
def namespace(name: str, **labels: str) -> Iterator[str]:
    """Fresh. At the end nobody waits until all of it is gone: that takes as long as pods are given to end."""
    there = ("get", "namespace", name, "--ignore-not-found", "-o", "name")
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")  # of a run that was killed
    until(f"the last {name} is gone", lambda: not kubectl(*there), 150)
    kubectl("create", "namespace", name)
    for label, value in labels.items():
        kubectl("label", "namespace", name, f"{label}={value}")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def get(*words: str) -> Any:
    return json.loads(kubectl("get", *words, "-o", "json"))


def until(what: str, true: Callable[[], bool], seconds: float = 60, every: float = 0.5) -> None:
    """Wait until it is so; `what` names it when it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds:g} s: {what}")
        time.sleep(every)


def conditions(namespace: str, name: str) -> dict[str, dict[str, Any]]:
    status = get("aigateway", name, "-n", namespace).get("status", {})
    return {c["type"]: c for c in status.get("conditions", [])}


def belongings(namespace: str, gateway: str) -> str:
    """The names of all objects but pods that a gateway has."""
    kinds = "deployments,services,configmaps,secrets,networkpolicies,poddisruptionbudgets,serviceaccounts"
    return kubectl("get", kinds, "-n", namespace, "-l", f"app.kubernetes.io/instance={gateway}", "-o", "name").strip()
