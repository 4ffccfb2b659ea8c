# SPDX-License-Identifier: Apache-2.0
"""The one container of a part: image, probes, resources, and no right that it does not need."""

from typing import Any

from aigw_operator.desired.context import METRICS_PORT, PORT, Context, Part
from aigw_operator.desired.environment import environment
from aigw_operator.desired.mounts import mounts
from aigw_operator.desired.quantity import canonical


def container(context: Context, part: Part, *, pre_stop: int, drain: int) -> dict[str, Any]:
    return {
        "name": part.image.removesuffix("s"),
        "image": image(context, part),
        "imagePullPolicy": context.gateway.spec.images.pull_policy,
        **({"args": [part.provider.name]} if part.provider else {}),
        "env": environment(context, part, drain),
        "ports": [
            {"name": "serving", "containerPort": PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        **_probes(part),
        "lifecycle": {"preStop": {"sleep": {"seconds": pre_stop}}},
        "resources": _resources(part),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": m.name, "mountPath": m.path, "readOnly": True} for m in mounts(context, part)],
    }


def image(context: Context, part: Part) -> str:
    images = context.gateway.spec.images
    name = f"{images.prefix or context.image_prefix}{part.image}"
    digest = images.digests.get(part.image)
    return f"{name}@{digest}" if digest else f"{name}:{images.tag or context.image_tag}"


def _probes(part: Part) -> dict[str, Any]:
    """Only `/livez` restarts a container, and it depends on nothing: a router must not restart because auth is slow."""
    return {
        "startupProbe": _probe(part, "/livez", period=1, failures=60),
        "readinessProbe": _probe(part, "/readyz", period=3, failures=2),
        "livenessProbe": _probe(part, "/livez", period=10, failures=6),
    }


def _probe(part: Part, path: str, *, period: int, failures: int) -> dict[str, Any]:
    scheme = "HTTP" if part.name == "router" else "HTTPS"
    return {
        "httpGet": {"path": path, "port": "serving", "scheme": scheme},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _resources(part: Part) -> dict[str, Any]:
    resources = part.workload.resources
    found = {"requests": resources.requests, "limits": resources.limits}
    return {name: {key: canonical(value) for key, value in of.items()} for name, of in found.items() if of}
