# SPDX-License-Identifier: Apache-2.0
"""A part's pod: the restricted Pod Security standard, any user id, spread over nodes and zones."""

from typing import Any

from aigw_operator.desired.container import container
from aigw_operator.desired.context import Context, Part
from aigw_operator.desired.mounts import mounts

PRE_STOP_SECONDS = 10  # until the last load balancer has heard that the pod goes; it serves on meanwhile
DRAIN_SECONDS = 60  # what running requests, streams among them, get after that
GRACE_SECONDS = PRE_STOP_SECONDS + DRAIN_SECONDS + 10


def pod(context: Context, part: Part) -> dict[str, Any]:
    workload = part.workload
    secrets = [{"name": name} for name in context.gateway.spec.images.pull_secrets]
    return {
        "serviceAccountName": context.object_name(part.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a Service named `aigw` would set AIGW_PORT
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        **({"imagePullSecrets": secrets} if secrets else {}),
        **({"nodeSelector": dict(workload.node_selector)} if workload.node_selector else {}),
        "topologySpreadConstraints": [_over_zones(context, part)],
        "affinity": {"podAntiAffinity": _over_nodes(context, part)},
        "containers": [container(context, part, pre_stop=PRE_STOP_SECONDS, drain=DRAIN_SECONDS)],
        "volumes": [{"name": mount.name, **mount.source} for mount in mounts(context, part)],
    }


def _over_zones(context: Context, part: Part) -> dict[str, Any]:
    """A wish, not a condition: in a single zone all pods run there. Old pods of a rollout do not count."""
    return {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": context.selector(part.name)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _over_nodes(context: Context, part: Part) -> dict[str, Any]:
    """A wish as well, and no second constraint: the scheduler leaves all aside on nodes that lack the label of one."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": context.selector(part.name)}}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
