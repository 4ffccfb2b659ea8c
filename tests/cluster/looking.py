# SPDX-License-Identifier: Apache-2.0
"""What a gateway looks like in the cluster, and how tests change it."""

import json
from typing import Any

from cluster import kube


def objects(namespace: str, part: str) -> list[dict[str, Any]]:
    """The pods of a part that are not on their way out."""
    found = kube.get("pods", "-n", namespace, "-l", f"app.kubernetes.io/component={part}")["items"]
    return [o for o in found if not o["metadata"].get("deletionTimestamp")]


def pods(namespace: str, part: str) -> set[str]:
    return {o["metadata"]["name"] for o in objects(namespace, part)}


def runs(namespace: str, part: str) -> set[tuple[str, int]]:
    """Pods, and how often their containers have been restarted."""
    found = objects(namespace, part)
    return {(o["metadata"]["name"], sum(c["restartCount"] for c in o["status"]["containerStatuses"])) for o in found}


def versions(namespace: str) -> dict[str, str]:
    """Not of disruption budgets: their controller writes there when pods of the test before are gone at last."""
    kinds = "deployments,services,configmaps,secrets,networkpolicies,serviceaccounts,aigateways,pods"
    items = [o for o in kube.get(kinds, "-n", namespace)["items"] if not o["metadata"].get("deletionTimestamp")]
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in items}


def edit(gateway: str, namespace: str, spec: dict[str, Any]) -> int:
    """The new generation."""
    kube.kubectl("patch", "aigateway", gateway, "-n", namespace, "--type=merge", "-p", json.dumps({"spec": spec}))
    return generation(gateway, namespace)


def generation(gateway: str, namespace: str) -> int:
    found: int = kube.get("aigateway", gateway, "-n", namespace)["metadata"]["generation"]
    return found


def serves(gateway: str, namespace: str, generation: int) -> bool:
    serving = kube.conditions(namespace, gateway).get("Serving", {})
    return serving.get("status") == "True" and serving.get("observedGeneration", 0) >= generation


def until_serves(gateway: str, namespace: str, generation: int, seconds: float = 150) -> None:
    kube.until(f"generation {generation} serves", lambda: serves(gateway, namespace, generation), seconds)


def until_settled(gateway: str, namespace: str) -> None:
    """No pod is on its way in or out."""
    what = ("pods,deployments", "-n", namespace, "-l", f"app.kubernetes.io/instance={gateway}")

    def settled() -> bool:
        going = [o for o in kube.get(*what)["items"] if o["metadata"].get("deletionTimestamp")]
        return not going and kube.conditions(namespace, gateway)["Progressing"]["status"] == "False"

    kube.until("all has settled", settled, 120)
