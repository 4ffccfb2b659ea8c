# SPDX-License-Identifier: Apache-2.0
"""One look at a cluster for `aigw plan`. It only reads, and does without what a user may often not read.

Of the same objects as `reconcile`: those with the gateway's labels, and those that have a name which it needs.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aigw_operator.api.cluster import Cluster, Refused
from aigw_operator.desired.context import Context
from aigw_operator.kinds import CHILDREN, DEPLOYMENT, SECRET, Named, Object, kind_of
from aigw_operator.planning import facts
from aigw_operator.wanted import is_ours, named, selector, taken


class Belongings(NamedTuple):
    """What a gateway has. `hidden`: kinds that may not be read."""

    live: dict[Named, Object]
    hidden: list[str]


def belongings(cluster: Cluster, context: Context) -> Belongings:
    """Secrets, and kinds that a cluster may lack, may be out of sight; without the others there is nothing to say."""
    live: dict[Named, Object] = {}
    hidden = []
    for kind in CHILDREN:
        if kind.optional and not cluster.has(kind):
            continue
        try:
            live |= {named(body): body for body in cluster.find(kind, context.namespace, selector(context))}
        except Refused:
            if kind != SECRET and not kind.optional:
                raise
            hidden.append(kind.kind)
    return Belongings(live, hidden)


def obstacles(
    cluster: Cluster, context: Context, made: Iterable[Object], live: Mapping[Named, Object]
) -> tuple[dict[Named, Object], list[str]]:
    """Of what would be created: what is there without the labels and is ours, and what stands in the way, as faults."""
    ours: dict[Named, Object] = {}
    faults = []
    for body in made:
        kind = kind_of(body)
        if kind.optional and not cluster.has(kind):
            faults.append(f"the cluster has no {kind.kind} ({kind.api_version}); install it, or do not ask for one")
        elif named(body) not in live:
            for other in cluster.find(kind, context.namespace, name=body["metadata"]["name"]):
                ours |= {named(body): other} if is_ours(context, other) else {}
                faults += [] if is_ours(context, other) else [taken(other)]
    return ours, faults


def operators(cluster: Cluster, namespace: str, own: str | None) -> list[Object]:
    """Deployments of operators: in `own`, else wherever they may be seen."""
    for place in [own] if own else ["", namespace]:
        try:
            return cluster.find(DEPLOYMENT, place, facts.SELECTOR)
        except Refused:
            continue
    return []
