# SPDX-License-Identifier: Apache-2.0
"""Many gateways without a pod, and the operator as a process of this machine, on a way to the API that can be cut."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config

from aigw_operator.api.cluster import Cluster
from aigw_operator.kinds import GATEWAY, LEASE, Object
from aigw_operator.loop.leader import NAME as LEASE_NAME
from cluster import kube

NAMESPACE, HOME = "aigw-scale", "aigw-scale-operator"


def api() -> Cluster:
    return Cluster(config.new_client_from_config(os.environ["AIGW_TEST_KUBECONFIG"]))


def manifest(name: str) -> Object:
    """Its pods find no node, and stay pending."""
    nowhere = {"nodeSelector": {"aigateway.dev/test": "nowhere"}}
    return {
        "apiVersion": GATEWAY.api_version,
        "kind": GATEWAY.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "deployment": "Regional",
            "region": "eu",
            "providers": [{"name": "echo", "type": "Echo"}],
            "models": [{"name": "echo", "provider": "echo", "id": "echo"}],
            "features": {"codeCompletions": {"timeout": "3s", "models": [{"name": "echo"}]}},
            "workloads": {"router": nowhere, "auth": nowhere, "providers": nowhere},
        },
    }


def behind(cluster: Cluster) -> list[str]:
    """Gateways whose status does not speak of their newest generation."""
    found = cluster.find(GATEWAY, NAMESPACE)
    return [
        o["metadata"]["name"]
        for o in found
        if o.get("status", {}).get("observedGeneration") != o["metadata"]["generation"]
    ]


def edit(cluster: Cluster, name: str, **spec: Any) -> int:
    """The new generation."""
    body = {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
    generation: int = cluster.overwrite(GATEWAY, body)["metadata"]["generation"]
    return generation


def seconds_until_observed(cluster: Cluster, name: str, generation: int, most: float = 60) -> float:
    began = time.monotonic()
    while time.monotonic() < began + most:
        status = (cluster.get(GATEWAY, NAMESPACE, name) or {}).get("status", {})
        if status.get("observedGeneration") == generation:
            return time.monotonic() - began
        time.sleep(0.02)
    raise kube.Failed(f"generation {generation} of {name} was not observed within {most:g} s")


def holder(cluster: Cluster) -> str:
    lease = cluster.get(LEASE, HOME, LEASE_NAME) or {}
    return str(lease.get("spec", {}).get("holderIdentity", ""))


class Way:
    """TCP to the API server. While it is cut, connections break and new ones are refused."""

    def __init__(self) -> None:
        settings = yaml.safe_load(Path(os.environ["AIGW_TEST_KUBECONFIG"]).read_text())
        cluster = settings["clusters"][0]["cluster"]
        host, port = cluster["server"].removeprefix("https://").rstrip("/").rsplit(":", 1)
        self._behind = (host, int(port))
        self._open: set[socket.socket] = set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self._place = self._door.getsockname()
        cluster.pop("certificate-authority-data", None)
        cluster.pop("certificate-authority", None)
        settings["clusters"][0]["cluster"] = cluster | {
            "server": f"https://127.0.0.1:{self._place[1]}",
            "insecure-skip-tls-verify": True,
        }
        self.kubeconfig = yaml.safe_dump(settings)
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for one in list(self._open):
            _end(one)

    def mend(self) -> None:
        self._door = socket.create_server(self._place)
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def _serve(self, door: socket.socket) -> None:
        while True:
            try:
                client, _ = door.accept()
                server = socket.create_connection(self._behind)
            except OSError:
                return
            self._open |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            self._open.discard(one)
            _end(one)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Operator:
    """`python -m aigw_operator run`, for the fleet's namespace alone."""

    def __init__(self, place: Path, identity: str, kubeconfig: str) -> None:
        self.identity = identity
        self.log = place / f"{identity}.log"
        file = place / f"{identity}.kubeconfig"
        file.write_text(kubeconfig)
        self._health, self._metrics = _free_port(), _free_port()
        settings = {
            "NAMESPACE": HOME, "WATCH_NAMESPACES": NAMESPACE, "IDENTITY": identity,
            "HEALTH_PORT": str(self._health), "METRICS_PORT": str(self._metrics),
        }  # fmt: skip
        environment = os.environ | {f"AIGW_OPERATOR_{name}": value for name, value in settings.items()}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aigw_operator", "run"],
                env=environment | {"KUBECONFIG": str(file)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def healthy(self) -> bool:
        return _get(self._health, "/healthz") is not None

    def metrics(self) -> dict[str, float]:
        lines = (_get(self._metrics, "/metrics") or "").splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] not in "# ")}

    def total(self, name: str) -> float:
        """Over all labels that the name leaves open."""
        return sum(value for known, value in self.metrics().items() if known.startswith(name))

    def memory(self) -> float:
        """MB that are resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def applied(self, what: str) -> int:
        """How often the log says so: kind and name."""
        kind, name = what.split()
        texts = [json.loads(line)["message"] for line in self.log.read_text().splitlines() if line.startswith("{")]
        return texts.count(f"applied {kind} {NAMESPACE}/{name}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Seconds until the process has ended."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)
        return time.monotonic() - began


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _get(port: int, path: str) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None
