# SPDX-License-Identifier: Apache-2.0
"""The Deployment of a part: new pods first, old ones go when they are ready.

What pods can re-read (routing table, auth settings, credentials, certificates) never shows here, so a change of it
restarts nothing. A provider's settings it reads once: their revision is an annotation of its pods, and of its alone.
"""

from typing import Any

from aigw_operator.desired.configmap import settings_revision
from aigw_operator.desired.context import Context, Part
from aigw_operator.desired.pod import pod

SETTINGS = "aigateway.dev/settings-revision"


def build(context: Context, part: Part) -> dict[str, Any] | None:
    workload = part.workload
    replicas = {} if workload.autoscaling else {"replicas": workload.replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": context.metadata(part.name),
        "spec": {
            **replicas,  # with autoscaling the number is the HorizontalPodAutoscaler's
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": context.selector(part.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": _pod_metadata(context, part), "spec": pod(context, part)},
        },
    }


def _pod_metadata(context: Context, part: Part) -> dict[str, Any]:
    annotations = dict(part.workload.annotations)
    if part.provider is not None:
        annotations[SETTINGS] = settings_revision(context, part)
    more = {"annotations": annotations} if annotations else {}
    return {"labels": context.labels(part.name), **more}
