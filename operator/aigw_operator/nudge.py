# SPDX-License-Identifier: Apache-2.0
"""Brings changed files into running pods at once.

The kubelet looks after the files that a pod has of ConfigMaps and Secrets every minute or so, and whenever the pod
itself changes. So an annotation of the pod names what its files should hold. It is written once for a pod and a
content, never while nothing changes, and it only makes it faster: without it, the files come all the same.

Not during a rollout: the old pods may lack a volume of which the new files speak, and the new ones have just read them.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterable, Mapping

from aigw_operator.api.cluster import Cluster, Refused
from aigw_operator.desired.context import Context
from aigw_operator.desired.mounts import read_by
from aigw_operator.kinds import DEPLOYMENT, POD, Named, Object
from aigw_operator.probing import READ, Pod
from aigw_operator.status import Part

log = logging.getLogger(__name__)


def nudge(context: Context, known: Mapping[Named, Object], pods: Iterable[Pod], key: bytes, cluster: Cluster) -> None:
    """Annotate the pods whose annotation is another. `known`: what the gateway has and what its spec names."""
    wanted = contents(context, known, key)
    for pod in pods:
        if pod.part in wanted and pod.read != wanted[pod.part]:
            try:
                cluster.annotate(POD, context.namespace, pod.name, {READ: wanted[pod.part]})
            except Refused as refused:  # by a role of an older chart, or by somebody's admission
                log.warning("%s/%s cannot be annotated, so it reads what is new a minute later: %s",
                            context.namespace, pod.name, refused)  # fmt: skip
                return


def contents(context: Context, known: Mapping[Named, Object], key: bytes) -> dict[str, str]:
    """Part that is not being rolled out -> a name for all that its pods read of ConfigMaps and Secrets. Pure.

    Values of Secrets are in it, so it is made with `key`: who does not have that cannot try out values.
    """
    deployments = {part.name: known.get((DEPLOYMENT.kind, context.object_name(part.name))) for part in context.parts()}
    settled = {part: body for part, body in deployments.items() if body is not None and Part.of(body).settled}
    return {part: _content(body, known, key) for part, body in settled.items()}


def _content(deployment: Object, known: Mapping[Named, Object], key: bytes) -> str:
    found = [(*name, known.get(name, {}).get("data")) for name in sorted(read_by(deployment))]
    return hmac.new(key, json.dumps(found, sort_keys=True).encode(), hashlib.sha256).hexdigest()[:12]
