# SPDX-License-Identifier: Apache-2.0
"""Replicas by CPU, where the gateway asks for it."""

from typing import Any

from aigw_operator.desired.context import Context, Part


def build(context: Context, part: Part) -> dict[str, Any] | None:
    scaled = part.workload.autoscaling
    if scaled is None:
        return None
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": scaled.target_cpu_percent}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": context.metadata(part.name),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": context.object_name(part.name),
            },
            "minReplicas": scaled.min_replicas,
            "maxReplicas": scaled.max_replicas,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }
