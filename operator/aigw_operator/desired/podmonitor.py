# SPDX-License-Identifier: Apache-2.0
"""Tells the Prometheus operator to scrape all pods of the gateway. None where the cluster has no such kind."""

from typing import Any

from aigw_operator.desired.context import Context


def build(context: Context) -> dict[str, Any] | None:
    monitoring = context.gateway.spec.monitoring
    if not (context.pod_monitors and monitoring.pod_monitor):
        return None
    metadata = context.metadata("metrics")
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata | {"labels": monitoring.labels | metadata["labels"]},
        "spec": {
            "selector": {"matchLabels": context.everything()},
            "podTargetLabels": ["app.kubernetes.io/instance", "app.kubernetes.io/component"],
            "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics"}],
        },
    }
