# SPDX-License-Identifier: Apache-2.0
"""A node that is drained takes one pod of a part at a time. For a single replica there is none: it would only block."""

from typing import Any

from aigw_operator.desired.context import Context, Part


def build(context: Context, part: Part) -> dict[str, Any] | None:
    scaled = part.workload.autoscaling
    fewest = scaled.min_replicas if scaled else part.workload.replicas
    if fewest < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": context.metadata(part.name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": context.selector(part.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",  # a pod that is broken anyway must not hold up a drain
        },
    }
