# SPDX-License-Identifier: Apache-2.0
"""Everything that should exist for a gateway, in the order in which it is applied. Secrets are `generated`'s.

What a pod needs comes before the pod, and what is called before what calls it.
"""

from collections.abc import Callable
from typing import Any

from aigw_operator.desired import (
    configmap,
    deployment,
    hpa,
    httproute,
    ingress,
    networkpolicy,
    pdb,
    podmonitor,
    service,
    serviceaccount,
)
from aigw_operator.desired.context import Context, Part

Object = dict[str, Any]
ForPart = Callable[[Context, Part], Object | None]

BEFORE_PODS: tuple[ForPart, ...] = (serviceaccount.build, configmap.build, networkpolicy.build, service.build)
PODS_AND_AFTER: tuple[ForPart, ...] = (deployment.build, pdb.build, hpa.build)


def objects(context: Context) -> list[Object]:
    parts = [*context.parts()][::-1]
    found = [
        networkpolicy.default_deny(context),
        *(build(context, part) for build in BEFORE_PODS for part in parts),
        *(build(context, part) for build in PODS_AND_AFTER for part in parts),
        ingress.build(context),
        httproute.build(context),
        podmonitor.build(context),
    ]
    return [body for body in found if body is not None]
