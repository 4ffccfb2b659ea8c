# SPDX-License-Identifier: Apache-2.0
"""What should exist for a gateway and what is left over: decided once, for `reconcile` and for `aigw plan`. Pure.

Pure but for the randomness of keys that do not exist yet (see `generated`).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from aigw_operator import generated
from aigw_operator.desired.context import MANAGER, Context
from aigw_operator.desired.objects import objects
from aigw_operator.kinds import SECRET, Named, Object

LAST_GOOD = "last-good"


def named(body: Object) -> Named:
    return body["kind"], body["metadata"]["name"]


def selector(context: Context) -> str:
    """Finds what belongs to the gateway."""
    return f"app.kubernetes.io/instance={context.name},app.kubernetes.io/managed-by={MANAGER}"


def everything(context: Context, live: Mapping[Named, Object], now: datetime) -> list[Object]:
    """All that should exist, in the order in which it is applied. Of `live` the values of Secrets are kept."""
    found = {name: generated.values_of(body) for (kind, name), body in live.items() if kind == SECRET.kind}
    return [*generated.manifests(context, found, now), *objects(context), last_good(context)]


def left_over(context: Context, made: Iterable[Object], live: Mapping[Named, Object]) -> list[Named]:
    """What is ours and is wanted no more. What somebody else owns is not ours, whatever its labels say."""
    wanted = {named(body) for body in made}
    return [name for name, body in live.items() if name not in wanted and is_ours(context, body)]


def is_ours(context: Context, body: Object) -> bool:
    return context.uid in [owner["uid"] for owner in body["metadata"].get("ownerReferences", [])]


def taken(other: Object) -> str:
    """What is said of an object that has a name which the gateway needs, and is not the gateway's."""
    what = f'{other.get("kind", "object")} "{other["metadata"]["name"]}"'
    return f"the {what} exists and is not this gateway's; choose another name or remove it"


def last_good(context: Context) -> Object:
    """The newest generation that could be applied, kept for when the next one cannot."""
    gateway = context.gateway
    content = json.dumps({
        "apiVersion": gateway.api_version,
        "kind": gateway.kind,
        "metadata": {"name": context.name, "namespace": context.namespace},
        "spec": gateway.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
    })  # fmt: skip
    metadata = context.metadata(LAST_GOOD)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"gateway.json": content}}
