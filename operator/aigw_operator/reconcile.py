# SPDX-License-Identifier: Apache-2.0
"""The one function between what is wanted and what is there: parse, apply, observe, prune, say so.

Level-triggered: it looks at everything each time and does not care what woke it. Only an API server that cannot be
reached raises; what is wrong with a gateway is data and ends in its status.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aigw_contract.checks import check
from aigw_contract.gateway import AIGateway
from aigw_operator import generated, status
from aigw_operator.api.cluster import Cluster, Refused
from aigw_operator.desired.context import Context
from aigw_operator.desired.objects import objects
from aigw_operator.drift import is_there, stamped, was_changed_by_others
from aigw_operator.kinds import (
    AUTOSCALER,
    CHILDREN,
    CONFIG_MAP,
    DEPLOYMENT,
    GATEWAY,
    SECRET,
    Key,
    Named,
    Object,
    kind_of,
)
from aigw_operator.lives import USUAL, Lives
from aigw_operator.loop.pace import Outcome
from aigw_operator.observe import Asked, live_of, observe
from aigw_operator.order import Step, kept, parts_of, step
from aigw_operator.status import Observation
from aigw_operator.wanted import LAST_GOOD, everything, is_ours, left_over, named, selector, taken

HANDOVER = "aigw-operator-handover"  # a field manager

log = logging.getLogger(__name__)


class Facts(NamedTuple):
    """What the operator knows beside the object: where images come from, what the cluster has."""

    image_prefix: str
    image_tag: str
    operator_namespace: str
    pod_monitors: bool
    lives: Lives = USUAL


def reconcile(key: Key, cluster: Cluster, facts: Facts) -> Outcome:
    """Bring one gateway to its spec."""
    body = cluster.get(GATEWAY, *key)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return Outcome.GONE  # what belongs to it has it as owner, and goes with it
    gateway, faults = check(body)
    before = body.get("status") or {}
    seen = Observation(
        body["metadata"]["generation"], before.get("appliedGeneration", 0), faults=[str(fault) for fault in faults]
    )
    if gateway is not None and not faults:
        seen = _bring(gateway, body, cluster, facts)
    elif seen.applied:
        seen = _observe_last_good(body, seen, cluster, facts)
    return Outcome.SETTLED if _say(body, before, seen, cluster) else Outcome.WAITING


def _bring(gateway: AIGateway, body: Object, cluster: Cluster, facts: Facts) -> Observation:
    """Apply, observe and prune a good generation. While its table waits, the one before is what is served."""
    context = _context(gateway, body, facts)
    live = live_of(context, cluster)
    generation, before = body["metadata"]["generation"], (body.get("status") or {}).get("appliedGeneration", 0)
    try:
        _, stands, awaited = _apply(context, live, cluster)
    except Refused as refused:
        return _observe_last_good(body, Observation(generation, before, refused=str(refused)), cluster, facts)
    applied = before if awaited else generation
    seen = Observation(generation, applied, warnings=_warnings(gateway), awaited=awaited)
    asked = Asked([] if awaited else _to_ask(gateway, body), not _has_served(body, applied))
    seen = observe(context, stands, cluster, seen, asked)
    return replace(seen, leaving=_prune(context, stands, live, cluster, routed=seen.routed))


def _to_ask(gateway: AIGateway, body: Object) -> Sequence[str]:
    """Models that the next probe asks: once for a generation, as it costs something."""
    return [] if _has_served(body, body["metadata"]["generation"]) else gateway.spec.probe.models


def _has_served(body: Object, generation: int) -> bool:
    return bool((body.get("status") or {}).get("servingGeneration", 0) == generation)


def _observe_last_good(body: Object, seen: Observation, cluster: Cluster, facts: Facts) -> Observation:
    """A generation that cannot be applied changes nothing: what was applied before is looked at as it stands."""
    metadata = body["metadata"]
    kept = cluster.get(CONFIG_MAP, metadata["namespace"], f"{metadata['name']}-{LAST_GOOD}")
    if kept is None or not seen.applied:
        return seen
    context = _context(AIGateway.model_validate_json(kept["data"]["gateway.json"]), body, facts)
    return observe(context, objects(context), cluster, seen, Asked())


def _context(gateway: AIGateway, body: Object, facts: Facts) -> Context:
    images = gateway.spec.images
    return Context(
        gateway,
        body["metadata"]["uid"],
        images.prefix or facts.image_prefix,
        images.tag or facts.image_tag,
        facts.pod_monitors,
        facts.operator_namespace,
        lives=facts.lives,
    )


def _apply(context: Context, live: Mapping[Named, Object], cluster: Cluster) -> Step:
    """Everything that should exist by now; what is there already as it should be is not written."""
    now = datetime.now(UTC)
    done = step(context, everything(context, _with_keys(context, live, cluster), now), live, now)
    _hand_over_replicas(done.writes, live, cluster)
    for body in map(stamped, done.writes):
        _put(body, live.get(named(body)), context, cluster)
    return done


def _hand_over_replicas(made: list[Object], live: Mapping[Named, Object], cluster: Cluster) -> None:
    """Before an autoscaler takes over: what only we state and state no more falls to its default, which is one pod.

    So the number that is there is first stated in another name; the autoscaler changes it from there.
    """
    for body in made:
        before = live.get(named(body))
        if body["kind"] != DEPLOYMENT.kind or "replicas" in body["spec"] or before is None:
            continue
        if (AUTOSCALER.kind, body["metadata"]["name"]) not in live:
            metadata = {key: body["metadata"][key] for key in ("name", "namespace")}
            kept = {"spec": {"replicas": before["spec"].get("replicas", 1)}, "metadata": metadata}
            cluster.apply(DEPLOYMENT, {"apiVersion": body["apiVersion"], "kind": body["kind"], **kept}, HANDOVER)


def _with_keys(context: Context, live: Mapping[Named, Object], cluster: Cluster) -> Mapping[Named, Object]:
    """Before a key is made the API server itself is asked whether there is one: what is told of may come late."""
    if all((SECRET.kind, name) in live for name in generated.names(context)):
        return live
    found = cluster.find(SECRET, context.namespace, selector(context))
    return {**live, **{named(body): body for body in found}}


def _put(body: Object, live: Object | None, context: Context, cluster: Cluster) -> None:
    """Write one object if it is not as it should be. Raises Refused for a name that somebody else has."""
    if is_there(body, live):
        return
    kind, name = kind_of(body), body["metadata"]["name"]
    if live is None and (other := cluster.get(kind, context.namespace, name)) is not None:
        _require_ours(context, other)
    if was_changed_by_others(body, live) or not is_there(body, cluster.apply(kind, body)):
        cluster.overwrite(kind, body)
    log.info("applied %s %s/%s", body["kind"], context.namespace, name)


def _require_ours(context: Context, other: Object) -> None:
    if not is_ours(context, other):
        raise Refused(taken(other))


def _prune(
    context: Context, stands: list[Object], live: Mapping[Named, Object], cluster: Cluster, *, routed: bool
) -> list[str]:
    """Delete what is ours and is wanted no more, but for what is in use; the parts of which something stays."""
    kinds = {kind.kind: kind for kind in CHILDREN}
    stays = kept(context, stands, live, routed=routed)
    goes = [name for name in left_over(context, stands, live) if name not in stays]
    for kind, name in goes:
        metadata = live[kind, name]["metadata"]
        if not metadata.get("deletionTimestamp"):
            cluster.delete(kinds[kind], context.namespace, name, metadata["uid"], with_pods=kind == DEPLOYMENT.kind)
            log.info("deleted %s %s/%s", kind, context.namespace, name)
    return parts_of(stays, live)


def _warnings(gateway: AIGateway) -> list[str]:
    """What is no fault, but may surprise."""
    spec = gateway.spec
    found = [] if spec.auth.issuers else ["spec.auth.issuers is empty: only user tokens of the gateway are accepted"]
    off = [] if spec.network.policies else ["spec.network.policies is false: nothing keeps other pods from the parts"]
    return found + off


def _say(body: Object, before: Mapping[str, Any], seen: Observation, cluster: Cluster) -> bool:
    """Write the status and events if anything changed; True if nothing is waited for."""
    now = datetime.now(UTC)
    after = status.status(seen, before, now)
    metadata = body["metadata"]
    if after != before:
        cluster.patch_status(GATEWAY, metadata["namespace"], metadata["name"], after)
        about = body | {"apiVersion": GATEWAY.api_version, "kind": GATEWAY.kind}
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        for change in status.changes(before, after):
            bad = (change["type"] == "Degraded") == (change["status"] == "True") and change["type"] != "Progressing"
            cluster.event(about, change["reason"], f"{change['type']}: {change['message']}", warning=bad, now=stamp)
    conditions: dict[str, str] = {c["type"]: c["status"] for c in after["conditions"]}
    good = conditions["Serving"] == "True" and conditions["Degraded"] == "False"
    done = conditions["Progressing"] == "False" and not seen.leaving
    return done and (good or conditions["Accepted"] == "False")
